package server_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
	"traitortrack/web"
)

// shotsIn names the folder that screenshots are written to. Without it none are taken.
const shotsIn = "BROWSER_SHOTS"

// browserPatience is how long a page may take to become what a test waits for.
const browserPatience = time.Minute

// browser is a tab, with cookies and a storage of its own, at a warehouse.
type browser struct {
	t   *testing.T
	ctx context.Context
	url string
}

// theChromium is one Chromium for all tests of the run: starting one takes longer than most of them.
var theChromium = sync.OnceValues(startChromium)

type sharedChromium struct {
	ctx context.Context
	end func()
}

func startChromium() (sharedChromium, error) {
	path, err := chromium()
	if err != nil {
		return sharedChromium{}, err
	}
	profile, err := os.MkdirTemp("", "traitortrack-chromium-")
	if err != nil {
		return sharedChromium{}, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.WindowSize(1280, 900), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, leave := chromedp.NewContext(ctx)
	end := func() { leave(); stop(); _ = os.RemoveAll(profile) }
	if err := chromedp.Do(ctx); err != nil {
		end()
		return sharedChromium{}, fmt.Errorf("start Chromium: %w", err)
	}
	return sharedChromium{ctx: ctx, end: end}, nil
}

// TestMain ends Chromium after the last test, where one was started.
func TestMain(m *testing.M) {
	code := m.Run()
	if browsed.Load() {
		if shared, err := theChromium(); err == nil {
			shared.end()
		}
	}
	os.Exit(code)
}

var browsed atomic.Bool

// browse starts a warehouse with the built assets, on what stands in change, and opens a browser at it. A page that breaks the
// policy it was sent with, or whose script fails, fails the test.
func browse(t *testing.T, change ...func(*server.Deps, *redisdb.DB)) (*warehouse, *browser) {
	t.Helper()
	if _, err := fs.Stat(web.Dist, "dist/manifest.json"); err != nil {
		t.Fatal("the assets are not built: run make assets")
	}
	w := start(t, append(change, func(d *server.Deps, _ *redisdb.DB) { d.Dist = web.Dist })...)
	browsed.Store(true)
	shared, err := theChromium()
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, ctx: shared.ctx, url: w.url}
	return w, b.target(chromedp.WithNewBrowserContext())
}

func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("the browser tests need Chromium: apt-get install chromium")
}

// tab opens one more tab with the same cookies.
func (b *browser) tab() *browser {
	b.t.Helper()
	return b.target()
}

func (b *browser) target(options ...chromedp.ContextOption) *browser {
	b.t.Helper()
	ctx, leave := chromedp.NewContext(b.ctx, options...)
	b.t.Cleanup(leave)
	other := &browser{t: b.t, ctx: ctx, url: b.url}
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("open a tab: %v", err)
	}
	// Each tab has the focus, as if it were the only one.
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	if err != nil {
		b.t.Fatalf("give a tab the focus: %v", err)
	}
	other.watch()
	return other
}

// close closes a tab, in the network that it has. The tab's context, when it ends, would let go of the tab first, and a page that
// was offline would be online for its last moment.
func (b *browser) close() {
	b.t.Helper()
	id := chromedp.FromContext(b.ctx).Target.TargetID
	if _, err := chromedp.CallBrowser(b.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: id}); err != nil {
		b.t.Fatalf("close a tab: %v", err)
	}
	for open := true; open; time.Sleep(20 * time.Millisecond) {
		tabs, err := chromedp.CallBrowser(b.ctx, target.GetTargets, target.GetTargetsParams{})
		if err != nil {
			b.t.Fatalf("look for a tab that was closed: %v", err)
		}
		open = slices.ContainsFunc(tabs.TargetInfos, func(tab *target.Info) bool { return tab.TargetID == id })
	}
}

// watch collects what the page should never say in its console.
func (b *browser) watch() {
	b.t.Helper()
	var lock sync.Mutex
	var faults []string
	err := chromedp.Listen(b.ctx, func(event any) {
		lock.Lock()
		defer lock.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			faults = append(faults, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity {
				faults = append(faults, "security: "+e.Entry.Text)
			}
		}
	})
	if err != nil {
		b.t.Fatalf("listen to the console: %v", err)
	}
	b.t.Cleanup(func() {
		lock.Lock()
		defer lock.Unlock()
		for _, fault := range faults {
			b.t.Errorf("the browser's console: %s", fault)
		}
	})
}

