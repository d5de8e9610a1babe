package proof_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/filetao/filetao/proof"
)

const benchSize = 64 << 20

// challenged is a datum of 64 MiB with a challenge of it in pieces of that size.
func challenged(b *testing.B, piece int64) ([]byte, proof.ChallengeRequest) {
	b.Helper()
	data := make([]byte, benchSize)
	chacha := rand.NewChaCha8([32]byte{})
	chacha.Read(data)
	req, err := proof.NewChallenge(chacha, proof.Sum(data).String(), benchSize)
	if err != nil {
		b.Fatal(err)
	}
	req.PieceSize, req.Index = piece, benchSize/piece/3
	return data, req
}

func eachPieceSize(b *testing.B, run func(b *testing.B, piece int64)) {
	for _, kib := range []int64{4, 64, 1024} {
		name := fmt.Sprintf("64MiB/%dKiB", kib)
		if kib == 1024 {
			name = "64MiB/1MiB"
		}
		b.Run(name, func(b *testing.B) { run(b, kib<<10) })
	}
}

// BenchmarkAnswerChallenge measures a miner's whole work for one answer, but
// for reading the disk.
func BenchmarkAnswerChallenge(b *testing.B) {
	eachPieceSize(b, func(b *testing.B, piece int64) {
		data, req := challenged(b, piece)
		chacha := rand.NewChaCha8([32]byte{})
		b.SetBytes(benchSize)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := proof.AnswerChallenge(chacha, req, bytes.NewReader(data), benchSize, "seed"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCheckChallenge measures a validator's whole work for one answer.
func BenchmarkCheckChallenge(b *testing.B) {
	eachPieceSize(b, func(b *testing.B, piece int64) {
		data, req := challenged(b, piece)
		ans, err := proof.AnswerChallenge(rand.NewChaCha8([32]byte{}), req, bytes.NewReader(data), benchSize, "seed")
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := proof.CheckChallenge(req, benchSize, ans); err != nil {
				b.Fatal(err)
			}
		}
	})
}
