package server_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"traitortrack/internal/authz"
	"traitortrack/internal/server"
)

// TestBadInputIsRefused sends what a broken client sends. Each is a refusal of the caller's kind, with a code for
// programs and a sentence for people, and changes nothing.
func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.as(t, authz.Admin)
	c.want(c.call("POST", "/api/bills", map[string]any{"number": "B 1", "capacity": 2}), 201, "")
	long := strings.Repeat("Z", 10_000)
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for _, try := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"nothing", "POST", "/api/scans", "", 415, "unsupported_media_type"},
		{"an empty text", "POST", "/api/scans", " ", 400, "malformed"},
		{"no JSON", "POST", "/api/scans", "SB00042", 400, "malformed"},
		{"broken off", "POST", "/api/scans", `{"code":"SB0`, 400, "malformed"},
		{"a list", "POST", "/api/scans", `[{"code":"SB00042"}]`, 400, "malformed"},
		{"null", "POST", "/api/scans", `null`, 400, "malformed"},
		{"two objects", "POST", "/api/scans", `{"code":"SB00042"}{"code":"SB00043"}`, 400, "malformed"},
		{"a field twice", "POST", "/api/scans", `{"code":"SB00042","code":"SB00043"}`, 400, "malformed"},
		{"a field twice in two cases", "POST", "/api/scans", `{"code":"SB00042","CODE":"SB00043"}`, 400, "malformed"},
		{"an unknown field", "POST", "/api/scans", `{"code":"SB00042","bag":1}`, 400, "malformed"},
		{"a wrong type", "POST", "/api/scans", `{"code":42}`, 400, "malformed"},
		{"nested without end", "POST", "/api/scans", deep, 400, "malformed"},
		{"no UTF-8", "POST", "/api/scans", "{\"code\":\"\xff\xfe\"}", 400, "malformed"},
		{"no code", "POST", "/api/scans", `{}`, 422, "invalid_code"},
		{"a code without end", "POST", "/api/scans", `{"code":"` + long + `"}`, 422, "invalid_code"},
		{"a NUL", "POST", "/api/scans", `{"code":"\u0000"}`, 422, "invalid_code"},
		{"half a surrogate", "POST", "/api/scans", `{"code":"\ud800AB"}`, 422, "invalid_code"},
		{"a parent that is none", "POST", "/api/scans", `{"code":"C0001","parent":"-"}`, 422, "invalid_code"},
		{"a child without parent", "POST", "/api/scans", `{"code":"C0001"}`, 422, "parent_required"},
		{"an id that is none", "POST", "/api/scans", `{"code":"SB00042","scan_id":"7"}`, 422, "invalid_scan_id"},
		{"a time that is none", "POST", "/api/scans", `{"code":"SB00042","scanned_at":"yesterday"}`, 422, "invalid_time"},
		{"a time to come", "POST", "/api/scans", `{"code":"-","scanned_at":"2999-01-01T00:00:00Z"}`, 422, "invalid_time"},
		{"a time long past", "POST", "/api/scans", `{"code":"SB00042","scanned_at":"2001-01-01T00:00:00Z"}`, 422, "invalid_time"},
		{"no batch", "POST", "/api/scans/batch", `{"scans":[]}`, 422, "invalid_batch"},
		{"a batch without scans", "POST", "/api/scans/batch", `{}`, 422, "invalid_batch"},
		{"a batch of 501", "POST", "/api/scans/batch", `{"scans":[` + strings.Repeat(`{"code":"C0001"},`, 500) + `{"code":"C0001"}]}`, 422, "invalid_batch"},
		{"a batch with a hole", "POST", "/api/scans/batch", `{"scans":[{"code":"SB00042"},null]}`, 400, "malformed"},
		{"a batch of texts", "POST", "/api/scans/batch", `{"scans":["SB00042"]}`, 400, "malformed"},
		{"over the limit", "POST", "/api/scans", `{"code":"` + strings.Repeat("Z", 1<<20) + `"}`, 413, "body_too_large"},
		{"a bad cursor", "GET", "/api/bags?cursor=!!", "", 422, "invalid_cursor"},
		{"a cursor of another shape", "GET", "/api/bags?cursor=W10", "", 422, "invalid_cursor"},
		{"a bad cursor of bills", "GET", "/api/bills?cursor=eyJpIjoieCJ9", "", 422, "invalid_cursor"},
		{"a limit of none", "GET", "/api/bags?limit=0", "", 422, "invalid_limit"},
		{"a limit of many", "GET", "/api/bags?limit=201", "", 422, "invalid_limit"},
		{"a limit in words", "GET", "/api/bills?limit=all", "", 422, "invalid_limit"},
		{"a kind that is none", "GET", "/api/bags?kind=box", "", 422, "invalid_filter"},
		{"a status of the other kind", "GET", "/api/bags?kind=child&status=pending", "", 422, "invalid_filter"},
		{"a status that is none", "GET", "/api/bills?status=lost", "", 422, "invalid_filter"},
		{"a bill without number", "POST", "/api/bills", `{"capacity":1}`, 422, "invalid_bill"},
		{"a bill called .", "POST", "/api/bills", `{"number":".","capacity":1}`, 422, "invalid_bill"},
		{"a bill with a long name", "POST", "/api/bills", `{"number":"` + strings.Repeat("x", 51) + `","capacity":1}`, 422, "invalid_bill"},
		{"a bill for nothing", "POST", "/api/bills", `{"number":"B 2","capacity":0}`, 422, "invalid_bill"},
		{"a bill for too much", "POST", "/api/bills", `{"number":"B 2","capacity":501}`, 422, "invalid_bill"},
		{"half a parent", "POST", "/api/bills", `{"number":"B 2","capacity":1.5}`, 400, "malformed"},
		{"a NUL in a description", "POST", "/api/bills", `{"number":"B 2","capacity":1,"description":"\u0000"}`, 422, "invalid_bill"},
		{"a change to nothing", "PATCH", "/api/bills/B%201", `{"capacity":0}`, 422, "invalid_bill"},
		{"a bill that is not there", "GET", "/api/bills/nothing", "", 404, "bill_not_found"},
		{"a bag that is not there", "GET", "/api/bags/SB00042", "", 404, "bag_not_found"},
		{"a bag that cannot be", "GET", "/api/bags/%00", "", 404, "bag_not_found"},
		{"a bag without end", "GET", "/api/bags/" + long, "", 404, "bag_not_found"},
		{"a parent that is not there", "POST", "/api/bags/SB00042/close", "", 404, "bag_not_found"},
		{"no bag for a bill", "POST", "/api/bills/B%201/bags", `{"code":"SB00042"}`, 404, "bag_not_found"},
		{"no code for a bill", "POST", "/api/bills/B%201/bags", `{"code":"?"}`, 422, "invalid_code"},
		{"no bill before no code", "POST", "/api/bills/nothing/bags", `{"code":"?"}`, 404, "bill_not_found"},
		{"an address that is none", "GET", "/api/nothing", "", 404, "not_found"},
		{"a method that is none", "PUT", "/api/scans", `{}`, 405, "method_not_allowed"},
	} {
		t.Run(try.name, func(t *testing.T) {
			c := *c
			c.t = t
			a := c.send(try.method, try.path, try.body, "application/json", "application/json")
			c.want(a, try.status, try.code)
			if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
				t.Errorf("it came as %s", kind)
			}
			if a.text("title") == "" || len(a.text("detail")) < 20 || a.body["status"] != float64(try.status) {
				t.Errorf("it does not say what to do: %v", a)
			}
			if try.status == 422 && a.body["field"] == nil {
				t.Errorf("no field is named: %v", a)
			}
		})
	}
	for table, want := range map[string]int{"bag": 0, "link": 0, "scan_receipt": 1, "bill": 1} {
		var n int
		if err := w.db.Pool().QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != want {
			t.Errorf("%d rows in %s, want %d (%v)", n, table, want, err)
		}
	}
}

