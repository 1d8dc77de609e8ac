package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"traitortrack/loadtests/loopback"
)

// observe starts a Prometheus with the rules that operators are given, looking once a second so that a drill need not take minutes.
func (s *site) observe(ctx context.Context) error {
	rules, err := filepath.Abs("deploy/prometheus/rules.yml")
	if err != nil {
		return fmt.Errorf("find the rules: %w", err)
	}
	var targets []string
	for _, url := range s.metrics {
		targets = append(targets, fmt.Sprintf("%q", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics")))
	}
	text := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs:\n- job_name: traitortrack\n  static_configs: [{targets: [%s]}]\n",
		rules, strings.Join(targets, ", "))
	config := filepath.Join(s.dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write what Prometheus reads: %w", err)
	}
	listen, _, err := loopback.TwoAddresses(ctx)
	if err != nil {
		return err
	}
	s.prometheus = "http://" + listen
	return s.start("prometheus", os.Environ(), "prometheus", "--config.file", config, "--storage.tsdb.path", filepath.Join(s.dir, "prometheus"),
		"--web.listen-address", listen, "--log.level", "warn")
}

// firing lists the alerts that fire.
func (s *site) firing(ctx context.Context) string {
	body, err := loopback.Fetch(ctx, s.prometheus+"/api/v1/alerts")
	if err != nil {
		return err.Error()
	}
	var told struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		return err.Error()
	}
	var names []string
	for _, a := range told.Data.Alerts {
		if a.State == "firing" {
			names = append(names, a.Labels["alertname"])
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
