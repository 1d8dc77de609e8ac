package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"traitortrack/internal/errs"
	"traitortrack/internal/told"
)

// maxBody is the largest body that is read, in bytes, and maxDepth how deep its JSON may be nested.
const (
	maxBody  = 1 << 20
	maxDepth = 16
)

// decode reads the request's body, one JSON object and nothing else, into the struct that into points to. What cannot
// be read is malformed, body_too_large or unsupported_media_type, each with a sentence that says what to mend.
func decode(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errs.New(errs.Unsupported, "unsupported_media_type", "This address reads JSON. Send the body with Content-Type: application/json.")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return unread(err)
	}
	return decodeJSON(body, into)
}

func decodeJSON(body []byte, into any) error {
	if !utf8.Valid(body) {
		return malformed("The body is not valid UTF-8. Send JSON in UTF-8.")
	}
	if err := inspect(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return misfit(err)
	}
	return nil
}

// inspect walks the whole body once for what encoding/json lets pass: anything but one object, text behind it, a field
// given twice, and nesting without end.
func inspect(body []byte) error {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return malformed("The body must be a JSON object, such as {\"code\": \"SB00042\"}.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := inspectValue(d, 0); err != nil {
		return misfit(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return malformed("The body holds more than one JSON value. Send exactly one object.")
	}
	return nil
}

func inspectValue(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return malformed("The body is nested deeper than %d levels.", maxDepth)
	}
	return inspectMembers(d, open == '{', depth)
}

func inspectMembers(d *json.Decoder, object bool, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		if object {
			name, err := d.Token()
			if err != nil {
				return err
			}
			folded := strings.ToLower(fmt.Sprint(name))
			if seen[folded] {
				return malformed("The field %q is given twice. Send it once.", clip(folded))
			}
			seen[folded] = true
		}
		if err := inspectValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// misfit says what is wrong with a body that does not have the shape of its struct.
func misfit(err error) error {
	if errs.As(err) != nil {
		return err
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		e := malformed("The field %q is a %s where %s is expected.", clip(wrong.Field), clip(wrong.Value), expected(wrong.Type))
		e.Field = clip(wrong.Field)
		return e.Wrap(err)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return malformed("There is no field %s here. Leave it out, or look for its name in /api/docs.", clip(name)).Wrap(err)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return malformed("The body is not JSON: something is wrong near byte %d.", syntax.Offset).Wrap(err)
	}
	return malformed("The body is not JSON: it ends too early.").Wrap(err)
}

func expected(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Bool:
		return "true or false"
	default:
		return "a whole number"
	}
}

// formed reads the form of a page before its handler does, so that none takes one that is too large, broken off or no form at
// all for an empty one.
func formed(rt route) handler {
	if rt.method != http.MethodPost || strings.HasPrefix(rt.pattern, "/api/") {
		return rt.handle
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := readForm(r); err != nil {
			return err
		}
		return rt.handle(w, r)
	}
}

func readForm(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return errs.New(errs.Unsupported, "unsupported_media_type", "This address reads a form. Send the body with Content-Type: application/x-www-form-urlencoded.")
	}
	if err := r.ParseForm(); err != nil {
		return unread(err)
	}
	return nil
}

// unread is the refusal for a body that broke off, or that limitBody cut.
func unread(err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return errs.New(errs.TooLarge, "body_too_large", "The body is larger than %d bytes. Send less at once.", over.Limit).Wrap(err)
	}
	return malformed("The body ended before all of it had arrived. Send it again.").Wrap(err)
}

func malformed(format string, args ...any) *errs.Error {
	return errs.New(errs.Malformed, "malformed", format, args...)
}

// clip keeps what a client sent short enough to be shown back to it.
func clip(text string) string {
	return told.Clip(text, 60)
}
