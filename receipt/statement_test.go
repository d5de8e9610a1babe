package receipt_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

func word(t *rapid.T, name string) [32]byte {
	w := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name))
	w[31] |= 1 // no hotkey is zero
	return w
}

func drawPledge(t *rapid.T) receipt.Pledge {
	from := rapid.Int64Range(1, 253402300798).Draw(t, "made")
	p := receipt.Pledge{
		Asker: wallet.AddressOf(word(t, "asker")), Miner: wallet.AddressOf(word(t, "miner")),
		Hash: word(t, "hash"), Size: rapid.Int64Range(1, por.MaxData).Draw(t, "size"), Root: word(t, "root"),
		Tags: word(t, "tags"), Key: word(t, "key"), Salt: [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "salt")),
		Made: time.Unix(from, 0).UTC(),
	}
	if p.Shard = rapid.Bool().Draw(t, "shard"); p.Shard {
		p.Root = blocktree.Root{}
	}
	if rapid.Bool().Draw(t, "ends") {
		p.Until = time.Unix(rapid.Int64Range(from+1, 253402300799).Draw(t, "until"), 0).UTC()
	}
	return p
}

func drawQuestion(t *rapid.T) receipt.Question {
	return receipt.Question{
		Asker: wallet.AddressOf(word(t, "asker")), Miner: wallet.AddressOf(word(t, "miner")),
		Hash: word(t, "hash"), Size: rapid.Int64Range(1, por.MaxData).Draw(t, "size"), Pledge: word(t, "pledge"),
		Epoch: rapid.Uint64().Draw(t, "epoch"), Block: word(t, "block"), Seed: word(t, "seed"),
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPledge(t), drawQuestion(t)
		if back, err := receipt.ParsePledge(p.Encode()); err != nil || back != p {
			t.Fatalf("%+v became %+v, %v", p, back, err)
		}
		if back, err := receipt.ParseQuestion(q.Encode()); err != nil || back != q {
			t.Fatalf("%+v became %+v, %v", q, back, err)
		}
		if len(p.Encode()) != receipt.PledgeSize || len(q.Encode()) != receipt.QuestionSize {
			t.Fatalf("%d and %d bytes", len(p.Encode()), len(q.Encode()))
		}
	})
}

func TestLength(t *testing.T) {
	a := newAudit(100)
	parsers := map[string]func([]byte) error{
		string(newShardAudit(100).pledge.Encode()): func(b []byte) error { _, err := receipt.ParsePledge(b); return err },
		string(a.pledge.Encode()):                  func(b []byte) error { _, err := receipt.ParsePledge(b); return err },
		string(a.question.Encode()):                func(b []byte) error { _, err := receipt.ParseQuestion(b); return err },
	}
	for whole, parse := range parsers {
		if err := parse([]byte(whole)); err != nil {
			t.Error(err)
		}
		for n := range len(whole) {
			if err := parse([]byte(whole[:n])); !errors.Is(err, receipt.ErrStatement) {
				t.Errorf("%d bytes of %d: %v", n, len(whole), err)
			}
		}
		if err := parse([]byte(whole + "\x00")); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("a byte more: %v", err)
		}
	}
}

func TestPledgeRange(t *testing.T) {
	for name, change := range map[string]func(*receipt.Pledge){
		"no asker":         func(p *receipt.Pledge) { p.Asker = "" },
		"zero asker":       func(p *receipt.Pledge) { p.Asker = wallet.AddressOf([32]byte{}) },
		"no miner":         func(p *receipt.Pledge) { p.Miner = "5Grw" },
		"no size":          func(p *receipt.Pledge) { p.Size = 0 },
		"negative size":    func(p *receipt.Pledge) { p.Size = -1 },
		"size":             func(p *receipt.Pledge) { p.Size = por.MaxData + 1 },
		"largest size":     func(p *receipt.Pledge) { p.Size = math.MaxInt64 },
		"never made":       func(p *receipt.Pledge) { p.Made = time.Time{} },
		"made at 0":        func(p *receipt.Pledge) { p.Made = time.Unix(0, 0) },
		"made before 1970": func(p *receipt.Pledge) { p.Made = time.Unix(-1, 0) },
		"made in 10000":    func(p *receipt.Pledge) { p.Made, p.Until = time.Unix(253402300800, 0), time.Time{} },
		"ends in 10000":    func(p *receipt.Pledge) { p.Until = time.Unix(253402300800, 0) },
		"ends far away":    func(p *receipt.Pledge) { p.Until = time.Unix(math.MaxInt64, 0) },
		"ends before 1970": func(p *receipt.Pledge) { p.Until = time.Unix(-5, 0) },
		"ends at once":     func(p *receipt.Pledge) { p.Until = p.Made },
		"ends before":      func(p *receipt.Pledge) { p.Until = p.Made.Add(-time.Second) },
		"shard with roots": func(p *receipt.Pledge) { p.Shard = true },
	} {
		p := newAudit(100).pledge
		change(&p)
		if _, err := receipt.ParsePledge(p.Encode()); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: parsed: %v", name, err)
		}
		if _, err := p.Sign(asker); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: signed: %v", name, err)
		}
		if err := p.VerifyMiner(make([]byte, 64)); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: verified: %v", name, err)
		}
	}
	p := newAudit(100).pledge
	p.Made = p.Made.Add(time.Millisecond) // the encoding cannot say it
	if _, err := p.Sign(asker); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("a fraction of a second: %v", err)
	}
}

