package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors is the house: a package imports packages of strictly lower floors, and of no other. A package that is missing
// here fails the test, so that nobody moves in unnoticed.
var floors = map[string]int{
	"internal/errs": 0, "internal/weight": 0, "internal/obs": 0, "internal/config": 0, "internal/label": 0, "internal/sheet": 0, "internal/mailtest": 0,
	"internal/authz": 1, "internal/page": 1, "internal/code": 1, "internal/totp": 1, "internal/redisdb": 1, "migrations": 1,
	"internal/told": 2, "internal/pg": 2, "internal/mail": 2, "internal/devstack": 2,
	"internal/session": 3, "internal/ratelimit": 3, "internal/tally": 3, "internal/pgtest": 3,
	"internal/audit": 4,
	"internal/org":   5, "internal/notify": 5, "internal/pool": 5,
	"internal/health": 6, "internal/account": 6, "internal/bag": 6, "internal/promotion": 6,
	"internal/bill": 7, "internal/privacy": 7, "internal/people": 7,
	"internal/seed": 8, "internal/transfer": 8, "internal/report": 8,
	"internal/jobs": 9, "internal/server": 9, "web": 0,
	"cmd/traitortrack": 10,
}

// owners say which packages may import a library: each stands in one place, so that it can be exchanged there.
var owners = map[string][]string{
	"net/http":                             {"internal/obs", "internal/session", "internal/ratelimit", "internal/server", "cmd/traitortrack"},
	"github.com/go-chi/":                   {"internal/obs", "internal/server", "internal/ratelimit"},
	"github.com/redis/":                    {"internal/redisdb"},
	"github.com/sony/gobreaker":            {"internal/redisdb"},
	"github.com/alexedwards/scs":           {"internal/session"},
	"github.com/pquerna/otp":               {"internal/totp"},
	"github.com/boombuler/barcode":         {"internal/server"},
	"github.com/prometheus/":               {"internal/obs"},
	"github.com/caarlos0/env":              {"internal/config"},
	"github.com/alecthomas/kong":           {"cmd/traitortrack"},
	"github.com/pressly/goose":             {"migrations"},
	"github.com/wneessen/go-mail":          {"internal/mail"},
	"github.com/ccojocar/zxcvbn-go":        {"internal/account"},
	"github.com/riverqueue/":               {"internal/jobs", "internal/notify", "migrations"},
	"golang.org/x/crypto/argon2":           {"internal/account"},
	"golang.org/x/text/":                   {"internal/code", "internal/account"},
	"github.com/jba/templatecheck":         {"internal/server"},
	"github.com/goccy/go-yaml":             {"internal/server"},
	"github.com/klauspost/compress/gzhttp": {"internal/server"},
	"os":                                   {"internal/obs", "internal/config", "internal/devstack", "internal/pgtest", "internal/audit", "cmd/traitortrack"},
}

// source is one file of ours that is not a test.
type source struct {
	pkg, name string
	imports   []string
	file      *ast.File
	files     *token.FileSet
}

func (s source) lines(n ast.Node) int {
	return s.files.Position(n.End()).Line - s.files.Position(n.Pos()).Line + 1
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() != ".." && strings.HasPrefix(entry.Name(), ".")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{pkg: path.Dir(filepath.ToSlash(strings.TrimPrefix(name, "../"))), name: filepath.Base(name), file: file, files: files}
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d files were found: the test looks in the wrong place", len(all))
	}
	return all
}

func TestFloors(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		floor, known := floors[s.pkg]
		if !known && strings.HasPrefix(s.pkg, "internal/") || strings.HasPrefix(s.pkg, "cmd/") && !known {
			t.Errorf("%s/%s: the package has no floor in arch_test.go", s.pkg, s.name)
			continue
		}
		for _, imported := range s.imports {
			below, ours := strings.CutPrefix(imported, "traitortrack/")
			if ours && known && floors[below] >= floor {
				t.Errorf("%s/%s (floor %d) imports %s (floor %d): only lower floors may be imported", s.pkg, s.name, floor, below, floors[below])
			}
		}
	}
}

func TestLibrariesStayWithTheirOwners(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			for library, packages := range owners {
				mine := imported == library || strings.HasSuffix(library, "/") && strings.HasPrefix(imported, library) || strings.HasPrefix(imported, library+"/") && strings.Contains(library, ".")
				if mine && !slices.Contains(packages, s.pkg) && strings.HasPrefix(s.pkg, "internal/") {
					t.Errorf("%s/%s imports %s, which belongs to %v", s.pkg, s.name, imported, packages)
				}
			}
		}
	}
}

