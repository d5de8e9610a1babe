package fleet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// maxReceipt and maxProof bound the bytes in the answers to Tags and Audit.
const (
	maxReceipt = wallet.SignatureSize
	maxProof   = por.ProofSize + wallet.SignatureSize
)

// tag hands a miner the tags of a replica that it has just been seen to hold,
// and records its receipt, unless there is one that is good for as long as the
// holding. That is for the next audits only: what goes wrong is logged.
func (f *Fleet) tag(ctx context.Context, n chain.Neuron, hash, held string, data []byte) {
	if por.Blocks(int64(len(data))) == 0 || f.deaf.is(n, f.deps.Now()) {
		return
	}
	done, ok := f.tagging.begin(n.Hotkey, hash)
	if !ok {
		return // somebody does it already
	}
	defer done()
	err := f.handTags(ctx, n, hash, held, data)
	switch {
	case err == nil:
	case wire.StatusOf(err) == wire.StatusNotFound:
		f.deaf.note(n, f.deps.Now(), f.deps.Metagraph())
		f.log.Debug("a miner takes no tags: it is challenged the reference's way", "uid", n.UID, "hotkey", n.Hotkey)
	case ctx.Err() != nil || putOff(wire.StatusOf(err)):
		f.log.Debug("a miner got no tags", "uid", n.UID, "hotkey", n.Hotkey, "err", err)
	default:
		f.log.Warn("a miner got no tags", "uid", n.UID, "hotkey", n.Hotkey, "err", err)
	}
}

// handTags does what tag says. A miner keeps the tags that it got last, so the
// old pledge is forgotten before, and if by the end another process has recorded
// one it is not known which tags the miner has: both are forgotten. So it is when
// there is no answer, since the tags may have come all the same; 409 says that
// the miner keeps the other ones.
func (f *Fleet) handTags(ctx context.Context, n chain.Neuron, hash, held string, data []byte) error {
	h, err := f.deps.Index.Holding(ctx, n.Hotkey, hash)
	end := endOf(h)
	if err != nil || h.Held() != held || !end.IsZero() && !f.deps.Now().Before(end) {
		return unlessGone(err)
	}
	if h.Native != nil {
		p, ok := f.pledgeOf(n, h)
		if ok && (p.Until.IsZero() || !end.IsZero() && !p.Until.Before(end)) {
			return nil
		}
		if err := f.putNative(ctx, n, hash, nil); err != nil {
			return err
		}
	}
	pledge, tags, err := f.pledge(n, h, data)
	if err != nil {
		return err
	}
	asked, err := pledge.Sign(f.deps.Key)
	if err != nil {
		return err
	}
	msg := &wire.Tags{Pledge: pledge.Encode(), Signature: asked, Tags: tags}
	if o, came := f.call(wire.WithAnswerLimit(ctx, maxReceipt), taskTags, n, msg); !came {
		if o.Status() == wire.StatusConflict {
			return o.Err
		}
		return errors.Join(o.Err, f.pledged(ctx, n, hash, held, nil))
	}
	if err := pledge.VerifyMiner(msg.Receipt); err != nil {
		return errors.Join(fmt.Errorf("its receipt: %w", err), f.pledged(ctx, n, hash, held, nil))
	}
	return f.pledged(ctx, n, hash, held, &index.Native{Pledge: pledge.Encode(), Asked: asked, Receipt: msg.Receipt})
}

// pledged records what came of handing tags over, nil without a receipt; and no
// pledge at all if another process has recorded one meanwhile.
func (f *Fleet) pledged(ctx context.Context, n chain.Neuron, hash, held string, native *index.Native) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	h, err := f.deps.Index.Holding(within, n.Hotkey, hash)
	if err != nil {
		return unlessGone(err)
	}
	if h.Native != nil || h.Held() != held {
		native = nil
	}
	if native == nil && h.Native == nil {
		return nil
	}
	return f.putNative(ctx, n, hash, native)
}

// endOf is when a holding ends, in whole seconds; zero for never.
func endOf(h index.Holding) time.Time {
	if h.TTL <= 0 {
		return time.Time{}
	}
	return h.Stored.Add(h.TTL).Truncate(time.Second)
}

