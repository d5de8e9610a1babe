package proof_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/filetao/filetao/proof"
)

// vectors reads a file of golden values into v and returns its raw text.
func vectors(t testing.TB, name string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}

// labelled is the data that a label stands for: the first bytes of SHAKE128
// over the file's prefix and the label.
func labelled(prefix, label string, length int) []byte {
	return sha3.SumSHAKE128([]byte(prefix+label), length)
}

func stateOf(data []byte) *proof.State {
	s := proof.NewState()
	s.Write(data)
	return s
}

// dice is a source of randomness that makes blinding factors come out as told.
func dice(t testing.TB, rs ...string) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	for _, r := range rs {
		n := decimal(t, r)
		b.Write(n.Sub(n, big.NewInt(1)).FillBytes(make([]byte, 32)))
	}
	return bytes.NewReader(b.Bytes())
}

func decimal(t testing.TB, text string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return n
}

func TestHashVectors(t *testing.T) {
	var file struct{ Cases []struct{ Data, Hash string } }
	vectors(t, "hash.json", &file)
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		data, err := hex.DecodeString(c.Data)
		if err != nil {
			t.Fatal(err)
		}
		half := len(data) / 2
		for _, got := range []proof.Digest{proof.Sum(data), proof.Sum(data[:half], data[half:]), stateOf(data).Hash()} {
			if got.String() != c.Hash {
				t.Errorf("%d bytes: %v, want %s", len(data), got, c.Hash)
			}
		}
		if d, err := proof.ParseDigest(c.Hash); err != nil || d != proof.Sum(data) {
			t.Errorf("%s: %v, %v", c.Hash, d, err)
		}
	}
}

func TestStoreVectors(t *testing.T) {
	var file struct {
		Prefix string `json:"data_prefix"`
		Cases  []struct {
			Length                             int
			Label                              string `json:"data_label"`
			DataHash                           string `json:"data_hash"`
			Seed, G, H, Randomness, Commitment string
			CommitmentHash                     string `json:"commitment_hash"`
			Verifies                           bool
			Data                               *string
		}
	}
	vectors(t, "store.json", &file)
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		data := labelled(file.Prefix, c.Label, c.Length)
		if c.Data != nil && hex.EncodeToString(data) != *c.Data {
			t.Fatalf("%s: the label does not give the data", c.Label)
		}
		state := stateOf(data)
		if got := state.Hash().String(); got != c.DataHash {
			t.Errorf("%s: hash %s, want %s", c.Label, got, c.DataHash)
		}
		req := proof.StoreRequest{Curve: proof.Curve, G: c.G, H: c.H, Seed: c.Seed}
		ans, err := proof.AnswerStore(dice(t, c.Randomness), req, state)
		if err != nil {
			t.Fatalf("%s: %v", c.Label, err)
		}
		if ans.Commitment != c.Commitment || ans.CommitmentHash != c.CommitmentHash || ans.Randomness.String() != c.Randomness {
			t.Errorf("%s: %+v", c.Label, ans)
		}
		if err := proof.CheckStore(req, state, ans); (err == nil) != c.Verifies {
			t.Errorf("%s: %v", c.Label, err)
		}
	}
}

type challengeVector struct {
	Length     int
	Label      string `json:"data_label"`
	Piece      int64  `json:"chunk_size"`
	Index      int64  `json:"challenge_index"`
	PrevSeed   string `json:"prev_seed"`
	Seed, G, H string
	Randomness []string `json:"randomness_of_every_piece"`
	Answer     wireAnswer
	Verifies   bool
}

type wireAnswer struct {
	CommitmentHash  string `json:"commitment_hash"`
	CommitmentProof string `json:"commitment_proof"`
	Commitment      string
	PieceSHA256     string `json:"data_chunk_sha256"`
	Piece           string `json:"data_chunk"`
	Randomness      string
	MerkleProof     string `json:"merkle_proof"`
	MerkleRoot      string `json:"merkle_root"`
}

func TestChallengeVectors(t *testing.T) {
	var file struct {
		Prefix string `json:"data_prefix"`
		Cases  []challengeVector
	}
	vectors(t, "challenge.json", &file)
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		data := labelled(file.Prefix, c.Label, c.Length)
		req := proof.ChallengeRequest{
			DataHash: proof.Sum(data).String(), Index: c.Index, PieceSize: c.Piece,
			Curve: proof.Curve, G: c.G, H: c.H, Seed: c.Seed,
		}
		ans, err := proof.AnswerChallenge(dice(t, c.Randomness...), req, bytes.NewReader(data), int64(c.Length), c.PrevSeed)
		if err != nil {
			t.Fatalf("%s: %v", c.Label, err)
		}
		sum := sha256.Sum256(ans.Piece)
		got := wireAnswer{
			CommitmentHash: ans.CommitmentHash, CommitmentProof: ans.CommitmentProof,
			Commitment: ans.Commitment, PieceSHA256: hex.EncodeToString(sum[:]),
			Randomness: ans.Randomness.String(), MerkleProof: ans.MerkleProof, MerkleRoot: ans.MerkleRoot,
		}
		if got != c.Answer {
			t.Errorf("%s: %+v\nwant %+v", c.Label, got, c.Answer)
		}
		if err := proof.CheckChallenge(req, int64(c.Length), ans); (err == nil) != c.Verifies {
			t.Errorf("%s: %v", c.Label, err)
		}
	}
}

// TestForgedChallenge shows what the protocol's own check is worth: an answer
// made without any data passes it, here as in the reference. Only who kept a
// value of the data, such as H(E || previous seed), can refuse it.
func TestForgedChallenge(t *testing.T) {
	var c struct {
		Accepts    bool  `json:"reference_accepts"`
		Index      int64 `json:"challenge_index"`
		Piece      int64 `json:"chunk_size"`
		Seed, G, H string
		Answer     wireAnswer
	}
	vectors(t, "forged_challenge.json", &c)
	piece, err := base64.StdEncoding.DecodeString(c.Answer.Piece)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Accepts || !bytes.Equal(piece, make([]byte, c.Piece)) {
		t.Fatal("the vector is not the forgery this test is about")
	}
	const size = 256
	data := labelled("forged", "", size)
	req := proof.ChallengeRequest{
		DataHash: proof.Sum(data).String(), Index: c.Index, PieceSize: c.Piece,
		Curve: proof.Curve, G: c.G, H: c.H, Seed: c.Seed,
	}
	ans := proof.ChallengeAnswer{
		CommitmentHash: c.Answer.CommitmentHash, CommitmentProof: c.Answer.CommitmentProof,
		Commitment: c.Answer.Commitment, Piece: piece, Randomness: decimal(t, c.Answer.Randomness),
		MerkleProof: c.Answer.MerkleProof, MerkleRoot: c.Answer.MerkleRoot,
	}
	if err := proof.CheckChallenge(req, size, ans); err != nil {
		t.Errorf("the forgery fits the request, and yet: %v", err)
	}
	if err := proof.CheckChallenge(req, size-1, ans); err == nil {
		t.Error("the piece is longer than the data and passes")
	}
}

// TestVectorsAreTheOriginals compares the golden values with the ones they
// were copied from, where those lie beside the repository.
func TestVectorsAreTheOriginals(t *testing.T) {
	originals, err := filepath.Glob("../../shared/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, original := range originals {
		want, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", filepath.Base(original)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: not what it was copied from: %v", filepath.Base(original), err)
		}
	}
}
