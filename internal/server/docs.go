package server

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// docsPath is the page on which people read the API's document.
const docsPath = "/api/docs"

// openAPIFiles are the document in parts: base.yaml, and a file for each feature.
//
//go:embed openapi/*.yaml
var openAPIFiles embed.FS

// document is the API's document, as programs read it and as the page tells it.
type document struct {
	json        []byte
	Description string
	Sections    []docSection
}

// docSection is the operations under one tag.
type docSection struct {
	Name, Description string
	Operations        []docOperation
}

type docOperation struct {
	Method, Path, Summary, Description string
	Parameters                         []docParameter
	Answers                            []docAnswer
}

type docParameter struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description"`
}

type docAnswer struct{ Status, Description string }

// docsPage is the document in the frame of a page.
type docsPage struct {
	Frame
	Description string
	Sections    []docSection
}

// readDocument reads the document that is part of the program, and refuses to start with one that cannot be read.
func readDocument() (document, error) {
	raw, err := joinDocument()
	if err != nil {
		return document{}, fmt.Errorf("the API's document: %w", err)
	}
	var d struct {
		Info struct{ Description string }
		Tags []struct{ Name, Description string }
		// A path holds its operations by method, and the parameters that they share.
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return document{}, fmt.Errorf("read the API's document: %w", err)
	}
	doc := document{json: raw, Description: d.Info.Description}
	for _, tag := range d.Tags {
		operations, err := operationsOf(d.Paths, tag.Name)
		if err != nil {
			return document{}, err
		}
		doc.Sections = append(doc.Sections, docSection{Name: tag.Name, Description: tag.Description, Operations: operations})
	}
	return doc, nil
}

// often is where a part of the document keeps what it repeats. It is for the file alone.
const often = "x-often"

// joinDocument makes one document of its parts, as JSON.
func joinDocument() ([]byte, error) {
	names, err := fs.Glob(openAPIFiles, "openapi/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list its parts: %w", err)
	}
	whole := map[string]any{}
	for _, name := range names {
		text, err := openAPIFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read a part: %w", err)
		}
		part := map[string]any{}
		if err := yaml.Unmarshal(text, &part); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		delete(part, often)
		if err := join(whole, part); err != nil {
			return nil, fmt.Errorf("join %s: %w", name, err)
		}
	}
	raw, err := json.Marshal(whole)
	if err != nil {
		return nil, fmt.Errorf("write it as JSON: %w", err)
	}
	return raw, nil
}

// join adds a part to the whole: members of objects come side by side. What else both have is an error.
func join(whole, part map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(part)) {
		if whole[name] == nil {
			whole[name] = part[name]
			continue
		}
		object, ok := whole[name].(map[string]any)
		more, too := part[name].(map[string]any)
		if !ok || !too {
			return errors.New(name + " stands in two parts")
		}
		if err := join(object, more); err != nil {
			return err
		}
	}
	return nil
}

// operationsOf gives the operations that bear a tag, in the order of their paths.
func operationsOf(paths map[string]map[string]json.RawMessage, tag string) ([]docOperation, error) {
	var found []docOperation
	for path, members := range paths {
		for method, raw := range members {
			if method == "parameters" {
				continue
			}
			op, tags, err := readOperation(method, path, raw)
			if err != nil {
				return nil, err
			}
			if slices.Contains(tags, tag) {
				found = append(found, op)
			}
		}
	}
	slices.SortFunc(found, func(a, b docOperation) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	return found, nil
}

func readOperation(method, path string, raw []byte) (docOperation, []string, error) {
	var o struct {
		Tags                 []string
		Summary, Description string
		Parameters           []docParameter
		Responses            map[string]struct{ Description string }
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return docOperation{}, nil, fmt.Errorf("the API's document: %s %s: %w", method, path, err)
	}
	op := docOperation{Method: strings.ToUpper(method), Path: path, Summary: o.Summary, Description: o.Description, Parameters: o.Parameters}
	for status, answer := range o.Responses {
		op.Answers = append(op.Answers, docAnswer{Status: status, Description: answer.Description})
	}
	slices.SortFunc(op.Answers, func(a, b docAnswer) int { return strings.Compare(a.Status, b.Status) })
	return op, o.Tags, nil
}

// openAPI serves the document to programs.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.api.json) // a reader who went away needs no answer
	return nil
}

func (s *Server) docsPage(w http.ResponseWriter, r *http.Request) error {
	p := docsPage{Frame: s.frame(r, "API", ""), Description: s.api.Description, Sections: s.api.Sections}
	return s.render(w, r, http.StatusOK, "docs", p)
}
