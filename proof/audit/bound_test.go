package audit

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/filetao/filetao/proof"
)

// dropped is data of which a miner lacks about a fraction f, in one run from
// somewhere or in bytes all over, and which bytes it lacks.
func dropped(random *rand.Rand, data []byte, f float64, scattered bool) (kept []byte, lacks []bool) {
	kept, lacks = bytes.Clone(data), make([]bool, len(data))
	n := int(f * float64(len(data)))
	from := random.IntN(len(data) - n + 1)
	for i := range n {
		at := from + i
		if scattered {
			at = random.IntN(len(data))
		}
		kept[at] ^= 1 // what it makes up is wrong
		lacks[at] = true
		if kept[at] == data[at] {
			kept[at] ^= 1
		}
	}
	return kept, lacks
}

// Who lacks a fraction f of the bytes passes c challenges with a probability of
// at most (1-f)^c. Each case is a sample of so many trials; a sound check fails
// it when the sample is five standard deviations off: below 3·10^-7 per case.
func TestBound(t *testing.T) {
	const trials = 4000
	random := rand.New(rand.NewChaCha8([32]byte{1}))
	source := rand.NewChaCha8([32]byte{2})
	for _, size := range []int{600, 5000, 256*480 + 1, 400_000} {
		data := make([]byte, size)
		source.Read(data)
		state := proof.NewState()
		state.Write(data)
		r, err := Secret{}.Record(data, state)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []float64{0.01, 0.1, 0.5} {
			for _, scattered := range []bool{false, true} {
				for _, c := range []int{1, 10} {
					t.Run(fmt.Sprint(size, f, scattered, c), func(t *testing.T) {
						kept, lacks := dropped(random, data, f, scattered)
						n := 0
						for _, l := range lacks {
							if l {
								n++
							}
						}
						passed := 0
						for range trials {
							if r.passes(t, source, kept, c) {
								passed++
							}
						}
						bound := math.Pow(1-float64(n)/float64(size), float64(c))
						limit := bound + 5*math.Sqrt(bound*(1-bound)/trials)
						if rate := float64(passed) / trials; rate > limit {
							t.Errorf("passes %.4f of %d times, bound %.4f", rate, trials, bound)
						}
					})
				}
			}
		}
	}
}

// passes says whether who keeps these bytes has the pieces of c challenges.
func (r *Record) passes(t *testing.T, source *rand.ChaCha8, kept []byte, c int) bool {
	t.Helper()
	for range c {
		piece, index, err := r.draw(source)
		if err != nil {
			t.Fatal(err)
		}
		from := index * piece
		length := min(piece, r.size-from)
		if r.checkPiece(from, length, kept[from:from+length]) != nil {
			return false
		}
	}
	return true
}

// No honest miner is failed. FILETAO_AUDIT_ROUNDS=1000000 makes it the promised
// number of rounds (a minute or two); the full proof is made in every tenth,
// the piece is held against the tags in all.
func TestHonestRounds(t *testing.T) {
	rounds := 3000
	if text := os.Getenv("FILETAO_AUDIT_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewChaCha8([32]byte{3}))
	source := rand.NewChaCha8([32]byte{4})
	var data []byte
	var r *Record
	for round := range rounds {
		if round%20 == 0 {
			data = make([]byte, 1+random.IntN(1<<random.IntN(18)))
			source.Read(data)
			state := proof.NewState()
			state.Write(data)
			var err error
			if r, err = (Secret{5}).Record(data, state); err != nil {
				t.Fatal(err)
			}
		}
		if !r.passes(t, source, data, 1) {
			t.Fatalf("round %d: an honest piece of %d bytes fails", round, len(data))
		}
		if round%10 != 0 {
			continue
		}
		req, err := r.NewChallenge(source)
		if err != nil {
			t.Fatal(err)
		}
		ans, err := proof.AnswerChallenge(source, req, bytes.NewReader(data), r.size, "seed")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.CheckChallenge(req, ans, []string{"seed"}); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// FuzzOpen: bytes open only as the record that they are, whether their tag has
// been made with the secret or not.
func FuzzOpen(f *testing.F) {
	for _, size := range []int{1, 256, 257, 5000} {
		data := bytes.Repeat([]byte{7}, size)
		state := proof.NewState()
		state.Write(data)
		r, err := Secret{}.Record(data, state)
		if err != nil {
			f.Fatal(err)
		}
		b, err := r.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.hash, b, false)
		f.Add(r.hash, b[:len(b)-tagSize], true)
		huge := bytes.Clone(b[:len(b)-tagSize])
		huge[1] = 1 // a size of 2^56
		f.Add(r.hash, huge, true)
	}
	f.Add("", []byte{}, false)
	f.Fuzz(func(t *testing.T, hash string, b []byte, sign bool) {
		if digest, err := proof.ParseDigest(hash); sign && err == nil {
			aead, err := Secret{}.keyed(digest)
			if err != nil {
				t.Fatal(err)
			}
			b = aead.Seal(b, nonce(own), nil, b)
		}
		r, err := Secret{}.Open(hash, b)
		if err != nil {
			return
		}
		if back, err := r.MarshalBinary(); err != nil || !bytes.Equal(back, b) || r.hash != hash {
			t.Fatalf("another record comes back: %v", err)
		}
	})
}
