package bag_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"traitortrack/internal/audit"
	"traitortrack/internal/bag"
	"traitortrack/internal/org"
)

// BenchmarkScanWhileSealing has eight callers scan while nobody seals, while a sealer seals sixty times as often as the
// server's does, and while nobody seals again: what lies between the first and the last is what the machine does by itself.
func BenchmarkScanWhileSealing(b *testing.B) {
	db, _ := durable(b)
	keys, err := audit.NewKeys("a secret of the benchmark")
	if err != nil {
		b.Fatal(err)
	}
	sealer := audit.NewSealer(db, keys, slog.New(slog.DiscardHandler), time.Now)
	store := bag.NewStore(db, org.NewStore(db, time.Minute, time.Now), time.Now)
	b.Run("without", func(b *testing.B) { scanFor(b, db, store, 8) })
	b.Run("with", func(b *testing.B) {
		stop := sealOften(b, sealer)
		scanFor(b, db, store, 8)
		b.ReportMetric(float64(stop()), "seals")
	})
	b.Run("without-again", func(b *testing.B) { scanFor(b, db, store, 8) })
}

// sealOften seals every second, until stop, which gives the number of seals that were made.
func sealOften(b *testing.B, sealer *audit.Sealer) func() int {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	made := make(chan int)
	go func() {
		seals := 0
		for ctx.Err() == nil {
			done, err := sealer.Seal(context.WithoutCancel(ctx))
			if err != nil {
				b.Errorf("seal: %v", err)
			}
			seals += done.Seals
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
		made <- seals
	}()
	return func() int { cancel(); return <-made }
}
