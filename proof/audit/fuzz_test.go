package audit_test

import (
	"errors"
	"math/big"
	"testing"

	"github.com/filetao/filetao/proof"
)

// FuzzCheck: whatever is answered, what passes has the data's own bytes and a
// link over the seed.
func FuzzCheck(f *testing.F) {
	data := some(1, 1000)
	r := recordOf(f, data)
	req, err := r.NewChallenge(chance(2))
	if err != nil {
		f.Fatal(err)
	}
	good := answer(f, req, data, "seed")
	add := func(a proof.ChallengeAnswer) {
		f.Add(a.CommitmentHash, a.CommitmentProof, a.Commitment, a.Piece, a.Randomness.Bytes(), a.MerkleProof, a.MerkleRoot)
	}
	add(good)
	add(answer(f, req, data, "old seed"))
	add(proof.ChallengeAnswer{Randomness: new(big.Int), Piece: good.Piece})
	f.Fuzz(func(t *testing.T, hash, chain, commitment string, piece, random []byte, path, root string) {
		over, err := r.CheckChallenge(req, proof.ChallengeAnswer{
			CommitmentHash: hash, CommitmentProof: chain, Commitment: commitment, Piece: piece,
			Randomness: new(big.Int).SetBytes(random), MerkleProof: path, MerkleRoot: root,
		}, []string{"seed"})
		switch {
		case err != nil && !errors.Is(err, proof.ErrProof):
			t.Fatal(err)
		case err == nil && (over != "seed" || string(piece) != string(good.Piece) || chain != good.CommitmentProof || hash != good.CommitmentHash):
			t.Fatal("something else passes")
		}
	})
}