// pledge is what a miner is to sign for its replica, and the tags, under a key
// that was never used before.
func (f *Fleet) pledge(n chain.Neuron, h index.Holding, data []byte) (receipt.Pledge, []byte, error) {
	p := receipt.Pledge{
		Asker: f.self, Miner: n.Hotkey, Size: h.Size, Root: blocktree.Sum(data),
		Made: f.deps.Now().Truncate(time.Second), Until: endOf(h),
	}
	var err error
	if p.Hash, err = proof.ParseDigest(h.Held()); err != nil {
		return p, nil, err
	}
	if _, err := io.ReadFull(f.deps.Rand, p.Salt[:]); err != nil {
		return p, nil, fmt.Errorf("randomness: %w", err)
	}
	key, err := f.keyOf(p)
	if err != nil {
		return p, nil, err
	}
	tags := key.Tags(data)
	p.Tags, p.Key = sha256.Sum256(tags), key.Commitment()
	return p, tags, nil
}

// keyOf is the key of the tags that a pledge is about. A shard is tagged on its
// way, before its root is known: its key is bound to the salt alone.
func (f *Fleet) keyOf(p receipt.Pledge) (por.Key, error) {
	miner, err := p.Miner.PublicKey()
	if err != nil {
		return por.Key{}, fmt.Errorf("hotkey: %w", err)
	}
	hash := p.Hash
	if p.Shard {
		hash = proof.Digest{}
	}
	return f.tags.Key(miner, hash, p.Size, p.Salt), nil
}

// putNative writes what native audits of a holding need, whatever has become of
// the caller.
func (f *Fleet) putNative(ctx context.Context, n chain.Neuron, hash string, native *index.Native) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return unlessGone(f.deps.Index.PutNative(ctx, n.Hotkey, hash, native))
}

// pledgeOf is a holding's pledge, if it can be audited natively now.
func (f *Fleet) pledgeOf(n chain.Neuron, h index.Holding) (receipt.Pledge, bool) {
	if h.Native == nil {
		return receipt.Pledge{}, false
	}
	p, err := receipt.ParsePledge(h.Native.Pledge)
	if err != nil {
		f.log.Warn("a pledge is damaged", "hash", h.Hash, "miner", n.Hotkey, "err", err)
		return p, false
	}
	key, err := f.keyOf(p)
	mine := err == nil && p.Asker == f.self && p.Miner == n.Hotkey && key.Commitment() == p.Key
	ends := !p.Until.IsZero() && !f.deps.Now().Before(p.Until)
	return p, mine && !ends && p.Size == h.Size && p.Hash.String() == h.Held()
}

// native makes a native audit of a question.
func (f *Fleet) native(q Question, p receipt.Pledge, block chain.Block) (Question, error) {
	asked := receipt.Question{
		Asker: p.Asker, Miner: p.Miner, Hash: p.Hash, Size: p.Size, Pledge: p.Digest(),
		Epoch: block.Number, Block: block.Hash,
	}
	if _, err := io.ReadFull(f.deps.Rand, asked.Seed[:]); err != nil {
		return q, fmt.Errorf("randomness: %w", err)
	}
	var err error
	q.Audit = asked.Encode()
	q.Signature, err = asked.Sign(f.deps.Key)
	return q, err
}

