package server_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/report"
	"traitortrack/internal/server"
)

// listen follows the dashboard's events: each event's id and data come through the channel, which is closed at the end.
func (c *client) listen(query string) <-chan [2]string {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), "GET", c.url+"/dashboard/events"+query, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := c.http.Do(r)
	if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		c.t.Fatalf("no stream: %v %v", response, err)
	}
	events := make(chan [2]string, 100)
	go func() {
		defer close(events)
		defer func() { _ = response.Body.Close() }()
		var event [2]string
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); {
			case name == "id":
				event[0] = value
			case name == "data":
				event[1] += value + "\n"
			case name == "" && event[0] != "":
				events <- event
				event = [2]string{}
			}
		}
	}()
	return events
}

func next(t *testing.T, events <-chan [2]string) [2]string {
	t.Helper()
	select {
	case event := <-events:
		return event
	case <-time.After(time.Minute):
		t.Fatal("no event came")
		return [2]string{}
	}
}

func parse(t *testing.T, html string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDashboardIsLiveAndOneForAll(t *testing.T) {
	t.Parallel()
	w := start(t, withinTheHour)
	first, second := w.as(t, authz.Dispatcher), w.as(t, authz.Admin)
	page := parse(t, first.page("/dashboard").raw)
	address, _ := page.Find("[data-live]").Attr("data-live")
	if !strings.HasPrefix(address, "/dashboard/events") || page.Find("#dash-first").Length() != 1 || page.Find("#dash-numbers tbody tr").Length() != 24 {
		t.Fatalf("an empty dashboard: %v", address)
	}
	one, two := first.listen(strings.TrimPrefix(address, "/dashboard/events")), second.listen("")
	next(t, two) // who has none yet gets the present one; who has it does not
	first.want(first.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 200, "opened")
	a, b := next(t, one), next(t, two)
	if a != b {
		t.Errorf("two viewers got different snapshots: %s and %s", a[0], b[0])
	}
	board := parse(t, a[1])
	if got := board.Find(".dash-latest a").First().Text(); got != "SB00001" || board.Find("svg rect.dash-bar--accepted").Length() != 1 {
		t.Errorf("the board after a scan shows %q", got)
	}
	time.Sleep(2 * time.Second) // a turn in which nothing has changed
	first.want(first.call("POST", "/api/scans", map[string]any{"code": "SB00002"}), 200, "opened")
	for _, events := range []<-chan [2]string{one, two} {
		if got := parse(t, next(t, events)[1]).Find(".dash-latest a").First().Text(); got != "SB00002" {
			t.Errorf("a snapshot was sent though nothing had changed: its latest scan is %q", got)
		}
	}
}

// withinTheHour lets scans and the dashboard go by a clock that shows five past: where an hour begins meanwhile, the chart changes.
func withinTheHour(d *server.Deps, _ *redisdb.DB) {
	begun := time.Now()
	now := func() time.Time { return begun.Truncate(time.Hour).Add(5*time.Minute + time.Since(begun)) }
	d.Bags = bag.NewStore(d.DB, d.Orgs, now)
	d.Reports = report.NewStore(d.DB, d.Orgs, 50*time.Millisecond, now)
}

func TestStatsAndSearchOverTheWire(t *testing.T) {
	t.Parallel()
	w := start(t)
	d, b := w.as(t, authz.Dispatcher), w.as(t, authz.Biller)
	d.want(d.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 200, "opened")
	d.want(d.call("POST", "/api/scans", map[string]any{"code": "C0001", "parent": "SB00001"}), 200, "linked")
	b.want(b.call("POST", "/api/bills", map[string]any{"number": "INV/1 a", "capacity": 1}), 201, "")
	if a := d.call("GET", "/api/stats", nil); a.status != 200 || a.body["active_users"] != 2.0 {
		t.Errorf("stats: %v", a)
	}
	for path, want := range map[string]string{"/search?q=%5DQ1sb00001%0D": "/bags/SB00001", "/search?q=C0001": "/bags/C0001", "/search?q=+c0001%09": "/bags/C0001", "/search?q=inv/1+A": "/bills/INV%2F1%20a"} {
		if a := b.page(path); a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("%s: %d to %s, want %s", path, a.status, a.header.Get("Location"), want)
		}
	}
	if rows := parse(t, b.page("/search?q=SB").raw).Find("tbody a[href='/bags/SB00001']"); rows.Length() != 1 {
		t.Error("a beginning of a code does not offer its bag")
	}
	if doc := parse(t, d.page("/search?q=inv/1+a").raw); doc.Find("tbody tr").Length() != 1 || doc.Find("tbody a").Length() != 0 {
		t.Error("a dispatcher is not told of a bill, or is sent to a page that refuses them")
	}
	if doc := parse(t, d.page("/search?q=nothing").raw); doc.Find(".empty").Length() != 1 {
		t.Error("nothing found has no words")
	}
	if a := d.call("GET", "/api/search?q=sb0", nil); a.status != 200 || a.body["exact"] != false || len(a.body["items"].([]any)) != 1 {
		t.Errorf("search by the API: %v", a)
	}
}
