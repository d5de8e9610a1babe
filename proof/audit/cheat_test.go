package audit_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/proof/seedchain"
)

// changedText is text with one character changed, gone or added.
func changedText(t *rapid.T, text string) string {
	at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		return text[:at] + text[at+1:]
	case 1:
		return text[:at] + string("0123456789abcdefghij"[rapid.IntRange(0, 19).Draw(t, "added")]) + text[at:]
	}
	return text[:at] + string(text[at]^1<<rapid.IntRange(0, 6).Draw(t, "bit")) + text[at+1:]
}

func changedBytes(t *rapid.T, b []byte) []byte {
	b = bytes.Clone(b)
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		return b[:len(b)-1]
	case 1:
		return append(b, 0)
	}
	b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	return b
}

// Whatever single thing is changed in an honest answer, or in what was asked,
// the answer fails.
func TestOneChangeFails(t *testing.T) {
	data := some(3, 5000)
	r := recordOf(t, data)
	rapid.Check(t, func(t *rapid.T) {
		req, ans := ask(t, r, data, "seed")
		seeds := []string{"seed"}
		was := ans
		switch what := rapid.IntRange(0, 9).Draw(t, "what"); what {
		case 0:
			ans.Piece = changedBytes(t, ans.Piece)
		case 1:
			ans.CommitmentHash = changedText(t, ans.CommitmentHash)
		case 2:
			ans.CommitmentProof = changedText(t, ans.CommitmentProof)
		case 3:
			ans.Commitment = changedText(t, ans.Commitment)
		case 4:
			ans.Randomness = new(big.Int).Xor(ans.Randomness, new(big.Int).Lsh(big.NewInt(1), uint(rapid.IntRange(0, 255).Draw(t, "bit"))))
		case 5:
			ans.MerkleRoot = changedText(t, ans.MerkleRoot)
		case 6:
			ans.MerkleProof = base64.StdEncoding.EncodeToString(changedBytes(t, mustDecode(t, ans.MerkleProof)))
		case 7:
			req.Seed = changedText(t, req.Seed)
		case 8:
			count := (r.Size()-1)/req.PieceSize + 1
			req.Index = (req.Index + rapid.Int64Range(1, count-1).Draw(t, "further")) % count
		case 9:
			seeds[0] = changedText(t, seeds[0])
		}
		if was.MerkleProof != ans.MerkleProof && samePath(was.MerkleProof, ans.MerkleProof) {
			return // other white space
		}
		if _, err := r.CheckChallenge(req, ans, seeds); !errors.Is(err, proof.ErrProof) {
			t.Fatalf("passes: %v", err)
		}
	})
}

