package miner_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"testing"
	"time"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// deal is what an asker knows of data that it gave away with tags.
type deal struct {
	asker  *wallet.Keypair
	key    por.Key
	tags   []byte
	pledge receipt.Pledge
}

// newDeal makes tags of data under a fresh salt, and a pledge that holds for a
// day from noon.
func newDeal(t testing.TB, asker *wallet.Keypair, miner wallet.Address, data []byte) *deal {
	t.Helper()
	var salt [16]byte
	_, _ = rand.Read(salt[:])
	return saltedDeal(t, asker, miner, data, salt)
}

func saltedDeal(t testing.TB, asker *wallet.Keypair, miner wallet.Address, data []byte, salt [16]byte) *deal {
	t.Helper()
	pub, err := miner.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	p := receipt.Pledge{
		Asker: asker.Address(), Miner: miner, Hash: proof.Sum(data), Size: int64(len(data)), Root: blocktree.Sum(data),
		Salt: salt, Made: noon, Until: noon.Add(24 * time.Hour),
	}
	key := por.SecretOf(asker.PrivateKeyHex()).Key(pub, p.Hash, p.Size, p.Salt)
	tags := key.Tags(data)
	p.Tags, p.Key = sha256.Sum256(tags), key.Commitment()
	return &deal{asker, key, tags, p}
}

// tagsMsg hands the tags over, with the pledge signed by the asker.
func (d *deal) tagsMsg(t testing.TB) *wire.Tags {
	t.Helper()
	sig, err := d.pledge.Sign(d.asker)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Tags{Pledge: d.pledge.Encode(), Signature: sig, Tags: d.tags}
}

// question asks about the pledge, with a fresh seed.
func (d *deal) question() receipt.Question {
	q := receipt.Question{
		Asker: d.pledge.Asker, Miner: d.pledge.Miner, Hash: d.pledge.Hash, Size: d.pledge.Size, Pledge: d.pledge.Digest(),
		Epoch: 7, Block: [32]byte{7},
	}
	_, _ = rand.Read(q.Seed[:])
	return q
}

func (d *deal) auditMsg(t testing.TB, q receipt.Question) *wire.Audit {
	t.Helper()
	sig, err := q.Sign(d.asker)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Audit{Question: q.Encode(), Signature: sig}
}

// check verifies the answer to a question as a validator does.
func (d *deal) check(q receipt.Question, msg *wire.Audit) error {
	answer := receipt.Answer{Question: q.Digest(), Proof: msg.Proof}
	if err := answer.Verify(d.pledge.Miner, msg.Receipt); err != nil {
		return err
	}
	return d.key.Check(q.Challenge(), q.Size, msg.Proof)
}

// give hands tags over and verifies the receipt.
func (a asker) give(n *node, data []byte) *deal {
	a.t.Helper()
	d := newDeal(a.t, a.key, n.peer.Hotkey, data)
	a.hand(n, d)
	return d
}

func (a asker) hand(n *node, d *deal) {
	a.t.Helper()
	msg := d.tagsMsg(a.t)
	if err := a.call(n, msg); err != nil {
		a.t.Fatalf("tags of %d bytes: %v", d.pledge.Size, err)
	}
	if err := d.pledge.VerifyMiner(msg.Receipt); err != nil {
		a.t.Fatal(err)
	}
}

// audit asks and verifies the answer.
func (a asker) audit(n *node, d *deal) {
	a.t.Helper()
	q := d.question()
	msg := d.auditMsg(a.t, q)
	if err := a.call(n, msg); err != nil {
		a.t.Fatalf("audit of %d bytes: %v", q.Size, err)
	}
	if err := d.check(q, msg); err != nil {
		a.t.Fatalf("audit of %d bytes: %v", q.Size, err)
	}
}

// contentPath is where a node keeps data.
func contentPath(dir string, data []byte) string {
	h := proof.Sum(data)
	return filepath.Join(dir, "data", "content", hex.EncodeToString(h[:1]), hex.EncodeToString(h[:]))
}
