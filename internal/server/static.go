package server

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"
)

// assets are the built files of web/dist, in memory, each under a name that changes with its content.
type assets struct {
	names map[string]string // "app.css" to "app-1a2b3c4d.css"
	files map[string]*file
}

// file is an asset as it goes onto the wire: plain, and compressed where that was worth it.
type file struct {
	contentType string
	bodies      map[string][]byte // by content encoding, "" for plain
}

// loadAssets reads the built assets and the manifest that names them.
func loadAssets(dist fs.FS) (*assets, error) {
	manifest, err := fs.ReadFile(dist, "dist/manifest.json")
	if err != nil {
		return nil, fmt.Errorf("the assets are not built: run make assets (%w)", err)
	}
	a := &assets{names: map[string]string{}, files: map[string]*file{}}
	if err := json.Unmarshal(manifest, &a.names); err != nil {
		return nil, fmt.Errorf("the assets' manifest cannot be read: run make assets (%w)", err)
	}
	for name, hashed := range a.names {
		if a.files[hashed], err = loadFile(dist, hashed); err != nil {
			return nil, fmt.Errorf("asset %s: run make assets (%w)", name, err)
		}
	}
	return a, nil
}

func loadFile(dist fs.FS, hashed string) (*file, error) {
	plain, err := fs.ReadFile(dist, path.Join("dist", hashed))
	if err != nil {
		return nil, err
	}
	f := &file{contentType: contentType(hashed), bodies: map[string][]byte{"": plain}}
	for encoding, suffix := range map[string]string{"br": ".br", "gzip": ".gz"} {
		body, err := fs.ReadFile(dist, path.Join("dist", hashed+suffix))
		if err == nil && len(body) < len(plain) {
			f.bodies[encoding] = body
		}
	}
	return f, nil
}

func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".webmanifest":
		return "application/manifest+json"
	case ".ico":
		return "image/x-icon"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// url gives the address of an asset by its plain name.
func (a *assets) url(name string) (string, error) {
	hashed, ok := a.names[name]
	if !ok {
		return "", fmt.Errorf("no asset %q in the manifest", name)
	}
	return "/static/" + hashed, nil
}

// icon gives an icon of the sprite as inline SVG. It is decoration: the word beside it carries the meaning.
func (a *assets) icon(name string) (template.HTML, error) {
	sprite, err := a.url("icons.svg")
	if err != nil {
		return "", err
	}
	return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false"><use href="` + //nolint:gosec // the name is escaped, and the rest is ours
		template.HTMLEscapeString(sprite+"#"+name) + `"></use></svg>`), nil
}

// asset serves a built file. Its name changes with its content, so it may be kept for ever.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.assets.files[chi.URLParam(r, "*")]
	if !ok {
		return notFound(w, r)
	}
	f.serve(w, r, "public, max-age=31536000, immutable")
	return nil
}

// favicon serves the icon at the address where browsers look for it unasked.
func (s *Server) favicon(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.assets.files[s.assets.names["favicon.svg"]]
	if !ok {
		return notFound(w, r)
	}
	f.serve(w, r, "public, max-age=86400")
	return nil
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, caching string) {
	h := w.Header()
	encoding := f.best(r.Header.Get("Accept-Encoding"))
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", caching)
	h.Set("Content-Type", f.contentType)
	_, _ = w.Write(f.bodies[encoding]) // a reader who went away needs no answer
}

// best gives the smallest encoding that the client takes.
func (f *file) best(accepted string) string {
	for _, encoding := range []string{"br", "gzip"} {
		if _, ok := f.bodies[encoding]; ok && accepts(accepted, encoding) {
			return encoding
		}
	}
	return ""
}

func accepts(accepted, encoding string) bool {
	for offer := range strings.SplitSeq(accepted, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q := strings.ReplaceAll(quality, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.0")
		}
	}
	return false
}
