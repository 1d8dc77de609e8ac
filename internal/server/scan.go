package server

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/bag"
	"traitortrack/internal/errs"
	"traitortrack/internal/weight"
)

// maxBatch is how many scans one batch may hold.
const maxBatch = 500

// scanRequest is a scan as a client sends it: code and parent raw, as the scanner read them.
type scanRequest struct {
	Code      string  `json:"code"`
	Parent    string  `json:"parent"`
	ScanID    *string `json:"scan_id"`
	ScannedAt *string `json:"scanned_at"`
}

// parentJSON is a parent as the answer of a scan shows it.
type parentJSON struct {
	Code     string       `json:"code"`
	Children int          `json:"children"`
	Capacity int          `json:"capacity"`
	Status   string       `json:"status"`
	Weight   weight.Grams `json:"weight_kg"`
}

type scanJSON struct {
	ScanID  uuid.UUID   `json:"scan_id"`
	Outcome string      `json:"outcome"`
	Code    string      `json:"code"`
	Parent  *parentJSON `json:"parent,omitempty"`
	Message string      `json:"message"`
}

// batchItem is what became of one scan of a batch: the answer of a scan, or its problem.
type batchItem struct {
	ScanID  string         `json:"scan_id"`
	Status  int            `json:"status"`
	Outcome string         `json:"outcome,omitempty"`
	Code    string         `json:"code,omitempty"`
	Parent  *parentJSON    `json:"parent,omitempty"`
	Message string         `json:"message,omitempty"`
	Problem map[string]any `json:"problem,omitempty"`
}

func (s *Server) scan(w http.ResponseWriter, r *http.Request) error {
	var sent scanRequest
	if err := decode(r, &sent); err != nil {
		return err
	}
	asked, err := sent.read()
	if err != nil {
		return err
	}
	results, err := s.Bags.Scan(r.Context(), actorFrom(r.Context()), []bag.Request{asked})
	if err != nil {
		return err
	}
	if refused := results[0].Refused; refused != nil {
		return refused
	}
	return writeJSON(w, http.StatusOK, scanned(results[0]))
}

func (s *Server) scanBatch(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Scans []*scanRequest `json:"scans"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	if len(sent.Scans) == 0 || len(sent.Scans) > maxBatch {
		return errs.Field("scans", "invalid_batch", "A batch holds 1 to %d scans, and this one has %d. Send the rest in further batches.", maxBatch, len(sent.Scans))
	}
	items, asked, places, err := readBatch(sent.Scans, requestID(r.Context()))
	if err != nil {
		return err
	}
	if len(asked) > 0 {
		results, err := s.Bags.Scan(r.Context(), actorFrom(r.Context()), asked)
		if err != nil {
			return err
		}
		for i, result := range results {
			items[places[i]] = batched(result, requestID(r.Context()))
		}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"results": items})
}

// readBatch separates the scans that can be read, with their places in the batch, from those that have their problem
// already.
func readBatch(sent []*scanRequest, requestID string) ([]batchItem, []bag.Request, []int, error) {
	items := make([]batchItem, len(sent))
	var asked []bag.Request
	var places []int
	for i, scan := range sent {
		if scan == nil {
			return nil, nil, nil, malformed("Scan %d of the batch is null where an object is expected.", i+1)
		}
		readable, err := scan.read()
		if refused := errs.As(err); refused != nil {
			items[i] = batchItem{ScanID: scan.id(), Status: statusOf(refused.Kind), Problem: problemOf(refused, requestID)}
			continue
		}
		asked, places = append(asked, readable), append(places, i)
	}
	return items, asked, places, nil
}

// read checks what is not for the rules to judge: that an id is an id, and a time a time.
func (sent *scanRequest) read() (bag.Request, error) {
	asked := bag.Request{Code: sent.Code, Parent: sent.Parent}
	if sent.ScannedAt != nil {
		at, err := time.Parse(time.RFC3339, *sent.ScannedAt)
		if err != nil {
			return asked, errs.Field("scanned_at", "invalid_time", "The time of a scan is written like 2026-01-31T09:41:00+05:30. This one cannot be read.").Wrap(err)
		}
		asked.ScannedAt = &at
	}
	id, err := readScanID(sent.ScanID)
	if err != nil {
		return asked, err
	}
	if asked.ScanID = uuid.Must(uuid.NewV7()); id != nil {
		asked.ScanID = *id
	}
	return asked, nil
}

func (sent *scanRequest) id() string {
	if sent.ScanID == nil {
		return ""
	}
	return clip(*sent.ScanID)
}

// readScanID reads the id that a client gave a scan. None is nil.
func readScanID(raw *string) (*uuid.UUID, error) {
	if raw == nil {
		return nil, nil
	}
	id, err := uuid.Parse(*raw)
	if err != nil || len(*raw) != len(uuid.UUID{}.String()) || id == uuid.Nil {
		return nil, errs.Field("scan_id", "invalid_scan_id", "A scan's id is a UUID, made anew for each scan. Leave it out to have one made.").Wrap(err)
	}
	return &id, nil
}

func scanned(result bag.Result) scanJSON {
	return scanJSON{ScanID: result.ScanID, Outcome: result.Outcome, Code: result.Code, Parent: parentOf(result.Parent), Message: result.Message}
}

func batched(result bag.Result, requestID string) batchItem {
	if refused := result.Refused; refused != nil {
		return batchItem{ScanID: result.ScanID.String(), Status: statusOf(refused.Kind), Problem: problemOf(refused, requestID)}
	}
	return batchItem{ScanID: result.ScanID.String(), Status: http.StatusOK, Outcome: result.Outcome, Code: result.Code,
		Parent: parentOf(result.Parent), Message: result.Message}
}

func parentOf(s *bag.Summary) *parentJSON {
	if s == nil {
		return nil
	}
	return &parentJSON{Code: s.Code, Children: s.Children, Capacity: s.Capacity, Status: s.Status, Weight: s.Weight}
}
