package web_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"traitortrack/web"
)

// A symbol that the sprite does not have shows as nothing, and nobody is told.
func TestEveryIconIsDrawn(t *testing.T) {
	t.Parallel()
	sprite := read(t, "static/icons.svg")
	drawn := map[string]bool{}
	for _, m := range regexp.MustCompile(`<symbol id="([a-z]+)"`).FindAllStringSubmatch(sprite, -1) {
		drawn[m[1]] = true
	}
	used := []string{"accepted", "duplicate", "refused", "note"} // the tones of a bag's story, by which templates ask for icons
	for _, page := range pages(t) {
		for _, m := range regexp.MustCompile(`icon "([^"]+)"`).FindAllStringSubmatch(page, -1) {
			used = append(used, m[1])
		}
	}
	if len(used) < 20 {
		t.Fatalf("only %d icons found in the templates: has their spelling changed?", len(used))
	}
	for _, name := range used {
		if !drawn[name] {
			t.Errorf("icon %q is in no symbol of static/icons.svg", name)
		}
	}
}

// The policy that every page is sent with refuses inline styles and scripts, and the browser says so only in its console.
func TestNoTemplateHasInlineStyleOrScript(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)\sstyle\s*=|<style|\son[a-z]+\s*=|javascript:|hx-on|["']js:`)
	script := regexp.MustCompile(`(?i)<script[^>]*>`)
	for name, page := range pages(t) {
		if found := inline.FindString(page); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		for _, tag := range script.FindAllString(page, -1) {
			if !strings.Contains(tag, " src=") {
				t.Errorf("%s has a script of its own: %s", name, tag)
			}
		}
	}
}

func TestBothDarksAreTheSame(t *testing.T) {
	t.Parallel()
	tokens := read(t, "static/css/tokens.css")
	_, chosen, _ := strings.Cut(tokens, `:root[data-theme="dark"] {`)
	chosen, preferred, found := strings.Cut(chosen, `:root:not([data-theme="light"]) {`)
	if !found {
		t.Fatal("tokens.css has no two dark blocks")
	}
	if a, b := declarations(chosen), declarations(preferred); a != b {
		t.Errorf("the dark that is chosen and the dark of the device differ:\n%s\n\n%s", a, b)
	}
}

// declarations gives the lines of the first block, without their spaces.
func declarations(css string) string {
	block, _, _ := strings.Cut(css, "}")
	return strings.Join(strings.Fields(block), " ")
}

// The lock file must install from any registry.
func TestLockFileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	if strings.Contains(read(t, "package-lock.json"), `"resolved"`) {
		t.Error("package-lock.json names the registry that it was made with: npm install with our .npmrc leaves that out")
	}
}

func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(web.Templates, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(web.Templates, path)
		found[path] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
