package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"text/template/parse"

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
		if err := settle(set, a); err != nil {
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

// settle writes what is the same in every answer into the templates once: icons, and the addresses of assets. They were a part of what a
// page took.
func settle(set *template.Template, a *assets) error {
	for _, t := range set.Templates() {
		if t.Tree == nil {
			continue
		}
		if err := settleList(t.Tree.Root, a); err != nil {
			return err
		}
	}
	return nil
}

func settleList(list *parse.ListNode, a *assets) error {
	if list == nil {
		return nil
	}
	for i, node := range list.Nodes {
		var err error
		switch n := node.(type) {
		case *parse.ActionNode:
			list.Nodes[i], err = settled(n, a)
		case *parse.IfNode:
			err = settleBranch(&n.BranchNode, a)
		case *parse.RangeNode:
			err = settleBranch(&n.BranchNode, a)
		case *parse.WithNode:
			err = settleBranch(&n.BranchNode, a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func settleBranch(b *parse.BranchNode, a *assets) error {
	return errors.Join(settleList(b.List, a), settleList(b.ElseList, a))
}

// settled gives the text of {{icon "name"}} and {{asset "name"}}, and anything else as it is.
func settled(action *parse.ActionNode, a *assets) (parse.Node, error) {
	pipe := action.Pipe
	if len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 2 {
		return action, nil
	}
	word, isWord := pipe.Cmds[0].Args[0].(*parse.IdentifierNode)
	of, isText := pipe.Cmds[0].Args[1].(*parse.StringNode)
	if !isWord || !isText {
		return action, nil
	}
	var text template.HTML
	var err error
	switch word.Ident {
	case "icon":
		text, err = a.icon(of.Text)
	case "asset":
		var address string
		address, err = a.url(of.Text)
		text = template.HTML(template.HTMLEscapeString(address)) //nolint:gosec // it is escaped
	default:
		return action, nil
	}
	return &parse.TextNode{NodeType: parse.NodeText, Pos: action.Pos, Text: []byte(text)}, err
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