func mustDecode(t *rapid.T, text string) []byte {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// samePath says whether two paths differ in white space only.
func samePath(a, b string) bool {
	plain := func(text string) string {
		b, _ := base64.StdEncoding.DecodeString(text)
		return strings.Join(strings.Fields(string(b)), "")
	}
	return plain(a) == plain(b)
}

func TestRequestsThatTagsCannotJudge(t *testing.T) {
	data := some(3, 5000)
	r := recordOf(t, data)
	good, ans := ask(t, r, data, "seed")
	for name, change := range map[string]func(*proof.ChallengeRequest){
		"other data": func(q *proof.ChallengeRequest) { q.DataHash = proof.Sum().String() },
		"unaligned":  func(q *proof.ChallengeRequest) { q.PieceSize = 300 },
		"no piece":   func(q *proof.ChallengeRequest) { q.PieceSize = 0 },
		"negative":   func(q *proof.ChallengeRequest) { q.PieceSize = -256 },
		"before":     func(q *proof.ChallengeRequest) { q.Index = -1 },
		"behind":     func(q *proof.ChallengeRequest) { q.Index = 1 << 60 },
	} {
		req := good
		change(&req)
		if _, err := r.CheckChallenge(req, ans, []string{"seed"}); !errors.Is(err, proof.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// invented answers for data that the cheater makes up, with a chain over the
// true state: a midstate keeper.
func invented(t fatal, req proof.ChallengeRequest, state *proof.State, data []byte, seed string) proof.ChallengeAnswer {
	t.Helper()
	req.DataHash = proof.Sum(data).String()
	ans := answer(t, req, data, seed)
	link := seedchain.Prove(state.Chain(seed), req.Seed)
	ans.CommitmentProof, ans.CommitmentHash = link.Proof, link.Hash
	return ans
}

func TestCheatersFail(t *testing.T) {
	data := some(4, 40_000)
	r, state := recordOf(t, data), stateOf(data)
	var lastReq proof.ChallengeRequest
	var last proof.ChallengeAnswer
	for range 20 {
		req, honest := ask(t, r, data, "seed")
		cheats := map[string]proof.ChallengeAnswer{
			"fabricator":      fabricated(t, req, honest),
			"midstate keeper": invented(t, req, state, make([]byte, len(data)), "seed"),
			"swapper":         invented(t, req, stateOf(some(5, len(data))), some(5, len(data)), "seed"),
		}
		// With another seed the chain fails; the piece alone does not help.
		cheats["thief of the piece"] = answer(t, req, data, "another seed")
		if last.Piece != nil {
			cheats["replayer"] = last
		}
		for name, ans := range cheats {
			if proof.CheckChallenge(req, r.Size(), ans) != nil && name != "replayer" {
				t.Fatalf("%s: not even well-formed", name)
			}
			if _, err := r.CheckChallenge(req, ans, []string{"seed"}); !errors.Is(err, proof.ErrProof) {
				t.Errorf("%s passes: %v", name, err)
			}
		}
		if lastReq.Seed != "" {
			if _, err := r.CheckChallenge(lastReq, honest, []string{"seed"}); !errors.Is(err, proof.ErrProof) {
				t.Errorf("an answer to another challenge passes: %v", err)
			}
		}
		lastReq, last = req, honest
	}
}

// fabricated has the true piece's length and nothing else that is true, as
// testdata/vectors/forged_challenge.json.
func fabricated(t fatal, req proof.ChallengeRequest, honest proof.ChallengeAnswer) proof.ChallengeAnswer {
	t.Helper()
	one := req
	one.Index, one.PieceSize = 0, int64(len(honest.Piece))
	zeros := make([]byte, len(honest.Piece))
	one.DataHash = proof.Sum(zeros).String()
	ans := answer(t, one, zeros, "seed")
	// A path of the right shape over made-up siblings, and the root it leads to.
	whole := invented(t, req, stateOf(zeros), make([]byte, 40_000), "seed")
	ans.Commitment, ans.Randomness, ans.MerkleProof, ans.MerkleRoot = whole.Commitment, whole.Randomness, whole.MerkleProof, whole.MerkleRoot
	ans.CommitmentProof = "1"
	ans.CommitmentHash = proof.Sum([]byte("1" + req.Seed)).String()
	return ans
}

// The recorded forgery, which the reference takes for any data, is taken for no
// data but 256 zero bytes, and for these not without their state.
func TestForgedVector(t *testing.T) {
	var v struct {
		Index          int64 `json:"challenge_index"`
		PieceSize      int64 `json:"chunk_size"`
		Seed, G, H     string
		ReferenceTakes bool `json:"reference_accepts"`
		Answer         struct {
			Hash       string `json:"commitment_hash"`
			Proof      string `json:"commitment_proof"`
			Commitment string `json:"commitment"`
			Piece      []byte `json:"data_chunk"`
			Randomness string `json:"randomness"`
			Path       string `json:"merkle_proof"`
			Root       string `json:"merkle_root"`
		}
	}
	text, err := os.ReadFile("../../testdata/vectors/forged_challenge.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil || !v.ReferenceTakes {
		t.Fatal(err)
	}
	a := v.Answer
	randomness, ok := new(big.Int).SetString(a.Randomness, 10)
	if !ok {
		t.Fatal(a.Randomness)
	}
	ans := proof.ChallengeAnswer{
		CommitmentHash: a.Hash, CommitmentProof: a.Proof, Commitment: a.Commitment, Piece: a.Piece,
		Randomness: randomness, MerkleProof: a.Path, MerkleRoot: a.Root,
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{"other data": {some(1, 256), audit.ErrPiece}, "its own data": {make([]byte, 256), proof.ErrProof}} {
		r := recordOf(t, c.data)
		req := proof.ChallengeRequest{
			DataHash: r.Hash(), Index: v.Index, PieceSize: v.PieceSize, Curve: proof.Curve, G: v.G, H: v.H, Seed: v.Seed,
		}
		if _, err := r.CheckChallenge(req, ans, []string{"seed", v.Seed}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