// askNative asks for a proof of the blocks that the question draws, and holds it
// and the miner's signature against the pledge.
func (f *Fleet) askNative(ctx context.Context, n chain.Neuron, q Question) Outcome {
	h, err := f.deps.Index.Holding(ctx, n.Hotkey, q.Hash)
	if errors.Is(err, index.ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrMoot, err)
	}
	if err == nil {
		err = f.owed(q, h)
	}
	if err != nil {
		return void(TaskChallenge, n, err)
	}
	msg := &wire.Audit{Question: q.Audit, Signature: q.Signature}
	o, came := f.call(wire.WithAnswerLimit(ctx, maxProof), TaskChallenge, n, msg)
	o.Native, o.Bytes = true, q.Size
	var key *por.Key // to be revealed
	if came {
		key, err = f.checkProof(h, q, msg)
		o.judge(err)
	} else {
		f.reconcile(ctx, n, h, &o)
	}
	f.spare(ctx, &o, q)
	if o.Void {
		return o
	}
	o.Dossier = f.dossier(q, h, o.Err)
	if came && !errors.Is(o.Err, errUnsigned) {
		o.Dossier.Proof, o.Dossier.ProofMiner = msg.Proof, msg.Receipt
	}
	if key != nil {
		// Only once nobody can be asked under it any more.
		if err := f.putNative(ctx, n, q.Hash, nil); err != nil {
			o.Void, o.Dossier, o.Err = true, nil, errors.Join(o.Err, err)
			return o
		}
		o.Dossier.Key = key
	}
	f.finish(ctx, &o, func(context.Context) error { return nil })
	if o.open || o.Void {
		o.Dossier = nil
	}
	return o
}

// errUnsigned says of an answer that the miner has not signed it: nobody else
// could tell that it is the miner's.
var errUnsigned = fmt.Errorf("%w: the answer does not bear the miner's signature", proof.ErrProof)

// checkProof judges the answer to a native audit. The key is returned when it
// proves to others that the answer is wrong.
func (f *Fleet) checkProof(h index.Holding, q Question, msg *wire.Audit) (*por.Key, error) {
	asked, err := receipt.ParseQuestion(q.Audit)
	if err != nil {
		return nil, err
	}
	pledge, err := receipt.ParsePledge(h.Native.Pledge)
	if err != nil {
		return nil, err
	}
	key, err := f.keyOf(pledge)
	if err != nil {
		return nil, err
	}
	answer := receipt.Answer{Question: asked.Digest(), Proof: msg.Proof}
	if err := answer.Verify(pledge.Miner, msg.Receipt); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsigned, err)
	}
	if err := key.Check(asked.Challenge(), asked.Size, msg.Proof); err != nil {
		return &key, err
	}
	return nil, nil
}

// dossier is what anybody can check of a native audit; the answer is the
// caller's to add.
func (f *Fleet) dossier(q Question, h index.Holding, err error) *receipt.Dossier {
	d := &receipt.Dossier{
		Pledge: h.Native.Pledge, PledgeAsker: h.Native.Asked, PledgeMiner: h.Native.Receipt,
		Question: q.Audit, QuestionAsker: q.Signature,
		Verdict: receipt.Passed, Reason: "the proof verifies", Asked: q.Made, Settled: f.deps.Now().UTC(), Tries: 1,
	}
	if err != nil {
		d.Verdict, d.Reason = receipt.Failed, err.Error()
	}
	return d
}

// deafFor is how long a peer that answered 404 to tags is handed no others.
const deafFor = time.Hour

// deaf are the peers that know no tags. The zero value is ready.
type deaf struct {
	mu    sync.Mutex // guards since
	since map[wallet.Address]deafness
}

type deafness struct {
	at   time.Time
	addr netip.AddrPort // another one may be other software
}

func (d *deaf) is(n chain.Neuron, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.since[n.Hotkey]
	return ok && known.addr == n.Axon.AddrPort() && now.Before(known.at.Add(deafFor))
}

// note keeps as many peers as are on the network.
func (d *deaf) note(n chain.Neuron, now time.Time, graph *chain.Metagraph) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since == nil {
		d.since = map[wallet.Address]deafness{}
	}
	for a := range d.since {
		if graph != nil {
			if _, ok := graph.ByHotkey(a); !ok {
				delete(d.since, a)
			}
		}
	}
	d.since[n.Hotkey] = deafness{at: now, addr: n.Axon.AddrPort()}
}

// tagging are the holdings whose miners are being handed tags: one after the
// other, because a miner keeps what comes last. The zero value is ready.
type tagging struct {
	mu  sync.Mutex // guards now
	now map[string]bool
}

// begin is false for a holding that is being worked on.
func (t *tagging) begin(holder wallet.Address, hash string) (done func(), ok bool) {
	key := string(holder) + hash
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now[key] {
		return nil, false
	}
	if t.now == nil {
		t.now = map[string]bool{}
	}
	t.now[key] = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.now, key)
	}, true
}
