package server

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"
)

// pathValue gives a part of the path as the client meant it, unescaped exactly once: chi matches the escaped path where
// there is one (a bill number may hold a slash), and the path that is already unescaped otherwise.
func pathValue(r *http.Request, name string) string {
	value := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return value
	}
	if unescaped, err := url.PathUnescape(value); err == nil {
		return unescaped
	}
	return value
}
