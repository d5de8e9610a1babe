package receipt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
)

func FuzzParsePledge(f *testing.F) {
	for _, v := range load(f).Pledges {
		f.Add(unhex(f, v.Encoding))
	}
	f.Add(bytes.Repeat([]byte{1}, receipt.PledgeSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := receipt.ParsePledge(b)
		if err != nil {
			if !errors.Is(err, receipt.ErrStatement) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Fatalf("%x became %x", b, p.Encode())
		}
	})
}

func FuzzParseQuestion(f *testing.F) {
	for _, v := range load(f).Questions {
		f.Add(unhex(f, v.Encoding))
	}
	f.Add(bytes.Repeat([]byte{1}, receipt.QuestionSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := receipt.ParseQuestion(b)
		if err != nil {
			if !errors.Is(err, receipt.ErrStatement) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(q.Encode(), b) {
			t.Fatalf("%x became %x", b, q.Encode())
		}
	})
}

func FuzzParseDossier(f *testing.F) {
	for _, c := range dossiers(f) {
		f.Add(c.text)
	}
	f.Add([]byte(`{"version":1,"verdict":"failed"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := receipt.ParseDossier(b)
		if err != nil {
			if !errors.Is(err, receipt.ErrStatement) {
				t.Fatal(err)
			}
			return
		}
		d.Judge()
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		// Fields that nobody reads may lose zone or empty lists the first time.
		back, err := receipt.ParseDossier(text)
		if err != nil || !bytes.Equal(encode(t, back), text) || !reflect.DeepEqual(back.Judge(), d.Judge()) {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

// Only what was really signed and answered is ever confirmed.
func FuzzJudge(f *testing.F) {
	type confirmed struct {
		pledge, question, proof string
		verdict                 receipt.Verdict
	}
	of := func(d receipt.Dossier) confirmed {
		return confirmed{string(d.Pledge), string(d.Question), string(d.Proof), d.Verdict}
	}
	known := map[confirmed]bool{}
	for _, c := range dossiers(f) {
		d := c.dossier
		var key []byte
		if d.Key != nil {
			key = d.Key[:]
		}
		if c.ruling == receipt.Confirmed {
			known[of(d)] = true
		}
		f.Add(d.Pledge, d.PledgeAsker, d.PledgeMiner, d.Question, d.QuestionAsker, d.Proof, d.ProofMiner, key, d.Verdict == receipt.Passed)
	}
	if len(known) < 2 {
		f.Fatalf("%d confirmed", len(known))
	}
	f.Fuzz(func(t *testing.T, pledge, pa, pm, question, qa, proof, miner, key []byte, passed bool) {
		d := receipt.Dossier{Pledge: pledge, PledgeAsker: pa, PledgeMiner: pm, Question: question, QuestionAsker: qa,
			Proof: proof, ProofMiner: miner, Verdict: receipt.Failed}
		if passed {
			d.Verdict = receipt.Passed
		}
		if len(key) == len(por.Key{}) {
			d.Key = (*por.Key)(key)
		}
		got := d.Judge()
		if len(got.Reasons) == 0 {
			t.Fatal("no reasons")
		}
		if got.Ruling == receipt.Confirmed && !known[of(d)] {
			t.Fatalf("confirmed: %q", got.Reasons)
		}
	})
}
