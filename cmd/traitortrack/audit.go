package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"traitortrack/internal/audit"
	"traitortrack/internal/config"
	"traitortrack/internal/pg"
)

// audits are the commands of the audit log.
type audits struct {
	Verify auditVerify `cmd:"" help:"Prove the audit log and the scans against their seals; name what was changed, removed or slipped in."`
}

type auditVerify struct {
	Head []string `help:"Head of the chain from the server's log, to prove that nothing after it was cut off. May be given again." placeholder:"SEQ:MAC"`
}

// Run proves the chain and fails on any finding.
func (cmd auditVerify) Run(ctx context.Context, w *world) error {
	heads, err := readHeads(cmd.Head)
	if err != nil {
		return err
	}
	return openDatabase(ctx, w, func(c config.Config, db *pg.DB) error {
		keys, err := auditKeys(c)
		if err != nil {
			return err
		}
		start := time.Now()
		report, err := audit.Verify(ctx, db, keys, heads...)
		if err != nil {
			return err
		}
		if err := printReport(w.out, report, time.Since(start)); err != nil {
			return err
		}
		if n := len(report.Findings) + report.More; n > 0 {
			return fmt.Errorf("the audit log is not as it was sealed: %d findings. The runbook says how to go on; change nothing before you have copied the database", n)
		}
		return nil
	})
}

func readHeads(given []string) ([]audit.Head, error) {
	var heads []audit.Head
	for _, text := range given {
		seq, mac, _ := strings.Cut(text, ":")
		n, err := strconv.ParseInt(seq, 10, 64)
		raw, macErr := hex.DecodeString(mac)
		if err != nil || macErr != nil || len(raw) == 0 {
			return nil, fmt.Errorf("--head %s is not a head: copy what stands behind head= in the server's log, such as 42:9f3c…", text)
		}
		heads = append(heads, audit.Head{Seq: n, MAC: raw})
	}
	return heads, nil
}

func printReport(out io.Writer, r *audit.Report, took time.Duration) error {
	var text strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&text, "FOUND  %s\n", f)
	}
	if r.More > 0 {
		fmt.Fprintf(&text, "FOUND  %d more\n", r.More)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&text, "note   %s\n", n)
	}
	fmt.Fprintf(&text, "%d seals in %d segments prove %d rows of the audit log and %d scans", r.Seals, r.Segments, r.Rows, r.Scans)
	if r.Archived > 0 {
		fmt.Fprintf(&text, ", beside %d rows in archives", r.Archived)
	}
	fmt.Fprintf(&text, " (%v).\n%d rows and %d scans are newer than the last seal.\nhead   %s\n", took.Round(time.Millisecond), r.UnsealedRows, r.UnsealedScans, r.Head)
	if r.Clean() {
		text.WriteString("Clean.\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// errNoKey says what sealing and proving need.
var errNoKey = errors.New("the audit log is sealed with a key made from SECRET_KEY, and that is not set: set it to at least 32 characters that nobody can guess")

func auditKeys(c config.Config) (audit.Keys, error) {
	if c.SecretKey == "" {
		return audit.Keys{}, errNoKey
	}
	return audit.NewKeys(c.SecretKey, c.SecretKeyOld...)
}

// wireSealer makes the sealer, or gives nil and a warning where there is no key.
func wireSealer(c config.Config, db *pg.DB, log *slog.Logger) (*audit.Sealer, error) {
	keys, err := auditKeys(c)
	if errors.Is(err, errNoKey) {
		log.Warn("the audit log is not sealed", slog.Any("error", err))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return audit.NewSealer(db, keys, log, time.Now), nil
}
