package pedersen_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/filetao/filetao/proof/pedersen"
)

// BenchmarkCommit measures the wall time of one commitment among n to the same
// fresh bases, the preparation for them included.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 8, 64, 1024, 4096, 16384} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			chacha := rand.NewChaCha8([32]byte{})
			bases, err := pedersen.NewBases(chacha)
			if err != nil {
				b.Fatal(err)
			}
			ms, rs := make([][32]byte, n), make([]*big.Int, n)
			for i := range ms {
				chacha.Read(ms[i][:])
				var r [32]byte
				chacha.Read(r[:])
				rs[i] = new(big.Int).SetBytes(r[:])
			}
			for b.Loop() {
				if _, err := bases.CommitAll(ms, rs); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/commitment")
		})
	}
}
