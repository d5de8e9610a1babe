package proof_test

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/filetao/filetao/proof"
)

// fuzzSize bounds the data that fuzzed requests are about.
const fuzzSize = 1 << 12

// FuzzAnswerChallenge: whatever is asked, there is an answer that verifies or
// an error that blames the request.
func FuzzAnswerChallenge(f *testing.F) {
	data := labelled("fuzz", "", 1000)
	good := newChallenge(f, data, 256, 2)
	f.Add(data, good.Index, good.PieceSize, good.Curve, good.G, good.H, good.Seed)
	f.Add(data[:1], int64(0), int64(1)<<62, good.Curve, good.G, good.G, "s")
	f.Add(data, int64(-1), int64(0), "", "", "", "")
	f.Add([]byte{}, int64(0), int64(1), good.Curve, good.G, good.H, good.Seed)
	f.Fuzz(func(t *testing.T, data []byte, index, piece int64, curve, g, h, seed string) {
		size := int64(len(data))
		if size > fuzzSize {
			return
		}
		req := proof.ChallengeRequest{
			DataHash: proof.Sum(data).String(), Index: index, PieceSize: piece,
			Curve: curve, G: g, H: h, Seed: seed,
		}
		ans, err := proof.AnswerChallenge(chance(6), req, bytes.NewReader(data), size, "old seed")
		if err != nil {
			if !errors.Is(err, proof.ErrRequest) {
				t.Fatal(err)
			}
			return
		}
		if err := proof.CheckChallenge(req, size, ans); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzCheckChallenge: whatever is answered, the check ends with a verdict, and
// what passes has the right piece length and the right texts.
func FuzzCheckChallenge(f *testing.F) {
	data := labelled("fuzz", "", 1000)
	size := int64(len(data))
	req := newChallenge(f, data, 256, 2)
	add := func(a proof.ChallengeAnswer) {
		f.Add(a.CommitmentHash, a.CommitmentProof, a.Commitment, a.Piece, a.Randomness.Bytes(), a.MerkleProof, a.MerkleRoot)
	}
	good := answer(f, req, data)
	add(good)
	whole := newChallenge(f, data, 1000, 0)
	add(answer(f, whole, data))
	add(proof.ChallengeAnswer{Randomness: new(big.Int), MerkleProof: "bnVsbA==", MerkleRoot: "00"})
	f.Fuzz(func(t *testing.T, hash, chain, commitment string, piece, r []byte, path, root string) {
		ans := proof.ChallengeAnswer{
			CommitmentHash: hash, CommitmentProof: chain, Commitment: commitment, Piece: piece,
			Randomness: new(big.Int).SetBytes(r), MerkleProof: path, MerkleRoot: root,
		}
		err := proof.CheckChallenge(req, size, ans)
		if err != nil {
			if !errors.Is(err, proof.ErrProof) {
				t.Fatal(err)
			}
			return
		}
		if len(piece) != 256 || hash != proof.Sum([]byte(chain+req.Seed)).String() {
			t.Fatalf("passes: %+v", ans)
		}
	})
}

// FuzzCheckStore: only the one right hash passes, with a commitment that opens.
func FuzzCheckStore(f *testing.F) {
	req, state, good := storeAnswer(f, "data")
	f.Add(good.Commitment, good.CommitmentHash, good.Randomness.Bytes())
	f.Add("", "", []byte{})
	f.Add(req.G, good.CommitmentHash, []byte{1})
	f.Fuzz(func(t *testing.T, commitment, hash string, r []byte) {
		ans := proof.StoreAnswer{Randomness: new(big.Int).SetBytes(r), Commitment: commitment, CommitmentHash: hash}
		err := proof.CheckStore(req, state, ans)
		if err != nil && !errors.Is(err, proof.ErrProof) {
			t.Fatal(err)
		}
		if err == nil && hash != good.CommitmentHash {
			t.Fatalf("passes: %+v", ans)
		}
	})
}

// FuzzRetrieve: every request gets an answer that verifies or is refused alike
// by both sides; no other texts pass.
func FuzzRetrieve(f *testing.F) {
	state := stateOf([]byte("data"))
	f.Add(state.Hash().String(), "seed", "1", "2")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, dataHash, seed, hash, chain string) {
		req := proof.RetrieveRequest{DataHash: dataHash, Seed: seed}
		ans, err := proof.AnswerRetrieve(req, state, "old seed")
		if err == nil {
			err = proof.CheckRetrieve(req, state, ans)
		} else if errors.Is(err, proof.ErrRequest) != errors.Is(proof.CheckRetrieve(req, state, ans), proof.ErrRequest) {
			t.Fatalf("only one side refuses %+v", req)
		}
		if err != nil && !errors.Is(err, proof.ErrRequest) && !errors.Is(err, proof.ErrData) {
			t.Fatal(err)
		}
		other := proof.RetrieveAnswer{CommitmentHash: hash, CommitmentProof: chain}
		if proof.CheckRetrieve(req, state, other) == nil && hash != proof.Sum([]byte(chain+seed)).String() {
			t.Fatalf("passes: %+v", other)
		}
	})
}
