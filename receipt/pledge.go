package receipt

import (
	"fmt"
	"time"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/wallet"
)

// PledgeSize is the length of an encoded pledge in bytes.
const PledgeSize = 1 + 2*32 + 32 + 8 + 3*32 + 16 + 2*8

// pledgeOfShard begins the encoding of a pledge about a shard, in place of version.
const pledgeOfShard = 2

// Pledge is what a miner promises to keep, and what an asker says that it handed
// over with it. It is about the bytes that the miner has: a replica and not the
// datum that was masked, or a masked shard.
type Pledge struct {
	Shard bool           // whether it is about a shard
	Asker wallet.Address // who stored and will ask
	Miner wallet.Address // who keeps
	Hash  proof.Digest   // H of the replica; erasure.Root of the shard
	Size  int64          // of the replica or shard in bytes, 1 to por.MaxData
	Root  blocktree.Root // of the replica; zero for a shard, whose Hash is that of a tree
	Tags  [32]byte       // SHA-256 of the tags as they were handed over
	Key   [32]byte       // commitment to the tags' key (por.Key.Commitment)
	Salt  [16]byte       // of that key
	Made  time.Time      // whole seconds
	Until time.Time      // whole seconds, after Made; zero: for ever
}

// Encode is the byte 1, or 2 for a shard; the public keys of asker and miner; hash;
// size, 8 bytes; root; hash of the tags; key commitment; salt, 16 bytes; and both times in Unix
// seconds, 8 bytes each, 0 for ever. Addresses that are none become zeros, which
// ParsePledge refuses.
func (p Pledge) Encode() []byte {
	w := begin(PledgeSize)
	if p.Shard {
		w[0] = pledgeOfShard
	}
	w.address(p.Asker)
	w.address(p.Miner)
	w.bytes(p.Hash[:])
	w.number(uint64(p.Size))
	w.bytes(p.Root[:])
	w.bytes(p.Tags[:])
	w.bytes(p.Key[:])
	w.bytes(p.Salt[:])
	w.time(p.Made)
	w.time(p.Until)
	return w
}

// ParsePledge reads what Encode wrote and nothing else. It fails with
// ErrStatement. Times come back in UTC.
func ParsePledge(b []byte) (Pledge, error) {
	shard := len(b) > 0 && b[0] == pledgeOfShard
	first := byte(version)
	if shard {
		first = pledgeOfShard
	}
	r, err := openAs(first, b, PledgeSize)
	if err != nil {
		return Pledge{}, err
	}
	p := Pledge{
		Shard: shard,
		Asker: r.address(), Miner: r.address(),
		Hash: r.word(), Size: int64(r.number()), Root: r.word(),
		Tags: r.word(), Key: r.word(), Salt: [16]byte(r.take(16)),
		Made: r.time(), Until: r.time(),
	}
	if err := p.check(); err != nil {
		return Pledge{}, err
	}
	return p, nil
}

func (p Pledge) check() error {
	if err := checkParties(p.Asker, p.Miner, p.Size); err != nil {
		return err
	}
	if p.Shard && p.Root != (blocktree.Root{}) {
		return fmt.Errorf("%w: a shard's pledge with a second root", ErrStatement)
	}
	if err := checkTime("when the pledge was made", p.Made); err != nil {
		return err
	}
	if p.Until.IsZero() {
		return nil
	}
	if err := checkTime("when the pledge ends", p.Until); err != nil {
		return err
	}
	if !p.Until.After(p.Made) {
		return fmt.Errorf("%w: the pledge ends before it was made", ErrStatement)
	}
	return nil
}

// Digest is SHA-256 of "filetao pledge v1" and the encoding. It names the pledge.
func (p Pledge) Digest() [32]byte { return kindPledge.digest(p.Encode()) }

// Sign signs the pledge as asker or as miner, whichever k is. ErrStatement if it
// is neither or the pledge is not well-formed.
func (p Pledge) Sign(k *wallet.Keypair) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if k.Address() != p.Asker && k.Address() != p.Miner {
		return nil, fmt.Errorf("%w: a pledge of others", ErrStatement)
	}
	return k.Sign(kindPledge.text(p.Digest()))
}

// VerifyAsker checks the asker's signature. It fails with ErrStatement or
// ErrSignature.
func (p Pledge) VerifyAsker(sig []byte) error { return p.verify(p.Asker, sig) }

// VerifyMiner checks the miner's signature, the receipt. It fails with
// ErrStatement or ErrSignature.
func (p Pledge) VerifyMiner(sig []byte) error { return p.verify(p.Miner, sig) }

func (p Pledge) verify(by wallet.Address, sig []byte) error {
	if err := p.check(); err != nil {
		return err
	}
	return kindPledge.verify(by, p.Digest(), sig)
}
