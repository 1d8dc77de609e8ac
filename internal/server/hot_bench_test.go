package server

import (
	"fmt"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/web"
)

// BenchmarkHotPage renders a page of fifty bags.
func BenchmarkHotPage(b *testing.B) {
	s := &Server{}
	var err error
	if s.assets, err = loadAssets(web.Dist); err != nil {
		b.Fatal(err)
	}
	if s.pages, err = loadPages(web.Templates, s.assets); err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	p := bagsPage{Frame: Frame{Title: "Bags", Here: "bags", Actor: &authz.Actor{Username: "asha", Role: authz.Biller}, Location: time.UTC}}
	for i := range 50 {
		p.Bags = append(p.Bags, bag.Bag{Code: fmt.Sprintf("C%05d", i), Kind: "child", Status: "linked", Parent: "SB00001", Bill: "INV/2026/1", LastScanAt: &at})
	}
	for b.Loop() {
		if _, err := s.paint("bags", p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHotBody reads the body of a scan.
func BenchmarkHotBody(b *testing.B) {
	body := []byte(`{"scan_id":"0196f0de-0000-7000-8000-000000000001","code":"C00001","parent":"SB00001","scanned_at":"2026-11-30T12:00:00Z"}`)
	for b.Loop() {
		var sent scanRequest
		if err := decodeJSON(body, &sent); err != nil {
			b.Fatal(err)
		}
	}
}
