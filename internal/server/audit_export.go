package server

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"traitortrack/internal/audit"
	"traitortrack/internal/errs"
)

// exportWrite is how long a reader of an export may take for a part of it.
const exportWrite = 30 * time.Second

// exportAudit streams the events of a filter as a file: however many there are, one part of them is in memory. That
// they were taken out stands in the log before the first of them is sent.
func (s *Server) exportAudit(w http.ResponseWriter, r *http.Request) error {
	format := r.URL.Query().Get("format")
	if format != "csv" && format != "jsonl" {
		return errs.Field("format", "invalid_filter", "The log is exported as csv or as jsonl.")
	}
	filter, err := auditFilter(r.URL.Query(), s.location(r))
	if err != nil {
		return err
	}
	if r.Method != http.MethodHead {
		if err := s.Audit.RecordExport(r.Context(), actorFrom(r.Context()), filter, format); err != nil {
			return err
		}
	}
	out := s.download(w, "audit-log-"+s.Now().In(s.location(r)).Format(time.DateOnly)+"."+format, format)
	if r.Method == http.MethodHead {
		return nil
	}
	write := out.jsonl
	if format == "csv" {
		write = out.csv
	}
	return s.finish(r, out, write(func(do func(audit.Event) error) error {
		return s.Audit.Each(r.Context(), actorFrom(r.Context()), filter, do)
	}))
}

// download is an answer that is written bit by bit and kept as a file.
type download struct {
	*bufio.Writer
	control *http.ResponseController
}

// download begins an answer that lasts longer than others may.
func (s *Server) download(w http.ResponseWriter, name, format string) download {
	types := map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson", "json": "application/json"}
	w.Header().Set("Content-Type", types[format])
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	control := http.NewResponseController(w)
	return download{bufio.NewWriterSize(patient{w, control, s.Now}, 64<<10), control}
}

// finish sends the rest. An export that cannot go on is broken off, so that nobody takes half of it for the whole.
func (s *Server) finish(r *http.Request, out download, err error) error {
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		return nil
	}
	if r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "export broken off", slog.Any("error", err), slog.String("request_id", requestID(r.Context())))
	}
	panic(http.ErrAbortHandler)
}

// patient gives a reader time for each part of an answer, instead of for the whole.
type patient struct {
	out     io.Writer
	control *http.ResponseController
	now     func() time.Time
}

// Write sends a part.
func (p patient) Write(part []byte) (int, error) {
	if err := p.control.SetWriteDeadline(p.now().Add(exportWrite)); err != nil {
		return 0, fmt.Errorf("deadline of an export: %w", err)
	}
	return p.out.Write(part)
}

// each calls do for every event.
type each func(do func(audit.Event) error) error

func (d download) jsonl(events each) error {
	encode := json.NewEncoder(d)
	return events(func(e audit.Event) error { return encode.Encode(e) })
}

func (d download) csv(events each) error {
	rows := csv.NewWriter(d)
	err := rows.Write([]string{"timestamp", "action", "username", "user_id", "entity_type", "entity_id", "entity_name", "ip_address",
		"details", "before_state", "after_state", "request_id", "id"})
	if err != nil {
		return err
	}
	err = events(func(e audit.Event) error {
		cells := []string{e.Timestamp.UTC().Format(time.RFC3339Nano), e.Action, e.Username, "", e.EntityType, e.EntityID, e.EntityName, cell(e.IPAddress),
			cell(e.Details), cell(e.BeforeState), cell(e.AfterState), e.RequestID, strconv.FormatInt(e.ID, 10)}
		if e.UserID != nil {
			cells[3] = strconv.FormatInt(*e.UserID, 10)
		}
		for i := range cells {
			cells[i] = harmless(cells[i])
		}
		return rows.Write(cells)
	})
	rows.Flush()
	if err == nil {
		err = rows.Error()
	}
	return err
}

// cell writes a value of JSON into a cell: a text as it is, and nothing for null.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}

// harmless keeps a spreadsheet from taking a cell for a formula: the apostrophe in front makes it a text.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
