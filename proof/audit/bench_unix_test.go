//go:build unix

package audit_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// cpu is the processor time the process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAuditCheck measures a validator's whole work for one answer, from
// the record as stored and with a full list of seeds, the right one last.
func BenchmarkAuditCheck(b *testing.B) {
	for _, mib := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("%dMiB", mib), func(b *testing.B) {
			data := some(1, mib<<20)
			r := recordOf(b, data)
			stored, err := r.MarshalBinary()
			if err != nil {
				b.Fatal(err)
			}
			req, ans := ask(b, r, data, "seed")
			seeds := make([]string, 17)
			for i := range seeds {
				seeds[i] = fmt.Sprint(i)
			}
			seeds = append(seeds, "seed")
			before := cpu(b)
			for b.Loop() {
				r, err := secret.Open(req.DataHash, stored)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := r.CheckChallenge(req, ans, seeds); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e6, "cpu-ms/op")
			b.ReportMetric(float64(len(stored)), "record-bytes")
			b.ReportMetric(float64(len(ans.Piece)), "piece-bytes")
		})
	}
}

// BenchmarkRecord measures what a record costs: the tags, and for comparison
// the hash that a Store needs anyway.
func BenchmarkRecord(b *testing.B) {
	data := some(1, 64<<20)
	state := stateOf(data)
	b.Run("tags", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		before := cpu(b)
		for b.Loop() {
			r, err := secret.Record(data, state)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := r.MarshalBinary(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e6, "cpu-ms/op")
	})
	b.Run("hash", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			stateOf(data)
		}
	})
}
