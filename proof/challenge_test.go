package proof_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/merkle"
)

// newChallenge is a challenge of data, with pieces of that size when given.
func newChallenge(t testing.TB, data []byte, piece, index int64) proof.ChallengeRequest {
	t.Helper()
	req, err := proof.NewChallenge(chance(4), proof.Sum(data).String(), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	req.PieceSize, req.Index = piece, index
	return req
}

func answer(t testing.TB, req proof.ChallengeRequest, data []byte) proof.ChallengeAnswer {
	t.Helper()
	// One byte at a time where that is quick: readers may.
	var r io.Reader = bytes.NewReader(data)
	if len(data) < 1<<16 {
		r = iotest.OneByteReader(r)
	}
	ans, err := proof.AnswerChallenge(chance(5), req, r, int64(len(data)), "old seed")
	if err != nil {
		t.Fatal(err)
	}
	return ans
}

// TestAnswersVerify takes sizes around the blocks in which data is worked on.
func TestAnswersVerify(t *testing.T) {
	const mib = 1 << 20
	data := labelled("answers", "", 4*mib+17)
	for _, c := range []struct{ size, piece int64 }{
		{1, 1}, {1, 1 << 40}, {2, 1}, {1000, 1}, {256, 256}, {257, 256}, {mib - 1, 65536}, {mib, mib}, {mib + 1, mib},
		{3*mib + 5, 4096}, {4*mib + 17, 65536}, {4*mib + 17, mib}, {4*mib + 17, mib + 1}, {4*mib + 17, 3 * mib}, {4*mib + 17, math.MaxInt64},
	} {
		count := (c.size-1)/c.piece + 1
		for _, index := range []int64{0, count / 2, count - 1} {
			t.Run(fmt.Sprintf("%d by %d, piece %d", c.size, c.piece, index), func(t *testing.T) {
				data := data[:c.size]
				req := newChallenge(t, data, c.piece, index)
				ans := answer(t, req, data)
				if !bytes.Equal(ans.Piece, data[index*c.piece:min(c.size, index*c.piece+min(c.piece, c.size))]) {
					t.Error("another piece")
				}
				if ans.CommitmentProof != proof.Sum(data, []byte("old seed")).String() {
					t.Error("another chain")
				}
				if err := proof.CheckChallenge(req, c.size, ans); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestNewChallengeAsksForWhatExists(t *testing.T) {
	hash := proof.Sum(nil).String()
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(0, 42).Draw(t, "bits")
		size := rapid.Int64Range(1, 1<<bits).Draw(t, "size")
		req, err := proof.NewChallenge(chance(rapid.Byte().Draw(t, "seed")), hash, size)
		if err != nil {
			t.Fatal(err)
		}
		count := (size-1)/req.PieceSize + 1
		if req.Index < 0 || req.Index >= count || count > proof.MaxAskedPieces {
			t.Fatalf("piece %d of %d", req.Index, count)
		}
		if least := max(256, (size+proof.MaxAskedPieces-1)/proof.MaxAskedPieces); req.PieceSize < least || req.PieceSize > max(least, size/4) {
			t.Fatalf("pieces of %d bytes, of %d", req.PieceSize, size)
		}
		// Only the missing answer is wrong with it.
		if err := proof.CheckChallenge(req, size, proof.ChallengeAnswer{}); !errors.Is(err, proof.ErrProof) {
			t.Fatal(err)
		}
	})
	for _, size := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		if _, err := proof.NewChallenge(chance(1), hash, size); !errors.Is(err, proof.ErrRequest) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := proof.NewChallenge(chance(1), "hash", 1); !errors.Is(err, proof.ErrRequest) {
		t.Errorf("no hash: %v", err)
	}
	for enough := range int64(4) {
		if _, err := proof.NewChallenge(io.LimitReader(chance(1), enough*30), hash, 1<<20); err == nil {
			t.Errorf("asked with %d bytes of randomness", enough*30)
		}
	}
}

func TestChallengeRefusesBadRequests(t *testing.T) {
	data := labelled("bad requests", "", 1000)
	size := int64(len(data))
	good := newChallenge(t, data, 256, 1)
	ans := answer(t, good, data)
	bad := map[string]proof.ChallengeRequest{}
	set := func(name string, change func(*proof.ChallengeRequest)) {
		req := good
		change(&req)
		bad[name] = req
	}
	for name, b := range badBases(good.G, good.H) {
		set(name, func(r *proof.ChallengeRequest) { r.Curve, r.G, r.H = b[0], b[1], b[2] })
	}
	for _, seed := range badSeeds {
		set("seed "+seed, func(r *proof.ChallengeRequest) { r.Seed = seed })
	}
	for _, n := range []int64{0, -1, math.MinInt64} {
		set(fmt.Sprint("pieces of ", n), func(r *proof.ChallengeRequest) { r.PieceSize = n })
	}
	for _, n := range []int64{-1, 4, 5, math.MaxInt64, math.MinInt64} {
		set(fmt.Sprint("piece ", n), func(r *proof.ChallengeRequest) { r.Index = n })
	}
	set("no hash", func(r *proof.ChallengeRequest) { r.DataHash = "" })
	for name, req := range bad {
		wantBadChallenge(t, name, req, size, ans)
	}
	for _, n := range []int64{0, -1, math.MinInt64, 256} {
		wantBadChallenge(t, fmt.Sprint("size ", n), good, n, ans)
	}
	req := good
	req.PieceSize = 1
	wantBadChallenge(t, "too many pieces", req, proof.MaxPieces+1, ans)
	req.PieceSize = 2 * proof.MaxPiece
	req.Index = 0
	wantBadChallenge(t, "a huge piece", req, 2*proof.MaxPiece, ans)
}

func wantBadChallenge(t *testing.T, name string, req proof.ChallengeRequest, size int64, ans proof.ChallengeAnswer) {
	t.Helper()
	unread := iotest.ErrReader(errors.New("a bad request is refused before the data is read"))
	if _, err := proof.AnswerChallenge(unread, req, unread, size, "old seed"); !errors.Is(err, proof.ErrRequest) {
		t.Errorf("answer, %s: %v", name, err)
	}
	if err := proof.CheckChallenge(req, size, ans); !errors.Is(err, proof.ErrRequest) {
		t.Errorf("check, %s: %v", name, err)
	}
}

func TestAnswererNoticesItsOwnFaults(t *testing.T) {
	data := labelled("faults", "", 3<<20)
	size := int64(len(data))
	req := newChallenge(t, data, 300<<10, 1)
	broken := errors.New("disk")
	rotten := bytes.Clone(data)
	rotten[2<<20] ^= 1
	for name, c := range map[string]struct {
		data io.Reader
		size int64
		seed string
		want error
	}{
		"nothing":     {bytes.NewReader(nil), size, "old seed", proof.ErrData},
		"cut short":   {bytes.NewReader(data[:size-1]), size, "old seed", proof.ErrData},
		"longer":      {bytes.NewReader(data), size - 1, "old seed", proof.ErrData},
		"rotten":      {bytes.NewReader(rotten), size, "old seed", proof.ErrData},
		"no old seed": {bytes.NewReader(data), size, "", proof.ErrData},
		"broken":      {io.MultiReader(bytes.NewReader(data[:2<<20]), iotest.ErrReader(broken)), size, "old seed", broken},
	} {
		if _, err := proof.AnswerChallenge(chance(1), req, c.data, c.size, c.seed); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := proof.AnswerChallenge(io.LimitReader(chance(1), 100), req, bytes.NewReader(data), size, "old seed"); err == nil {
		t.Error("answered without randomness")
	}
}

// TestChallengeAnswerIsBound: the path is changed as a path, because its wire
// form leaves white space free.
func TestChallengeAnswerIsBound(t *testing.T) {
	data := labelled("bound", "", 10*256-3)
	size := int64(len(data))
	rapid.Check(t, func(t *rapid.T) {
		random := chance(rapid.Byte().Draw(t, "seed"))
		req, err := proof.NewChallenge(random, proof.Sum(data).String(), size)
		if err != nil {
			t.Fatal(err)
		}
		ans, err := proof.AnswerChallenge(random, req, bytes.NewReader(data), size, "old seed")
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.CheckChallenge(req, size, ans); err != nil {
			t.Fatal(err)
		}
		for name, change := range changes(t) {
			bad := ans
			change(&bad)
			if err := proof.CheckChallenge(req, size, bad); !errors.Is(err, proof.ErrProof) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		other := req
		other.G, other.H = req.H, req.G
		if err := proof.CheckChallenge(other, size, ans); !errors.Is(err, proof.ErrProof) {
			t.Fatalf("other bases: %v", err)
		}
		other = req
		other.Seed = changed(t, req.Seed, "other seed")
		if err := proof.CheckChallenge(other, size, ans); !errors.Is(err, proof.ErrProof) {
			t.Fatalf("another seed: %v", err)
		}
	})
}

func changes(t *rapid.T) map[string]func(*proof.ChallengeAnswer) {
	return map[string]func(*proof.ChallengeAnswer){
		"commitment": func(a *proof.ChallengeAnswer) { a.Commitment = changed(t, a.Commitment, "c") },
		"hash":       func(a *proof.ChallengeAnswer) { a.CommitmentHash = changed(t, a.CommitmentHash, "h") },
		"proof":      func(a *proof.ChallengeAnswer) { a.CommitmentProof = changed(t, a.CommitmentProof, "p") },
		"root":       func(a *proof.ChallengeAnswer) { a.MerkleRoot = changed(t, a.MerkleRoot, "root") },
		"piece":      func(a *proof.ChallengeAnswer) { a.Piece = []byte(changed(t, string(a.Piece), "piece")) },
		"short":      func(a *proof.ChallengeAnswer) { a.Piece = a.Piece[1:] },
		"long":       func(a *proof.ChallengeAnswer) { a.Piece = append(bytes.Clone(a.Piece), 0) },
		"no piece":   func(a *proof.ChallengeAnswer) { a.Piece = nil },
		"randomness": func(a *proof.ChallengeAnswer) { a.Randomness = new(big.Int).Xor(a.Randomness, big.NewInt(1)) },
		"negative":   func(a *proof.ChallengeAnswer) { a.Randomness = new(big.Int).Neg(a.Randomness) },
		"no number":  func(a *proof.ChallengeAnswer) { a.Randomness = nil },
		"path": func(a *proof.ChallengeAnswer) {
			path, err := merkle.ParsePath(a.MerkleProof)
			if err != nil || len(path) == 0 {
				t.Fatalf("%v, %v", path, err)
			}
			i := rapid.IntRange(0, len(path)-1).Draw(t, "step")
			path[i].Sibling = []byte(changed(t, string(path[i].Sibling), "sibling"))
			a.MerkleProof = path.Wire()
		},
		"no path":   func(a *proof.ChallengeAnswer) { a.MerkleProof = "W10=" },
		"no proof":  func(a *proof.ChallengeAnswer) { a.MerkleProof = "" },
		"long path": func(a *proof.ChallengeAnswer) { a.MerkleProof = base64.StdEncoding.EncodeToString(make([]byte, 1<<20)) },
		"long root": func(a *proof.ChallengeAnswer) { a.MerkleRoot = strings.Repeat("00", 1<<20) },
	}
}