func TestQuestionRange(t *testing.T) {
	for name, change := range map[string]func(*receipt.Question){
		"no asker":   func(q *receipt.Question) { q.Asker = "" },
		"zero miner": func(q *receipt.Question) { q.Miner = wallet.AddressOf([32]byte{}) },
		"no size":    func(q *receipt.Question) { q.Size = 0 },
		"size":       func(q *receipt.Question) { q.Size = por.MaxData + 1 },
	} {
		q := newAudit(100).question
		change(&q)
		if _, err := receipt.ParseQuestion(q.Encode()); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: parsed: %v", name, err)
		}
		if _, err := q.Sign(asker); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: signed: %v", name, err)
		}
		if err := q.Verify(make([]byte, 64)); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: verified: %v", name, err)
		}
	}
	for _, n := range []int{0, por.ProofSize + 1} {
		a := receipt.Answer{Proof: make([]byte, n)}
		if _, err := a.Sign(miner); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("proof of %d bytes: %v", n, err)
		}
		if err := a.Verify(miner.Address(), make([]byte, 64)); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("proof of %d bytes: %v", n, err)
		}
	}
}

// Who is not named cannot sign.
func TestSignForOthers(t *testing.T) {
	a := newAudit(100)
	if _, err := a.pledge.Sign(third); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("pledge: %v", err)
	}
	if _, err := a.question.Sign(miner); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("question: %v", err)
	}
}

// statements are one of each kind, with a check of encoding and signature.
func statements(t testing.TB) map[string]struct {
	encoding, sig []byte
	check         func(encoding, sig []byte) error
} {
	a, shard := newAudit(100), newShardAudit(100).pledge
	answer := receipt.Answer{Question: a.question.Digest(), Proof: a.prove(t)}
	pledge := func(verify func(receipt.Pledge, []byte) error) func(b, sig []byte) error {
		return func(b, sig []byte) error {
			p, err := receipt.ParsePledge(b)
			if err != nil {
				return err
			}
			return verify(p, sig)
		}
	}
	return map[string]struct {
		encoding, sig []byte
		check         func(encoding, sig []byte) error
	}{
		"pledge, shard": {shard.Encode(), sign(t, shard, miner), pledge(receipt.Pledge.VerifyMiner)},
		"pledge, asker": {a.pledge.Encode(), sign(t, a.pledge, asker), pledge(receipt.Pledge.VerifyAsker)},
		"pledge, miner": {a.pledge.Encode(), sign(t, a.pledge, miner), pledge(receipt.Pledge.VerifyMiner)},
		"question": {a.question.Encode(), sign(t, a.question, asker), func(b, sig []byte) error {
			q, err := receipt.ParseQuestion(b)
			if err != nil {
				return err
			}
			return q.Verify(sig)
		}},
		"answer": {append(answer.Question[:], answer.Proof[:1000]...), sign(t, cutAnswer(answer), miner), func(b, sig []byte) error {
			return receipt.Answer{Question: [32]byte(b[:32]), Proof: b[32:]}.Verify(miner.Address(), sig)
		}},
	}
}

func cutAnswer(a receipt.Answer) receipt.Answer {
	return receipt.Answer{Question: a.Question, Proof: a.Proof[:1000]}
}

