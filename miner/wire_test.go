package miner_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"sync"
	"testing"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

func TestStoreChallengeRetrieveAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{}, miner.Deps{}, 0)
	a := newAsker(t, "//Alice")
	for _, size := range []int{1, 255, 256, 257, 1000, 1 << 20} {
		data := vectorData("", "restart", size)
		seed := a.store(n, data)
		seed = a.challenge(n, data, seed)
		seed = a.retrieve(n, data, seed)
		n.stop()
		n = start(t, dir, miner.Config{}, miner.Deps{}, 0)
		seed = a.challenge(n, data, seed)
		a.retrieve(n, data, seed)
		seed = a.store(n, data)
		a.challenge(n, data, seed)
	}
	empty := a.store(n, nil)
	a.retrieve(n, nil, empty)
}

func TestAskersHaveTheirOwnSeedsOverOneCopy(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{}, 0)
	alice, bob := newAsker(t, "//Alice"), newAsker(t, "//Bob")
	data := vectorData("", "shared", 5000)
	sa, sb := alice.store(n, data), bob.store(n, data)
	sa = alice.challenge(n, data, sa)
	sb = bob.challenge(n, data, sb)
	if s := n.Stats(); s.Bytes != 5000 || s.Objects != 1 || s.Records != 2 {
		t.Fatalf("stats %+v", s)
	}
	if err := alice.call(n, &wire.Delete{DataHash: hashOf(data)}); err != nil {
		t.Fatal(err)
	}
	bob.retrieve(n, data, sb)
	if err := alice.call(n, &wire.Retrieve{DataHash: hashOf(data), Seed: sa}); wire.StatusOf(err) != wire.StatusNotFound {
		t.Fatalf("deleted data: %v", err)
	}
	msg := &wire.Delete{DataHash: hashOf(data)}
	if err := bob.call(n, msg); err != nil || !msg.Deleted {
		t.Fatalf("%+v, %v", msg, err)
	}
	if s := n.Stats(); s.Bytes != 0 || s.Objects != 0 || s.Records != 0 {
		t.Fatalf("stats %+v", s)
	}
}

