//go:build unix

package por_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/proof/por"
)

const benchSize = 64 << 20

// perOp runs f b.N times and reports the processor time that took.
func perOp(b *testing.B, f func(n byte) error) {
	b.Helper()
	cpu := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	b.ReportAllocs()
	n, before := byte(0), cpu()
	for b.Loop() {
		n++
		if err := f(n); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N)/float64(time.Millisecond), "cpu-ms/op")
}

// BenchmarkTags measures what the tags of a replica cost the asker.
func BenchmarkTags(b *testing.B) {
	data := some(1, benchSize)
	key := keyOf(data)
	b.SetBytes(benchSize)
	perOp(b, func(byte) error { key.Tags(data); return nil })
	b.ReportMetric(float64(por.TagsSize(benchSize))/benchSize*100, "tags-%")
}

// BenchmarkProve measures a miner's work for an answer about 460 blocks of
// 64 MiB: without its reads, and with them.
func BenchmarkProve(b *testing.B) {
	data := some(1, benchSize)
	tags := keyOf(data).Tags(data)
	file := func(name string, content []byte) io.ReaderAt {
		path := filepath.Join(b.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			b.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		return f
	}
	for name, r := range map[string][2]io.ReaderAt{
		"memory": {bytes.NewReader(data), bytes.NewReader(tags)},
		"file":   {file("data", data), file("tags", tags)},
	} {
		b.Run(name, func(b *testing.B) {
			perOp(b, func(n byte) error {
				_, err := por.Prove(por.Challenge{n}, benchSize, r[0], r[1])
				return err
			})
		})
	}
}

// BenchmarkCheck measures an asker's whole work for that answer, from its secret.
func BenchmarkCheck(b *testing.B) {
	data := some(1, benchSize)
	hash := proof.Sum(data)
	answer := prove(b, por.Challenge{}, data, keyOf(data).Tags(data))
	perOp(b, func(byte) error {
		key := por.SecretOf("0123456789abcdef").Key(miner, hash, benchSize, salt)
		return key.Check(por.Challenge{}, benchSize, answer)
	})
	b.ReportMetric(float64(len(answer)), "answer-bytes")
}

// BenchmarkReference measures the same for the protocol's Challenge, asked for
// as a validator with an audit record does. Its answer has one piece.
func BenchmarkReference(b *testing.B) {
	data := some(1, benchSize)
	state := proof.NewState()
	state.Write(data)
	record, err := audit.SecretOf("0123456789abcdef").Record(data, state)
	if err != nil {
		b.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{1})
	ask := func() (proof.ChallengeRequest, proof.ChallengeAnswer, error) {
		req, err := record.NewChallenge(random)
		if err != nil {
			return req, proof.ChallengeAnswer{}, err
		}
		ans, err := proof.AnswerChallenge(random, req, bytes.NewReader(data), benchSize, "seed")
		return req, ans, err
	}
	b.Run("answer", func(b *testing.B) {
		perOp(b, func(byte) error { _, _, err := ask(); return err })
	})
	b.Run("check", func(b *testing.B) {
		req, ans, err := ask()
		if err != nil {
			b.Fatal(err)
		}
		perOp(b, func(byte) error {
			_, err := record.CheckChallenge(req, ans, []string{"seed"})
			return err
		})
		b.ReportMetric(float64(len(ans.Piece)), "piece-bytes")
	})
}