func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do("open "+path, chromedp.Navigate(b.url+path))
}

// logIn logs in by the form and lands on the user's own work.
func (b *browser) logIn(name, lands string) {
	b.t.Helper()
	b.open("/login")
	b.do("log in", chromedp.SendKeys(chromedp.CSS("#username"), name), chromedp.SendKeys(chromedp.CSS("#password"), password+"\r"))
	b.until("the page after the login", fmt.Sprintf("location.pathname === %q && document.readyState === 'complete'", lands))
}

// logOut forgets the session in the browser. The page learns it from its next request.
func (b *browser) logOut() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, struct{}{}); err != nil {
		b.t.Fatalf("clear the cookies: %v", err)
	}
}

// keys types into whatever has the focus, key by key, as a scanner does.
func (b *browser) keys(text string) {
	b.t.Helper()
	b.do("type "+text, chromedp.KeyEvent(text))
}

// scan types a code with Enter behind it.
func (b *browser) scan(codes ...string) {
	b.t.Helper()
	for _, code := range codes {
		b.keys(code + "\r")
	}
}

// insert puts text into whatever has the focus at once, as a handheld's own keyboard does.
func (b *browser) insert(text string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		b.t.Fatalf("insert %q: %v", text, err)
	}
}

// read puts codes into the input one after the other, each at once and with Enter behind it, as fast as a handheld can.
func (b *browser) read(codes ...string) {
	b.t.Helper()
	for _, code := range codes {
		b.insert(code)
		b.keys("\r")
	}
}

// click clicks the first element of a selector.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// until waits for a condition in the page. It counts once the page is complete: what the server has written may fulfil it before
// the page's script has begun to listen.
func (b *browser) until(what, condition string) {
	b.t.Helper()
	deadline := time.Now().Add(browserPatience)
	for time.Now().Before(deadline) {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("document.readyState === 'complete' && !!("+condition+")"))
		if err == nil && ok {
			return
		}
		if b.ctx.Err() != nil || errors.Is(err, chromedp.ErrInvalidContext) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.t.Fatalf("%s: not seen in %s (%s). The page says:\n%s", what, browserPatience, condition, b.text("body"))
}

// text gives the text of an element as it is seen, or nothing where there is none.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return b.eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

func (b *browser) eval(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

// network sets how the network is from now on.
func (b *browser) network(offline bool, latency time.Duration) {
	b.t.Helper()
	conditions := network.Conditions{Offline: offline, Latency: float64(latency.Milliseconds()), DownloadThroughput: -1, UploadThroughput: -1}
	_, err := chromedp.Call(b.ctx, network.EmulateNetworkConditionsByRule,
		network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{&conditions}})
	if err == nil {
		_, err = chromedp.Call(b.ctx, network.OverrideNetworkState,
			network.OverrideNetworkStateParams{Offline: offline, Latency: conditions.Latency, DownloadThroughput: -1, UploadThroughput: -1})
	}
	if err != nil {
		b.t.Fatalf("set the network: %v", err)
	}
}

// shoot writes a screenshot of the page on a phone and on a desktop, light and dark, where somebody asked for them.
func (b *browser) shoot(name string) {
	b.t.Helper()
	folder := os.Getenv(shotsIn)
	if folder == "" {
		return
	}
	for _, size := range []struct{ width, height int64 }{{360, 640}, {1280, 900}} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(size.width, size.height, scheme)
			time.Sleep(500 * time.Millisecond) // a flash lasts 400 ms
			picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", name, size.width, scheme)), picture, 0o644)
			}
			if err != nil {
				b.t.Fatalf("screenshot of %s: %v", name, err)
			}
		}
	}
	b.look(1280, 900, "light")
}

func (b *browser) look(width, height int64, scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	if err == nil {
		_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	}
	if err != nil {
		b.t.Fatalf("set the screen: %v", err)
	}
	b.until("the screen", fmt.Sprintf("innerWidth === %d", width))
}
