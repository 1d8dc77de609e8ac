package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"github.com/jba/templatecheck"
)

// view is a page's template, and the name of the template in it that is executed.
type view struct {
	set   *template.Template
	entry string
}

// loadPages parses every page that has a struct and proves its template against it.
func loadPages(templates fs.FS, a *assets) (map[string]*view, error) {
	pages := map[string]*view{}
	for name, sample := range pageStructs() {
		file, part, isPart := strings.Cut(name, "#")
		set, err := template.New(file).Funcs(funcs(a)).ParseFS(templates,
			"templates/layout/*.html", "templates/partials/*.html", "templates/pages/"+file+".html")
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		entry := "base"
		if isPart {
			entry = part
		}
		if set.Lookup(entry) == nil {
			return nil, fmt.Errorf("page %s: no template defines %q", name, entry)
		}
		if err := templatecheck.CheckHTML(set.Lookup(entry), sample); err != nil {
			return nil, fmt.Errorf("page %s against %T: %w", name, sample, err)
		}
		pages[name] = &view{set: set, entry: entry}
	}
	return pages, nil
}

// render executes a page, or with "page#part" one template of it, into memory and then onto the wire. data must be of
// the type that pageStructs gives for the name.
func (s *Server) render(w http.ResponseWriter, _ *http.Request, status int, name string, data any) error {
	body, err := s.paint(name, data)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a reader who went away needs no answer
	return nil
}

// paint executes a page or a part of one and gives its HTML.
func (s *Server) paint(name string, data any) ([]byte, error) {
	p, ok := s.pages[name]
	if !ok {
		return nil, fmt.Errorf("no page %q in pageStructs", name)
	}
	var body bytes.Buffer
	if err := p.set.ExecuteTemplate(&body, p.entry, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return body.Bytes(), nil
}

// writeJSON answers v as JSON.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	return writeJSONAs(w, status, "application/json", v)
}

func writeJSONAs(w http.ResponseWriter, status int, contentType string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %T as JSON: %w", v, err)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a reader who went away needs no answer
	return nil
}

// seeOther sends a browser on to one of our own pages.
func seeOther(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther) //nolint:gosec // ours: what a browser asks to go on to has been through ownPath
	return nil
}
