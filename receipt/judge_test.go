package receipt_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
)

// rule checks a ruling and that some reason has the words.
func rule(t *testing.T, name string, d receipt.Dossier, want receipt.Ruling, words string) {
	t.Helper()
	f := d.Judge()
	has := slices.ContainsFunc(f.Reasons, func(r string) bool { return strings.Contains(r, words) })
	if f.Ruling != want || !has {
		t.Errorf("%s: %s, want %s for %q:\n%s", name, f.Ruling, want, words, strings.Join(f.Reasons, "\n"))
	}
	heaviest := receipt.Confirmed
	for _, r := range f.Rulings {
		if r == receipt.Refuted || r == receipt.Open && heaviest == receipt.Confirmed {
			heaviest = r
		}
	}
	if heaviest != f.Ruling || len(f.Rulings) != len(f.Reasons) {
		t.Errorf("%s: %s, but its %d reasons come to %q", name, f.Ruling, len(f.Reasons), f.Rulings)
	}
}

func TestJudge(t *testing.T) {
	rule(t, "honest miner", good(t), receipt.Confirmed, "that is right")
	rule(t, "flipped bit", bad(t), receipt.Confirmed, "CheckTags")

	d := good(t)
	d.Verdict = receipt.Failed
	rule(t, "honest miner accused", d, receipt.Refuted, "that is wrong")
	d = bad(t)
	d.Verdict = receipt.Passed
	rule(t, "cheater let off", d, receipt.Refuted, "that is wrong")

	d = good(t)
	d.Key = nil
	rule(t, "passed, no key", d, receipt.Open, "Without the key")
	d.ProofMiner[20] ^= 1
	rule(t, "passed, no key, bad signature", d, receipt.Refuted, "answer to this very question is not one of")

	d = newAudit(9000).silent(t)
	rule(t, "silence", d, receipt.Open, "silence cannot be proven")
	d.Verdict = receipt.Passed
	rule(t, "silence passed", d, receipt.Refuted, "without one nobody passes")

	d = bad(t)
	d.Key = &por.Key{1}
	rule(t, "another key", d, receipt.Refuted, "not the one that was pledged")
	d = bad(t)
	d.ProofMiner = nil
	rule(t, "no signature", d, receipt.Refuted, "malformed")
	d = bad(t)
	d.Verdict = "guilty"
	rule(t, "no verdict", d, receipt.Refuted, "malformed")
	rule(t, "nothing", receipt.Dossier{Verdict: receipt.Failed}, receipt.Refuted, "pledge cannot be read")
	d = bad(t)
	d.Question = d.Question[1:]
	rule(t, "no question", d, receipt.Refuted, "question cannot be read")

	p := newAudit(9000)
	p.pledge.Until = time.Time{}
	p.ask()
	rule(t, "for ever", p.dossier(t, receipt.Passed), receipt.Confirmed, "for ever")
}

func TestJudgeShard(t *testing.T) {
	d := newShardAudit(200_000).dossier(t, receipt.Passed)
	rule(t, "honest miner", d, receipt.Confirmed, "shard root")
	lossy := newShardAudit(200_000)
	lossy.data[4711] ^= 4
	rule(t, "flipped bit", lossy.dossier(t, receipt.Failed), receipt.Confirmed, "CheckTags")

	// The same bytes under the other kind of name are another pledge.
	d.Pledge[0] = 1
	rule(t, "as of a datum", d, receipt.Refuted, "signature over the pledge is not one of")
	d = newAudit(200_000).dossier(t, receipt.Passed)
	d.Pledge[0] = 2
	rule(t, "as of a shard", d, receipt.Refuted, "second root")
}

// An answer of another length is wrong under any key.
func TestJudgeShortProof(t *testing.T) {
	a := newAudit(9000)
	d := a.silent(t)
	d.Key = nil
	d.Proof = []byte("I have it, believe me")
	d.ProofMiner = sign(t, receipt.Answer{Question: a.question.Digest(), Proof: d.Proof}, miner)
	rule(t, "short proof", d, receipt.Confirmed, "whatever the key")
	d.Verdict = receipt.Passed
	rule(t, "short proof passed", d, receipt.Refuted, "that is wrong")
}

func TestJudgeTimes(t *testing.T) {
	for name, c := range map[string]struct {
		asked, settled time.Time
		want           receipt.Ruling
		words          string
	}{
		"not known":        {time.Time{}, time.Time{}, receipt.Confirmed, "is not said"},
		"settled unknown":  {asked, time.Time{}, receipt.Confirmed, "while the pledge held"},
		"clocks apart":     {made.Add(-59 * time.Second), asked, receipt.Confirmed, "while the pledge held"},
		"before":           {made.Add(-2 * time.Minute), asked, receipt.Refuted, "before the pledge"},
		"last moment":      {until.Add(-1), until.Add(time.Hour), receipt.Confirmed, "while the pledge held"},
		"over":             {until, until.Add(time.Hour), receipt.Refuted, "owed nothing"},
		"settled too soon": {asked, asked.Add(-1), receipt.Refuted, "before it was asked"},
	} {
		d := bad(t)
		d.Asked, d.Settled = c.asked, c.settled
		rule(t, name, d, c.want, c.words)
	}
}

// parts are the fields of a dossier that are bytes.
func parts(d *receipt.Dossier) map[string]*[]byte {
	return map[string]*[]byte{
		"pledge": &d.Pledge, "pledge, asker": &d.PledgeAsker, "pledge, miner": &d.PledgeMiner,
		"question": &d.Question, "question, asker": &d.QuestionAsker, "proof": &d.Proof, "proof, miner": &d.ProofMiner,
	}
}

