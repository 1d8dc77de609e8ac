package server

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/org"
	"traitortrack/internal/weight"
)

// settingsPage is what an admin chooses for the organization, as stored or as typed when it was refused.
type settingsPage struct {
	Frame
	Version        int64
	Name, TimeZone string
	Formats        []formatForm // with an empty one at the end
	Saved          bool
	Refused        *errs.Error // nil unless a change was refused
}

// formatForm is one format of bags as it is typed.
type formatForm struct {
	ID                             int64
	Name, Pattern, Capacity, Child string
	Remove                         bool
}

func (f formatForm) empty() bool {
	return f.ID == 0 && strings.TrimSpace(f.Name+f.Pattern+f.Capacity+f.Child) == ""
}

func (s *Server) settings(w http.ResponseWriter, r *http.Request) error {
	stored, err := s.Orgs.Settings(r.Context(), actorFrom(r.Context()).OrgID)
	if err != nil {
		return err
	}
	p := settingsPage{Version: stored.Version, Name: stored.Name, TimeZone: stored.TimeZone, Saved: r.URL.Query().Has("saved")}
	for _, f := range stored.Formats {
		p.Formats = append(p.Formats, formatForm{ID: f.ID, Name: f.Name, Pattern: f.Pattern, Capacity: strconv.Itoa(f.Capacity), Child: f.ChildGrams.String()})
	}
	return s.showSettings(w, r, http.StatusOK, p)
}

func (s *Server) changeSettingsForm(w http.ResponseWriter, r *http.Request) error {
	typed := readSettingsForm(r)
	to, err := typed.settings()
	if err == nil {
		_, err = s.Orgs.ChangeSettings(r.Context(), actorFrom(r.Context()), to)
	}
	if refused := errs.As(err); refused != nil && (refused.Kind == errs.Conflict || refused.Kind == errs.Invalid || refused.Kind == errs.NotFound) {
		typed.Refused = refused
		return s.showSettings(w, r, statusOf(refused.Kind), typed)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/settings?saved")
}

// showSettings shows the page with an empty format to fill in.
func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, status int, p settingsPage) error {
	p.Frame = s.frame(r, "Settings", "settings")
	p.Formats = append(slices.DeleteFunc(p.Formats, formatForm.empty), formatForm{})
	return s.render(w, r, status, "settings", p)
}

// readSettingsForm reads the rows of formats side by side: each has one value of each name.
func readSettingsForm(r *http.Request) settingsPage {
	version, _ := strconv.ParseInt(r.PostForm.Get("version"), 10, 64) // what cannot be read is no version, and stale
	p := settingsPage{Version: version, Name: r.PostForm.Get("name"), TimeZone: r.PostForm.Get("time_zone")}
	for i, id := range r.PostForm["format_id"] {
		f := formatForm{Name: nth(r.PostForm["format_name"], i), Pattern: nth(r.PostForm["format_pattern"], i),
			Capacity: nth(r.PostForm["format_capacity"], i), Child: nth(r.PostForm["format_child"], i),
			Remove: id != "0" && slices.Contains(r.PostForm["format_remove"], id)}
		f.ID, _ = strconv.ParseInt(id, 10, 64)
		p.Formats = append(p.Formats, f)
	}
	return p
}

func nth(values []string, i int) string {
	if i < len(values) {
		return values[i]
	}
	return ""
}

// settings reads what was typed.
func (p settingsPage) settings() (org.Settings, error) {
	to := org.Settings{Version: p.Version, Name: p.Name, TimeZone: p.TimeZone}
	for _, f := range p.Formats {
		if f.Remove || f.empty() {
			continue
		}
		capacity, err := strconv.Atoi(strings.TrimSpace(f.Capacity))
		if err != nil {
			return to, errs.Field("capacity", "invalid_settings", "How many children does a parent of %s hold? Type a whole number.", clip(f.Name)).Wrap(err)
		}
		kilograms, err := strconv.ParseFloat(strings.TrimSpace(f.Child), 64)
		if err != nil {
			return to, errs.Field("child", "invalid_settings", "What does a child of %s weigh? Type kilograms, such as 1.000.", clip(f.Name)).Wrap(err)
		}
		child, err := grams(kilograms)
		if err != nil {
			return to, err
		}
		to.Formats = append(to.Formats, code.Format{ID: f.ID, Name: f.Name, Pattern: f.Pattern, Capacity: capacity, ChildGrams: child})
	}
	return to, nil
}

// grams reads kilograms of at most three decimals.
func grams(kilograms float64) (weight.Grams, error) {
	g := math.Round(kilograms * 1000)
	if math.Abs(g-kilograms*1000) > 1e-6 || math.IsNaN(g) || math.Abs(g) > 1e12 {
		return 0, errs.Field("child_weight_kg", "invalid_settings", "A weight is kilograms with at most three decimals, such as 1.250.")
	}
	return weight.Grams(g), nil
}

// settingsBody is settings as the API reads and tells them.
type settingsBody struct {
	Version  int64        `json:"version"`
	Name     string       `json:"name"`
	TimeZone string       `json:"time_zone"`
	Formats  []formatBody `json:"formats"`
}

type formatBody struct {
	ID          int64   `json:"id,omitempty"`
	Name        string  `json:"name"`
	Pattern     string  `json:"pattern"`
	Capacity    int     `json:"capacity"`
	ChildWeight float64 `json:"child_weight_kg"`
}

func settingsAnswer(settings org.Settings) settingsBody {
	b := settingsBody{Version: settings.Version, Name: settings.Name, TimeZone: settings.TimeZone, Formats: []formatBody{}}
	for _, f := range settings.Formats {
		b.Formats = append(b.Formats, formatBody{ID: f.ID, Name: f.Name, Pattern: f.Pattern, Capacity: f.Capacity, ChildWeight: float64(f.ChildGrams) / 1000})
	}
	return b
}

func (s *Server) getSettings(w http.ResponseWriter, r *http.Request) error {
	settings, err := s.Orgs.Settings(r.Context(), actorFrom(r.Context()).OrgID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, settingsAnswer(settings))
}

func (s *Server) putSettings(w http.ResponseWriter, r *http.Request) error {
	var sent settingsBody
	if err := decode(r, &sent); err != nil {
		return err
	}
	to := org.Settings{Version: sent.Version, Name: sent.Name, TimeZone: sent.TimeZone}
	for _, f := range sent.Formats {
		child, err := grams(f.ChildWeight)
		if err != nil {
			return err
		}
		to.Formats = append(to.Formats, code.Format{ID: f.ID, Name: f.Name, Pattern: f.Pattern, Capacity: f.Capacity, ChildGrams: child})
	}
	settings, err := s.Orgs.ChangeSettings(r.Context(), actorFrom(r.Context()), to)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, settingsAnswer(settings))
}
