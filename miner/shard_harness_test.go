package miner_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// streams are a miner's handlers with bodies, called without a server.
type streams map[string]wire.StreamHandler

func (s streams) HandleStream(makeMsg func() wire.Message, h wire.StreamHandler, _ int64) {
	s[makeMsg().Name()] = h
}

func (s streams) call(ctx context.Context, from wallet.Address, msg wire.Message, in wire.Body) (wire.Body, error) {
	return s[msg.Name()](ctx, wire.Caller{Hotkey: from, UID: -1}, msg, in)
}

// streaming is inMemory with both kinds of handlers, and //Bob as the miner.
func streaming(t testing.TB, fs vfs.FS, c miner.Config) (*miner.Miner, handlers, streams) {
	t.Helper()
	m, h := inMemory(t, fs, c, miner.Deps{Key: keypair(t, "//Bob"), Now: atNoon})
	s := streams{}
	m.RegisterStreams(s)
	return m, h, s
}

// shardDeal is a deal about a shard, which holds for a day from noon.
type shardDeal struct {
	deal
	data []byte
}

func newShardDeal(t testing.TB, asker *wallet.Keypair, miner wallet.Address, data []byte) *shardDeal {
	t.Helper()
	var salt [16]byte
	_, _ = rand.Read(salt[:])
	return saltedShardDeal(t, asker, miner, data, salt)
}

func saltedShardDeal(t testing.TB, asker *wallet.Keypair, miner wallet.Address, data []byte, salt [16]byte) *shardDeal {
	t.Helper()
	pub, err := miner.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	h := erasure.NewHasher()
	_, _ = h.Write(data)
	p := receipt.Pledge{
		Shard: true, Asker: asker.Address(), Miner: miner, Hash: proof.Digest(h.Root()), Size: int64(len(data)),
		Salt: salt, Made: noon, Until: noon.Add(24 * time.Hour),
	}
	key := por.SecretOf(asker.PrivateKeyHex()).Key(pub, p.Hash, p.Size, p.Salt)
	tags := key.Tags(data)
	p.Tags, p.Key = sha256.Sum256(tags), key.Commitment()
	return &shardDeal{deal{asker, key, tags, p}, data}
}

func (d *shardDeal) hash() string { return d.pledge.Hash.String() }

// put is what hands the shard over.
func (d *shardDeal) put(t testing.TB) (*wire.PutShard, []byte) {
	t.Helper()
	sig, err := d.pledge.Sign(d.asker)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.PutShard{Size: int64(len(d.data)), TTL: int64(d.pledge.Until.Sub(noon) / time.Second)}, slices.Concat(d.data, d.tags, d.pledge.Encode(), sig)
}

// longer is the deal with a pledge that was made later and ends later.
func (d *shardDeal) longer(by time.Duration) *shardDeal {
	l := *d
	l.pledge.Made, l.pledge.Until = l.pledge.Made.Add(time.Second), l.pledge.Until.Add(by)
	return &l
}

func (d *shardDeal) renewMsg(t testing.TB) *wire.RenewShard {
	t.Helper()
	sig, err := d.pledge.Sign(d.asker)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.RenewShard{Pledge: d.pledge.Encode(), Signature: sig}
}

func bodyOf(b []byte) wire.Body { return wire.Body{Size: int64(len(b)), Reader: bytes.NewReader(b)} }

// send sends a message with a body and reads the answer's.
func (a asker) send(n *node, msg wire.Message, in wire.Body) ([]byte, error) {
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	defer cancel()
	answer, err := a.stream.Open(ctx, n.peer, msg, in)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(answer)
	return b, errors.Join(err, answer.Close())
}

// putShard hands a shard over and verifies the receipt.
func (a asker) putShard(n *node, d *shardDeal) {
	a.t.Helper()
	msg, body := d.put(a.t)
	if _, err := a.send(n, msg, bodyOf(body)); err != nil {
		a.t.Fatalf("a shard of %d bytes: %v", msg.Size, err)
	}
	if err := d.pledge.VerifyMiner(msg.Receipt); err != nil {
		a.t.Fatal(err)
	}
}

// giveShard makes a deal about a shard and hands it over.
func (a asker) giveShard(n *node, data []byte) *shardDeal {
	a.t.Helper()
	d := newShardDeal(a.t, a.key, n.peer.Hotkey, data)
	a.putShard(n, d)
	return d
}

// getShard reads a part and checks it by the leaves.
func (a asker) getShard(n *node, d *shardDeal, offset, length int64) {
	a.t.Helper()
	msg := &wire.GetShard{Hash: d.hash(), Offset: offset, Length: length}
	got, err := a.send(n, msg, wire.Body{})
	if err != nil {
		a.t.Fatal(err)
	}
	want := d.data[offset:]
	if length > 0 && length < int64(len(want)) {
		want = want[:length]
	}
	if msg.Size != d.pledge.Size || !bytes.Equal(got, want) {
		a.t.Fatalf("%d bytes of %d, want %d", len(got), msg.Size, len(want))
	}
	checker, err := erasure.NewChecker(erasure.Root(d.pledge.Hash), msg.Size, msg.Leaves)
	if err != nil {
		a.t.Fatal(err)
	}
	for i := offset / erasure.Block; len(got) > 0; i++ {
		block := got[:min(len(got), erasure.Block)]
		if err := checker.Check(i, block); err != nil {
			a.t.Fatal(err)
		}
		got = got[len(block):]
	}
}

// renew has a shard kept for longer.
func (a asker) renew(n *node, d *shardDeal, by time.Duration) *shardDeal {
	a.t.Helper()
	l := d.longer(by)
	msg := l.renewMsg(a.t)
	if err := a.call(n, msg); err != nil {
		a.t.Fatal(err)
	}
	if err := l.pledge.VerifyMiner(msg.Receipt); err != nil {
		a.t.Fatal(err)
	}
	return l
}
