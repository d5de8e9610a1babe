package receipt_test

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

var (
	asker = wallet.KeypairFromSeed([32]byte{1})
	miner = wallet.KeypairFromSeed([32]byte{2})
	third = wallet.KeypairFromSeed([32]byte{3})

	made  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	until = made.AddDate(0, 1, 0)
	asked = made.Add(90 * time.Minute)
)

func some(seed byte, size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

// audit is everything about one audit, of which both sides know their part.
type audit struct {
	data, tags []byte
	key        por.Key
	pledge     receipt.Pledge
	question   receipt.Question
}

func newAudit(size int) *audit {
	data := some(7, size)
	return auditOf(data, receipt.Pledge{Hash: proof.Sum(data), Root: blocktree.Sum(data)})
}

// newShardAudit is an audit of a shard.
func newShardAudit(size int) *audit {
	h := erasure.NewHasher()
	_, _ = h.Write(some(7, size))
	return auditOf(some(7, size), receipt.Pledge{Shard: true, Hash: proof.Digest(h.Root())})
}

// auditOf is an audit of the data that the pledge names.
func auditOf(data []byte, name receipt.Pledge) *audit {
	a := &audit{data: data}
	salt, hash, size := [16]byte{5}, name.Hash, len(data)
	a.key = por.SecretOf(asker.PrivateKeyHex()).Key(miner.PublicKey(), hash, int64(size), salt)
	a.tags = a.key.Tags(a.data)
	a.pledge = receipt.Pledge{
		Shard: name.Shard, Asker: asker.Address(), Miner: miner.Address(), Hash: hash, Size: int64(size), Root: name.Root,
		Tags: sha256.Sum256(a.tags), Key: a.key.Commitment(), Salt: salt, Made: made, Until: until,
	}
	a.ask()
	return a
}

// ask makes a question about the pledge as it is.
func (a *audit) ask() {
	a.question = receipt.Question{
		Asker: a.pledge.Asker, Miner: a.pledge.Miner, Hash: a.pledge.Hash, Size: a.pledge.Size,
		Pledge: a.pledge.Digest(), Epoch: 4_000_000, Block: [32]byte{8}, Seed: [32]byte{9},
	}
}

func (a *audit) prove(t testing.TB) []byte {
	t.Helper()
	p, err := por.Prove(a.question.Challenge(), a.question.Size, bytes.NewReader(a.data), bytes.NewReader(a.tags))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type signer interface {
	Sign(*wallet.Keypair) ([]byte, error)
}

func sign(t testing.TB, s signer, k *wallet.Keypair) []byte {
	t.Helper()
	sig, err := s.Sign(k)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// dossier is the audit settled, with the key revealed. Whatever data and tags are
// at present, the miner answers with them.
func (a *audit) dossier(t testing.TB, verdict receipt.Verdict) receipt.Dossier {
	t.Helper()
	d := a.silent(t)
	d.Verdict, d.Reason = verdict, "for the test"
	d.Proof = a.prove(t)
	d.ProofMiner = sign(t, receipt.Answer{Question: a.question.Digest(), Proof: d.Proof}, miner)
	return d
}

// silent is the audit settled without an answer, with the key revealed.
func (a *audit) silent(t testing.TB) receipt.Dossier {
	t.Helper()
	return receipt.Dossier{
		Pledge: a.pledge.Encode(), PledgeAsker: sign(t, a.pledge, asker), PledgeMiner: sign(t, a.pledge, miner),
		Question: a.question.Encode(), QuestionAsker: sign(t, a.question, asker),
		Key: &a.key, Verdict: receipt.Failed, Reason: "no answer",
		Asked: asked, Settled: asked.Add(7 * time.Minute), Tries: 4,
	}
}

// bad is a dossier of a miner whose data has one bit flipped, honestly judged.
func bad(t testing.TB) receipt.Dossier {
	t.Helper()
	a := newAudit(9000)
	a.data[4711] ^= 4
	return a.dossier(t, receipt.Failed)
}

// good is a dossier of an honest miner, with the key revealed nonetheless.
func good(t testing.TB) receipt.Dossier {
	t.Helper()
	return newAudit(9000).dossier(t, receipt.Passed)
}
