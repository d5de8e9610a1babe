package receipt_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

// statementVectors are testdata/statements.json: encodings and digests were made
// by another program; signatures differ every time, so recorded ones are
// verified. All other bytes are hex.
type statementVectors struct {
	Pledges []struct {
		Shard        bool
		Asker, Miner wallet.Address
		Hash         string // decimal
		Size         int64
		Root         string
		Tags         string
		Key          string
		Salt         string
		Made, Until  int64 // Unix seconds, 0 for ever
		Encoding     string
		Digest       string
		AskerSigned  string `json:"asker_signature"`
		MinerSigned  string `json:"miner_signature"`
	}
	Questions []struct {
		Asker, Miner wallet.Address
		Hash         string
		Size         int64
		Pledge       string
		Epoch        uint64
		Block        string
		Seed         string
		Encoding     string
		Digest       string // which is the challenge too
		Signed       string `json:"signature"`
	}
	Answers []struct {
		Miner    wallet.Address
		Question string
		Proof    string
		Encoding string
		Digest   string
		Signed   string `json:"signature"`
	}
}

func load(t testing.TB) (v statementVectors) {
	t.Helper()
	raw, err := os.ReadFile("testdata/statements.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Pledges) < 2 || len(v.Questions) < 2 || len(v.Answers) < 2 {
		t.Fatal("too few vectors")
	}
	return v
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digest(t testing.TB, decimal string) proof.Digest {
	t.Helper()
	d, err := proof.ParseDigest(decimal)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// same compares an encoding and a digest with those of a vector.
func same(t *testing.T, encoding []byte, digest [32]byte, wantEncoding, wantDigest string) {
	t.Helper()
	if got := hex.EncodeToString(encoding); got != wantEncoding {
		t.Errorf("encoding %s,\n want %s", got, wantEncoding)
	}
	if got := hex.EncodeToString(digest[:]); got != wantDigest {
		t.Errorf("digest %s, want %s", got, wantDigest)
	}
}

func TestPledgeVectors(t *testing.T) {
	shards := false
	for _, v := range load(t).Pledges {
		p := receipt.Pledge{
			Shard: v.Shard, Asker: v.Asker, Miner: v.Miner, Hash: digest(t, v.Hash), Size: v.Size, Root: blocktree.Root(unhex(t, v.Root)),
			Tags: [32]byte(unhex(t, v.Tags)), Key: [32]byte(unhex(t, v.Key)), Salt: [16]byte(unhex(t, v.Salt)),
			Made: time.Unix(v.Made, 0).UTC(),
		}
		shards = shards || v.Shard
		if v.Until != 0 {
			p.Until = time.Unix(v.Until, 0).UTC()
		}
		same(t, p.Encode(), p.Digest(), v.Encoding, v.Digest)
		if back, err := receipt.ParsePledge(unhex(t, v.Encoding)); err != nil || back != p {
			t.Errorf("parsed %+v, %v", back, err)
		}
		if err := p.VerifyAsker(unhex(t, v.AskerSigned)); err != nil {
			t.Error(err)
		}
		if err := p.VerifyMiner(unhex(t, v.MinerSigned)); err != nil {
			t.Error(err)
		}
	}
	if !shards {
		t.Error("no pledge about a shard")
	}
}

func TestQuestionVectors(t *testing.T) {
	for _, v := range load(t).Questions {
		q := receipt.Question{
			Asker: v.Asker, Miner: v.Miner, Hash: digest(t, v.Hash), Size: v.Size, Pledge: [32]byte(unhex(t, v.Pledge)),
			Epoch: v.Epoch, Block: [32]byte(unhex(t, v.Block)), Seed: [32]byte(unhex(t, v.Seed)),
		}
		same(t, q.Encode(), q.Challenge(), v.Encoding, v.Digest)
		if back, err := receipt.ParseQuestion(unhex(t, v.Encoding)); err != nil || back != q {
			t.Errorf("parsed %+v, %v", back, err)
		}
		if err := q.Verify(unhex(t, v.Signed)); err != nil {
			t.Error(err)
		}
	}
}

func TestAnswerVectors(t *testing.T) {
	for _, v := range load(t).Answers {
		a := receipt.Answer{Question: [32]byte(unhex(t, v.Question)), Proof: unhex(t, v.Proof)}
		same(t, a.Encode(), a.Digest(), v.Encoding, v.Digest)
		if err := a.Verify(v.Miner, unhex(t, v.Signed)); err != nil {
			t.Error(err)
		}
	}
}

// filed is a dossier of testdata, named <ruling>-<case>.json, with its reasons
// beside it.
type filed struct {
	name    string
	text    []byte
	dossier receipt.Dossier
	ruling  receipt.Ruling
	reasons []string
}

func dossiers(t testing.TB) (all []filed) {
	t.Helper()
	files, err := filepath.Glob("testdata/dossiers/*.json")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d dossiers, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := receipt.ParseDossier(text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		reasons, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		ruling, _, _ := strings.Cut(name, "-")
		all = append(all, filed{name, text, d, receipt.Ruling(ruling), strings.Split(strings.TrimSpace(string(reasons)), "\n")})
	}
	return all
}

func TestDossierVectors(t *testing.T) {
	for _, c := range dossiers(t) {
		got := c.dossier.Judge()
		if got.Ruling != c.ruling || !slices.Equal(got.Reasons, c.reasons) {
			t.Errorf("%s: %s\n%s", c.name, got.Ruling, strings.Join(got.Reasons, "\n"))
		}
		if !bytes.Equal(append(encode(t, c.dossier), '\n'), c.text) {
			t.Errorf("%s is not encoded as it would be", c.name)
		}
	}
}