func TestABadValueInABatchIsItsOwnRefusal(t *testing.T) {
	t.Parallel()
	c := start(t).as(t, authz.Dispatcher)
	a := c.send("POST", "/api/scans/batch", `{"scans":[
		{"code":"SB00001"}, {"code":"C0001","parent":"SB00001","scan_id":"no id"}, {"code":"C0002","parent":"SB00001","scanned_at":"2001-01-01T00:00:00Z"},
		{"code":"?"}, {"code":"C0003","parent":"SB00001"}]}`, "application/json", "")
	var got []string
	results, _ := a.body["results"].([]any)
	for _, r := range results {
		item, _ := r.(map[string]any)
		problem, _ := item["problem"].(map[string]any)
		got = append(got, fmt.Sprintf("%v %v %v", item["status"], item["outcome"], problem["code"]))
	}
	want := []string{"200 opened <nil>", "422 <nil> invalid_scan_id", "422 <nil> invalid_time", "422 <nil> invalid_code", "200 linked <nil>"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestABodyInAnotherTypeIsNotRead(t *testing.T) {
	t.Parallel()
	c := start(t).as(t, authz.Dispatcher)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json2", ""} {
		a := c.send("POST", "/api/scans", `{"code":"SB00001"}`, kind, "application/json")
		c.want(a, http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	c.want(c.send("POST", "/api/scans", `{"code":"SB00001"}`, "application/json; charset=utf-8", ""), 200, "opened")
}

// TestNoTextBreaksARoute puts what is no text, and what is meant for other programs, into the places of every address.
func TestNoTextBreaksARoute(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.as(t, authz.Admin)
	spoilt := base64.RawURLEncoding.EncodeToString([]byte(`{"k":"\u0000","c":"\u0000"}`))
	asked := 0
	for _, odd := range []string{"%00", "a%FF%FE", "%E2%80%AE%27;--", "..%2F..", strings.Repeat("9", 40)} {
		for _, rt := range server.RouteTable() {
			if rt.Method != http.MethodGet || strings.HasSuffix(rt.Pattern, "/events") {
				continue
			}
			places := []string{strings.ReplaceAll(inBraces.ReplaceAllString(rt.Pattern, odd), "*", odd)}
			if places[0] == rt.Pattern {
				places = []string{"?cursor=" + spoilt + "&format=csv"}
				for _, name := range []string{"q", "action", "user", "entity", "next"} {
					places = append(places, "?"+name+"="+odd+"&format=csv")
				}
			}
			for _, place := range places {
				path := rt.Pattern + place
				if place[0] == '/' {
					path = place
				}
				if status, _ := c.knock(rt, path); status >= 500 {
					t.Errorf("GET %s: %d", path, status)
				}
				asked++
			}
		}
	}
	if asked < 800 {
		t.Fatalf("only %d questions were asked: the table is not what it was", asked)
	}
}

// TestAFormIsReadWholeOrNotAtAll sends every page's form what is none, and one without end.
func TestAFormIsReadWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.as(t, authz.Admin)
	const form = "application/x-www-form-urlencoded"
	endless := "username=asha&note=" + strings.Repeat("Z", 1<<20)
	asked := 0
	for _, rt := range server.RouteTable() {
		if rt.Method != http.MethodPost || strings.HasPrefix(rt.Pattern, "/api/") || ends(rt) {
			continue
		}
		asked++
		path := inBraces.ReplaceAllString(rt.Pattern, "0")
		for _, try := range []struct {
			kind, body string
			want       int
		}{{form, endless, 413}, {"application/json", `{"username":"asha"}`, 415}, {"multipart/form-data; boundary=x", "--x--", 415}, {"text/csv", "asha", 415}, {form, "username=%zz", 400}} {
			if a := c.send("POST", path, try.body, try.kind, "text/html"); a.status != try.want {
				t.Errorf("POST %s with %d bytes of %s: %d, not %d", rt.Pattern, len(try.body), try.kind, a.status, try.want)
			}
		}
	}
	if asked < 30 {
		t.Fatalf("only %d forms were sent: the table is not what it was", asked)
	}
}