func TestAnyChangedBit(t *testing.T) {
	for name, s := range statements(t) {
		if err := s.check(s.encoding, s.sig); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range 8 * len(s.encoding) {
			b := bytes.Clone(s.encoding)
			b[i/8] ^= 1 << (i % 8)
			if err := s.check(b, s.sig); !errors.Is(err, receipt.ErrStatement) && !errors.Is(err, receipt.ErrSignature) {
				t.Fatalf("%s: bit %d changed: %v", name, i, err)
			}
		}
		for i := range 8 * len(s.sig) {
			sig := bytes.Clone(s.sig)
			sig[i/8] ^= 1 << (i % 8)
			if err := s.check(s.encoding, sig); !errors.Is(err, receipt.ErrSignature) {
				t.Fatalf("%s: bit %d of the signature changed: %v", name, i, err)
			}
		}
		for _, sig := range [][]byte{nil, s.sig[:63], append(bytes.Clone(s.sig), 0)} {
			if err := s.check(s.encoding, sig); !errors.Is(err, receipt.ErrSignature) || !errors.Is(err, wallet.ErrSignature) {
				t.Errorf("%s: signature of %d bytes: %v", name, len(sig), err)
			}
		}
	}
}

// What is signed differs by kind even for one digest, and from everything else
// that a hotkey signs.
func TestSignedTexts(t *testing.T) {
	a := newAudit(100)
	answer := receipt.Answer{Question: a.question.Digest(), Proof: []byte("proof")}
	kinds := map[string]struct {
		digest [32]byte
		sig    []byte
		by     wallet.Address
	}{
		"filetao pledge v1":   {a.pledge.Digest(), sign(t, a.pledge, miner), miner.Address()},
		"filetao question v1": {a.question.Digest(), sign(t, a.question, asker), asker.Address()},
		"filetao answer v1":   {answer.Digest(), sign(t, answer, miner), miner.Address()},
	}
	encodings := map[string][]byte{
		"filetao pledge v1": a.pledge.Encode(), "filetao question v1": a.question.Encode(), "filetao answer v1": answer.Encode(),
	}
	for name, k := range kinds {
		if want := sha256.Sum256(append([]byte(name), encodings[name]...)); k.digest != want {
			t.Errorf("%s: digest %x, want %x", name, k.digest, want)
		}
		if err := wallet.Verify(k.by, append([]byte(name), k.digest[:]...), k.sig); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for other := range kinds {
			if other != name && wallet.VerifyLenient(k.by, append([]byte(other), k.digest[:]...), k.sig) == nil {
				t.Errorf("a %q passes as %q", name, other)
			}
			if other != name && strings.HasPrefix(other, name) {
				t.Errorf("%q begins with %q", other, name)
			}
		}
		if wallet.VerifyLenient(k.by, k.digest[:], k.sig) == nil {
			t.Errorf("%s: the bare digest is signed", name)
		}
		// wire/synapse: "<nonce>.<hotkey>…", the nonce a decimal number, perhaps wrapped.
		if strings.ContainsAny(name[:1], "0123456789<") || strings.HasPrefix(name, "FileTAO") {
			t.Errorf("%q could be a text of the transport or of the development chain", name)
		}
	}
}

func TestChallengeOfEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuestion(t)
		q.Size = rapid.Int64Range(100<<20, 101<<20).Draw(t, "size")
		seen := []por.Challenge{q.Challenge()}
		blocks := q.Challenge().Select(q.Size)
		for i, other := range otherQuestions(q) {
			if slices.Contains(seen, other.Challenge()) {
				t.Fatalf("change %d gives a known challenge", i)
			}
			seen = append(seen, other.Challenge())
			if slices.Equal(other.Challenge().Select(other.Size), blocks) {
				t.Fatalf("change %d gives the same blocks", i)
			}
		}
	})
}

// otherQuestions are the question with each field changed in turn.
func otherQuestions(q receipt.Question) []receipt.Question {
	all := make([]receipt.Question, 8)
	for i := range all {
		all[i] = q
	}
	all[0].Asker = third.Address()
	all[1].Miner = third.Address()
	all[2].Hash[31] ^= 1
	all[3].Size++
	all[4].Pledge[0] ^= 1
	all[5].Epoch++
	all[6].Block[17] ^= 1
	all[7].Seed[5] ^= 1
	return all
}
