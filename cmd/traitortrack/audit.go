package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"traitortrack/internal/audit"
	"traitortrack/internal/config"
	"traitortrack/internal/pg"
)

// audits are the commands of the audit log.
type audits struct {
	Verify  auditVerify  `cmd:"" help:"Prove the audit log and the scans against their seals; name what was changed, removed or slipped in."`
	Archive auditArchive `cmd:"" help:"Move months of the audit log that are older than 90 days into files in AUDIT_ARCHIVE_DIR."`
}

type auditArchive struct{}

// Run moves what is due.
func (auditArchive) Run(ctx context.Context, w *world) error {
	return openDatabase(ctx, w, func(c config.Config, db *pg.DB) error {
		archiver, err := newArchiver(c, db, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		moved, err := archiver.Archive(ctx)
		for _, m := range moved {
			if _, err := fmt.Fprintf(w.out, "%s: %d rows moved to %s, %d stay in the database\n", m.Month, m.Rows, filepath.Join(c.AuditArchiveDir, m.File), m.Kept); err != nil {
				return err
			}
		}
		if err == nil && len(moved) == 0 {
			_, err = fmt.Fprintln(w.out, "Nothing is older than 90 days that is not in a file already.")
		}
		return err
	})
}

// errNoFolder says what archiving needs.
var errNoFolder = errors.New("AUDIT_ARCHIVE_DIR is not set: name a folder that is as durable as the database, and that every instance sees")

func newArchiver(c config.Config, db *pg.DB, log *slog.Logger) (*audit.Archiver, error) {
	if c.AuditArchiveDir == "" {
		return nil, errNoFolder
	}
	keys, err := auditKeys(c)
	if err != nil {
		return nil, err
	}
	return audit.NewArchiver(db, keys, c.AuditArchiveDir, log, time.Now), nil
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
		report, err := audit.Verify(ctx, db, keys, c.AuditArchiveDir, heads...)
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
var errNoKey = errors.New("the audit log is sealed with a key made from SECRET_KEY, and that is not set: set it to at least 32 characters that nobody can guess. A demo keeps its own in its data folder: SECRET_KEY_FILE=…/secret-key")

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

// wireArchiver makes the archiver, or gives nil where there is no folder for it or no key.
func wireArchiver(c config.Config, db *pg.DB, log *slog.Logger) (*audit.Archiver, error) {
	if c.AuditArchiveDir == "" || c.SecretKey == "" {
		return nil, nil
	}
	return newArchiver(c, db, log)
}