// No change of a byte anywhere leaves a dossier confirmed.
func TestAnyChangedByteOfADossier(t *testing.T) {
	for _, whole := range []receipt.Dossier{good(t), bad(t)} {
		if f := whole.Judge(); f.Ruling != receipt.Confirmed {
			t.Fatal(f)
		}
		for name, part := range parts(&whole) {
			original := *part
			step := 1
			if name == "proof" {
				step = 13
			}
			for i := 0; i < len(original); i += step {
				*part = bytes.Clone(original)
				(*part)[i] ^= 1 << (i % 8)
				if f := whole.Judge(); f.Ruling != receipt.Refuted {
					t.Fatalf("%s, byte %d: %s\n%s", name, i, f.Ruling, strings.Join(f.Reasons, "\n"))
				}
			}
			for _, other := range [][]byte{nil, original[1:], append(bytes.Clone(original), 0)} {
				*part = other
				if f := whole.Judge(); f.Ruling == receipt.Confirmed {
					t.Fatalf("%s of %d bytes: confirmed", name, len(other))
				}
			}
			*part = original
		}
		for i := range *whole.Key {
			key := *whole.Key
			key[i] ^= 0x10
			d := whole
			d.Key = &key
			if f := d.Judge(); f.Ruling != receipt.Refuted {
				t.Fatalf("key, byte %d: %s", i, f.Ruling)
			}
		}
	}
}

// An asker that signs something else afterwards has no signature of the miner
// under it.
func TestAskerChangesItsStatements(t *testing.T) {
	for name, whole := range map[string]func(testing.TB) receipt.Dossier{"good": good, "bad": bad} {
		q, err := receipt.ParseQuestion(whole(t).Question)
		if err != nil {
			t.Fatal(err)
		}
		for i, other := range otherQuestions(q) {
			d := whole(t)
			d.Question = other.Encode()
			if other.Asker == asker.Address() {
				d.QuestionAsker = sign(t, other, asker)
			} else {
				d.QuestionAsker = sign(t, other, third)
			}
			for _, verdict := range []receipt.Verdict{receipt.Passed, receipt.Failed} {
				d.Verdict = verdict
				rule(t, name, d, receipt.Refuted, "answer to this very question is not one of")
			}
			// The first five are about the parties, the data or the pledge.
			if err := other.About(mustPledge(t, d)); errors.Is(err, receipt.ErrStatement) != (i < 5) {
				t.Errorf("question %d: %v", i, err)
			}
		}
		d := whole(t)
		p := mustPledge(t, d)
		lie := por.Key{1, 2, 3}
		p.Key = lie.Commitment()
		q.Pledge = p.Digest()
		d.Pledge, d.PledgeAsker, d.Key = p.Encode(), sign(t, p, asker), &lie
		d.Question, d.QuestionAsker = q.Encode(), sign(t, q, asker)
		d.Verdict = receipt.Failed
		rule(t, name, d, receipt.Refuted, "miner's signature over the pledge is not one of")
	}
}

func mustPledge(t testing.TB, d receipt.Dossier) receipt.Pledge {
	t.Helper()
	p, err := receipt.ParsePledge(d.Pledge)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The miner cannot put its answer under another question, nor another miner's
// under its own.
func TestAnswersAreNotExchanged(t *testing.T) {
	d, a := good(t), newAudit(9000)
	a.question.Seed[0]++
	other := a.dossier(t, receipt.Passed)
	d.Proof, d.ProofMiner = other.Proof, other.ProofMiner
	rule(t, "another question's", d, receipt.Refuted, "very question")

	d = good(t)
	d.ProofMiner = sign(t, receipt.Answer{Question: newAudit(9000).question.Digest(), Proof: d.Proof}, third)
	rule(t, "another miner's", d, receipt.Refuted, "very question")
}

func TestCheckTags(t *testing.T) {
	a := newAudit(9000)
	if err := receipt.CheckTags(a.pledge, a.key, a.data, a.tags); err != nil {
		t.Errorf("honest asker: %v", err)
	}

	framed := newAudit(9000)
	framed.tags[30] ^= 1
	framed.pledge.Tags = sha256.Sum256(framed.tags)
	framed.ask()
	rule(t, "framed", framed.dossier(t, receipt.Failed), receipt.Confirmed, "CheckTags")
	if err := receipt.CheckTags(framed.pledge, framed.key, framed.data, framed.tags); !errors.Is(err, receipt.ErrTags) {
		t.Errorf("framed: %v", err)
	}

	shard := newShardAudit(200_000)
	if err := receipt.CheckTags(shard.pledge, shard.key, shard.data, shard.tags); err != nil {
		t.Errorf("honest asker of a shard: %v", err)
	}
	if err := receipt.CheckTags(shard.pledge, shard.key, some(8, 200_000), shard.tags); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("another shard: %v", err)
	}

	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }
	for name, c := range map[string]struct {
		key        por.Key
		data, tags []byte
	}{
		"other key":  {por.Key{1}, a.data, a.tags},
		"other tags": {a.key, a.data, flip(a.tags)},
		"lost data":  {a.key, flip(a.data), a.tags},
		"longer":     {a.key, append(bytes.Clone(a.data), 0), a.tags},
		"nothing":    {a.key, nil, nil},
	} {
		if err := receipt.CheckTags(a.pledge, c.key, c.data, c.tags); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := receipt.CheckTags(receipt.Pledge{}, a.key, a.data, a.tags); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("no pledge: %v", err)
	}
}

func BenchmarkJudge(b *testing.B) {
	d := bad(b)
	for b.Loop() {
		if d.Judge().Ruling != receipt.Confirmed {
			b.Fatal()
		}
	}
}