// TestNoVerbCountsRows holds that what verbs change with answers nothing: in a transaction of few round trips, it is sent only later.
func TestNoVerbCountsRows(t *testing.T) {
	t.Parallel()
	for _, pkg := range []string{"bag", "bill", "tally", "audit", "notify"} {
		text, err := os.ReadFile(filepath.Join(pkg, "queries.sql"))
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`name: \w+ :exec\w+`).Find(text); found != nil {
			t.Errorf("%s/queries.sql: %s: let it return rows, and ask for them", pkg, found)
		}
	}
}

func TestRulesArePure(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			if s.name == "rules.go" && slices.Contains([]string{"context", "database/sql", "net/http", "os"}, imported) {
				t.Errorf("%s/%s imports %s: a rule is a function of values", s.pkg, s.name, imported)
			}
		}
	}
}

// A clock that is read inside cannot be set by a test.
func TestHandlersDoNotReadTheClock(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.pkg != "internal/server" && s.name != "rules.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if x, isName := identifier(call, ok); isName && x == "time" && call.Sel.Name == "Now" {
				t.Errorf("%s/%s calls time.Now: it is given its clock", s.pkg, s.name)
			}
			return true
		})
	}
}

func identifier(call *ast.SelectorExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	x, isName := call.X.(*ast.Ident)
	if !isName {
		return "", false
	}
	return x.Name, true
}

// starters may start goroutines. Everywhere else the caller decides what runs beside what.
var starters = []string{"cmd/traitortrack", "internal/jobs"}

func TestNoStrayGoroutinesNorInits(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if _, starts := n.(*ast.GoStmt); starts && !slices.Contains(starters, s.pkg) {
				t.Errorf("%s/%s has a go statement: only %v start goroutines", s.pkg, s.name, starters)
			}
			if f, ok := n.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s/%s has an init function", s.pkg, s.name)
			}
			return true
		})
	}
}

// Past these lengths a file or a function is drawn anew. Generated code is as long as it is.
const (
	longestFile     = 400
	longestFunction = 60
)

func TestNothingIsTooLong(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if ast.IsGenerated(s.file) {
			continue
		}
		if n := s.lines(s.file); n > longestFile {
			t.Errorf("%s/%s has %d lines, and %d are the most", s.pkg, s.name, n, longestFile)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.lines(f) > longestFunction {
				t.Errorf("%s/%s: %s has %d lines, and %d are the most", s.pkg, s.name, f.Name.Name, s.lines(f), longestFunction)
			}
		}
	}
}

// unwelcome ends the names that say nothing.
var unwelcome = []string{"Service", "Manager", "Repository", "Helper", "Util", "Utils", "Impl", "Base"}

func TestNamesSaySomething(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if ast.IsGenerated(s.file) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			var names []*ast.Ident
			switch d := n.(type) {
			case *ast.FuncDecl:
				names = []*ast.Ident{d.Name}
				if d.Type.Results != nil {
					for _, r := range d.Type.Results.List {
						if len(r.Names) > 0 {
							t.Errorf("%s/%s: %s has named results", s.pkg, s.name, d.Name.Name)
						}
					}
				}
			case *ast.TypeSpec:
				names = []*ast.Ident{d.Name}
			}
			for _, name := range names {
				for _, word := range unwelcome {
					if strings.HasSuffix(name.Name, word) {
						t.Errorf("%s/%s: %s says nothing with %q", s.pkg, s.name, name.Name, word)
					}
				}
			}
			return true
		})
	}
}

// TestQueriesNameTheOrganizationFirst reads every queries.sql: what is not about a global table asks for an
// organization.
func TestQueriesNameTheOrganizationFirst(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*/queries.sql")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d query files: %v", len(files), err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range strings.Split(string(raw), "-- name: ")[1:] {
			title, _, _ := strings.Cut(query, " ")
			global := strings.Contains(query, "-- Global:") || onlyGlobal(query)
			if !global && !strings.Contains(query, "org_id") {
				t.Errorf("%s: %s does not say whose rows it is about", name, title)
			}
		}
	}
}

// onlyGlobal reports whether every table that a query names is one that all organizations share.
func onlyGlobal(query string) bool {
	tables := regexp.MustCompile(`(?i)\b(?:from|join|into|update)\s+(?:only\s+)?"?([a-z_.]+)`).FindAllStringSubmatch(query, -1)
	for _, table := range tables {
		if !slices.Contains([]string{"organization", "user", "session", "session_generation"}, table[1]) {
			return false
		}
	}
	return len(tables) > 0
}