// TestChallengesAtOnceFormOneChain sends many challenges about one datum at
// once: each must have been answered from the seed of exactly one other.
func TestChallengesAtOnceFormOneChain(t *testing.T) {
	const many = 12
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{}, 0)
	a := newAsker(t, "//Alice")
	data := vectorData("", "chain", 3000)
	first := a.store(n, data)
	msgs := make([]*wire.Challenge, many)
	var wg sync.WaitGroup
	for i := range msgs {
		msgs[i] = challengeMsg(t, data)
		wg.Go(func() {
			if err := a.call(n, msgs[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	after := map[string]string{} // proof → seed that was sent with it
	for _, msg := range msgs {
		after[msg.CommitmentProof] = msg.Seed
	}
	seed := first
	for range many {
		p := stateOf(data).Chain(seed).String()
		next, ok := after[p]
		if !ok {
			t.Fatalf("no answer goes on from seed %s", seed)
		}
		delete(after, p)
		seed = next
	}
	a.retrieve(n, data, seed)
}

func TestVectorsOverTheWire(t *testing.T) {
	random := &script{}
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Rand: random}, 0)
	a := newAsker(t, "//Alice")
	t.Run("store", func(t *testing.T) { storeVectors(t, a, n, random) })
	t.Run("challenge", func(t *testing.T) { challengeVectors(t, a, n, random) })
	t.Run("seedchain", func(t *testing.T) { chainVectors(t, a, n, random) })
}

func storeVectors(t *testing.T, a asker, n *node, random *script) {
	var v struct {
		Prefix string `json:"data_prefix"`
		Cases  []struct {
			Length         int
			Label          string `json:"data_label"`
			Hash           string `json:"data_hash"`
			Seed, G, H     string
			Randomness     decimal
			Commitment     string
			CommitmentHash string `json:"commitment_hash"`
		}
	}
	vectors(t, "store.json", &v)
	if len(v.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range v.Cases {
		random.add(c.Randomness.Int)
		data := vectorData(v.Prefix, c.Label, c.Length)
		msg := &wire.Store{EncryptedData: data, Curve: proof.Curve, G: c.G, H: c.H, Seed: c.Seed}
		if err := a.call(n, msg); err != nil {
			t.Fatal(err)
		}
		if msg.Commitment != c.Commitment || msg.CommitmentHash != c.CommitmentHash || msg.Randomness.Cmp(c.Randomness.Int) != 0 || msg.Signature != "" {
			t.Errorf("%s: answered %+v", c.Label, msg)
		}
		if err := a.call(n, &wire.Delete{DataHash: c.Hash}); err != nil {
			t.Error(err)
		}
	}
}

func challengeVectors(t *testing.T, a asker, n *node, random *script) {
	var v struct {
		Prefix string `json:"data_prefix"`
		Cases  []struct {
			Length     int
			Label      string `json:"data_label"`
			ChunkSize  int64  `json:"chunk_size"`
			Index      int64  `json:"challenge_index"`
			PrevSeed   string `json:"prev_seed"`
			Seed, G, H string
			Randomness []decimal `json:"randomness_of_every_piece"`
			Answer     struct {
				CommitmentHash  string `json:"commitment_hash"`
				CommitmentProof string `json:"commitment_proof"`
				Commitment      string
				Chunk           string `json:"data_chunk_sha256"`
				Randomness      decimal
				MerkleProof     string `json:"merkle_proof"`
				MerkleRoot      string `json:"merkle_root"`
			}
		}
	}
	vectors(t, "challenge.json", &v)
	if len(v.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range v.Cases {
		random.add(big.NewInt(1)) // of the Store
		for _, r := range c.Randomness {
			random.add(r.Int)
		}
		data := vectorData(v.Prefix, c.Label, c.Length)
		store := storeMsg(t, data)
		store.Seed = c.PrevSeed
		msg := &wire.Challenge{
			ChallengeHash: hashOf(data), ChallengeIndex: c.Index, ChunkSize: c.ChunkSize,
			G: c.G, H: c.H, Curve: proof.Curve, Seed: c.Seed,
		}
		for _, m := range []wire.Message{store, msg} {
			if err := a.call(n, m); err != nil {
				t.Fatalf("%s: %s: %v", c.Label, m.Name(), err)
			}
		}
		sum := sha256.Sum256(msg.DataChunk)
		want := c.Answer
		if msg.CommitmentHash != want.CommitmentHash || msg.CommitmentProof != want.CommitmentProof ||
			msg.Commitment != want.Commitment || hex.EncodeToString(sum[:]) != want.Chunk ||
			msg.Randomness.Cmp(want.Randomness.Int) != 0 || msg.MerkleProof != want.MerkleProof || msg.MerkleRoot != want.MerkleRoot {
			t.Errorf("%s: answered %+v", c.Label, msg)
		}
	}
}

func chainVectors(t *testing.T, a asker, n *node, random *script) {
	var v struct {
		Prefix string `json:"data_prefix"`
		Cases  []struct {
			Length int
			Label  string `json:"data_label"`
			C0     string
			Steps  []struct {
				PrevSeed        string `json:"prev_seed"`
				Seed            string
				CommitmentProof string `json:"commitment_proof"`
				CommitmentHash  string `json:"commitment_hash"`
			}
		}
	}
	vectors(t, "seedchain.json", &v)
	if len(v.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range v.Cases {
		random.add(big.NewInt(1))
		data := vectorData(v.Prefix, c.Label, c.Length)
		store := storeMsg(t, data)
		store.Seed = c.Steps[0].PrevSeed
		if err := a.call(n, store); err != nil || store.CommitmentHash != c.C0 {
			t.Fatalf("%s: %v, C0 %s, want %s", c.Label, err, store.CommitmentHash, c.C0)
		}
		for _, step := range c.Steps {
			msg := &wire.Retrieve{DataHash: hashOf(data), Seed: step.Seed}
			if err := a.call(n, msg); err != nil || msg.CommitmentProof != step.CommitmentProof || msg.CommitmentHash != step.CommitmentHash {
				t.Errorf("%s: %v, answered %+v", c.Label, err, msg)
			}
		}
	}
}
