package server

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// docsPath is the page on which people read the API's document.
const docsPath = "/api/docs"

//go:embed openapi.yaml
var openAPIYAML []byte

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
	var whole any
	if err := yaml.Unmarshal(openAPIYAML, &whole); err != nil {
		return document{}, fmt.Errorf("read openapi.yaml: %w", err)
	}
	raw, err := json.Marshal(whole)
	if err != nil {
		return document{}, fmt.Errorf("write openapi.yaml as JSON: %w", err)
	}
	var d struct {
		Info struct{ Description string }
		Tags []struct{ Name, Description string }
		// A path holds its operations by method, and the parameters that they share.
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return document{}, fmt.Errorf("read openapi.yaml: %w", err)
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
		return docOperation{}, nil, fmt.Errorf("openapi.yaml: %s %s: %w", method, path, err)
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
