package proof_test

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof"
)

func chance(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// changed is text with one character replaced by another.
func changed(t *rapid.T, text, label string) string {
	b := []byte(text)
	i := rapid.IntRange(0, len(b)-1).Draw(t, label)
	b[i] ^= byte(rapid.IntRange(1, 127).Draw(t, label+" bits"))
	return string(b)
}

// badBases are a request's curve, g and h of which one is wrong.
func badBases(g, h string) map[string][3]string {
	return map[string][3]string{
		"no curve":      {"", g, h},
		"other curve":   {"P-384", g, h},
		"no g":          {proof.Curve, "", h},
		"no h":          {proof.Curve, g, ""},
		"g off curve":   {proof.Curve, "312c31", h}, // "1,1"
		"h infinite":    {proof.Curve, g, "302c30"}, // "0,0"
		"oversized g":   {proof.Curve, strings.Repeat("31", 1<<20), h},
		"g not hex":     {proof.Curve, "x" + g[1:], h},
		"h a character": {proof.Curve, g, h[:len(h)-1]},
	}
}

var badSeeds = []string{"", strings.Repeat("s", 257)}

func storeAnswer(t testing.TB, data string) (proof.StoreRequest, *proof.State, proof.StoreAnswer) {
	t.Helper()
	random := chance(1)
	req, err := proof.NewStoreRequest(random)
	if err != nil {
		t.Fatal(err)
	}
	state := stateOf([]byte(data))
	ans, err := proof.AnswerStore(random, req, state)
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.CheckStore(req, state, ans); err != nil {
		t.Fatal(err)
	}
	return req, state, ans
}

func TestStoreAnswerIsBound(t *testing.T) {
	req, state, ans := storeAnswer(t, "data")
	rapid.Check(t, func(t *rapid.T) {
		for name, change := range map[string]func(*proof.StoreAnswer){
			"commitment": func(a *proof.StoreAnswer) { a.Commitment = changed(t, a.Commitment, "c") },
			"hash":       func(a *proof.StoreAnswer) { a.CommitmentHash = changed(t, a.CommitmentHash, "h") },
			"randomness": func(a *proof.StoreAnswer) {
				bit := uint(rapid.IntRange(0, 255).Draw(t, "r"))
				a.Randomness = new(big.Int).Xor(a.Randomness, new(big.Int).Lsh(big.NewInt(1), bit))
			},
			"no commitment": func(a *proof.StoreAnswer) { a.Commitment = "" },
			"no hash":       func(a *proof.StoreAnswer) { a.CommitmentHash = "" },
			"no randomness": func(a *proof.StoreAnswer) { a.Randomness = nil },
			"negative":      func(a *proof.StoreAnswer) { a.Randomness = big.NewInt(-1) },
			"huge":          func(a *proof.StoreAnswer) { a.Randomness = new(big.Int).Lsh(big.NewInt(1), 1<<20) },
		} {
			bad := ans
			change(&bad)
			if err := proof.CheckStore(req, state, bad); !errors.Is(err, proof.ErrProof) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
	if err := proof.CheckStore(req, stateOf([]byte("other")), ans); !errors.Is(err, proof.ErrProof) {
		t.Errorf("other data: %v", err)
	}
	other, err := proof.NewStoreRequest(chance(2))
	if err != nil {
		t.Fatal(err)
	}
	other.Seed = req.Seed
	if err := proof.CheckStore(other, state, ans); !errors.Is(err, proof.ErrProof) {
		t.Errorf("other bases: %v", err)
	}
	other = req
	other.Seed += "x"
	if err := proof.CheckStore(other, state, ans); !errors.Is(err, proof.ErrProof) {
		t.Errorf("another seed: %v", err)
	}
}

func TestStoreRefusesBadRequests(t *testing.T) {
	good, state, ans := storeAnswer(t, "data")
	bad := map[string]proof.StoreRequest{}
	for name, b := range badBases(good.G, good.H) {
		bad[name] = proof.StoreRequest{Curve: b[0], G: b[1], H: b[2], Seed: good.Seed}
	}
	for _, seed := range badSeeds {
		req := good
		req.Seed = seed
		bad["seed "+seed] = req
	}
	for name, req := range bad {
		if _, err := proof.AnswerStore(chance(3), req, state); !errors.Is(err, proof.ErrRequest) {
			t.Errorf("answer, %s: %v", name, err)
		}
		if err := proof.CheckStore(req, state, ans); !errors.Is(err, proof.ErrRequest) {
			t.Errorf("check, %s: %v", name, err)
		}
	}
	dry := iotest.ErrReader(errors.New("dry"))
	if _, err := proof.AnswerStore(dry, good, state); err == nil {
		t.Error("answered without randomness")
	}
	if _, err := proof.NewStoreRequest(dry); err == nil {
		t.Error("asked without randomness")
	}
}

func TestRetrieve(t *testing.T) {
	state := stateOf([]byte("data"))
	req := proof.RetrieveRequest{DataHash: state.Hash().String(), Seed: "new seed"}
	ans, err := proof.AnswerRetrieve(req, state, "old seed")
	if err != nil {
		t.Fatal(err)
	}
	want := proof.Sum([]byte("data"), []byte("old seed")).String()
	if ans.CommitmentProof != want || ans.CommitmentHash != proof.Sum([]byte(want+"new seed")).String() {
		t.Errorf("%+v", ans)
	}
	if err := proof.CheckRetrieve(req, state, ans); err != nil {
		t.Error(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		bad := ans
		bad.CommitmentHash = changed(t, ans.CommitmentHash, "hash")
		if err := proof.CheckRetrieve(req, state, bad); !errors.Is(err, proof.ErrProof) {
			t.Fatalf("another hash: %v", err)
		}
		bad = ans
		bad.CommitmentProof = changed(t, ans.CommitmentProof, "proof")
		if err := proof.CheckRetrieve(req, state, bad); !errors.Is(err, proof.ErrProof) {
			t.Fatalf("another proof: %v", err)
		}
	})
	other := stateOf([]byte("other"))
	if err := proof.CheckRetrieve(req, other, ans); !errors.Is(err, proof.ErrProof) {
		t.Errorf("other data: %v", err)
	}
	if _, err := proof.AnswerRetrieve(req, other, "old seed"); !errors.Is(err, proof.ErrData) {
		t.Errorf("other data at hand: %v", err)
	}
	for _, bad := range badSeeds {
		if _, err := proof.AnswerRetrieve(req, state, bad); !errors.Is(err, proof.ErrData) {
			t.Errorf("old seed of %d bytes: %v", len(bad), err)
		}
		wantBadRetrieve(t, proof.RetrieveRequest{DataHash: req.DataHash, Seed: bad}, state, ans)
	}
	for _, bad := range []string{"", "x", "-1", "01", strings.Repeat("9", 78), strings.Repeat("1", 1<<20)} {
		wantBadRetrieve(t, proof.RetrieveRequest{DataHash: bad, Seed: req.Seed}, state, ans)
	}
}

func wantBadRetrieve(t *testing.T, req proof.RetrieveRequest, state *proof.State, ans proof.RetrieveAnswer) {
	t.Helper()
	if _, err := proof.AnswerRetrieve(req, state, "old seed"); !errors.Is(err, proof.ErrRequest) {
		t.Errorf("answer to %.50v: %v", req, err)
	}
	if err := proof.CheckRetrieve(req, state, ans); !errors.Is(err, proof.ErrRequest) {
		t.Errorf("check of %.50v: %v", req, err)
	}
}
