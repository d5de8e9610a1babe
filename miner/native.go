package miner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// grace is how much longer than asked all data is kept. A pledge may say that
// much more than the ttl: the asker counts from when it had the answer to its
// Store, by its own clock and in whole seconds.
const grace = time.Minute

// pledge answers Tags: it signs the asker's pledge if it is true of what is
// here, and keeps it with the tags. To send it again, or one made no earlier,
// replaces what there was.
func (m *Miner) pledge(ctx context.Context, from wire.Caller, msg *wire.Tags) error {
	tags := msg.Tags
	msg.Tags = nil // the answer is without them
	p, err := receipt.ParsePledge(msg.Pledge)
	if err != nil {
		return err
	}
	if err := m.between(from, p.Asker, p.Miner); err != nil {
		return err
	}
	if err := p.VerifyAsker(msg.Signature); err != nil {
		return err
	}
	if err := checkTags(p, tags); err != nil {
		return err
	}
	// One after the other: what is signed is about the claim that is there when
	// it is put beside it.
	done, err := m.turns.wait(ctx, from.Hotkey, p.Hash.String())
	if err != nil {
		return err
	}
	defer done()
	old, err := m.newest(ctx, p)
	if err != nil {
		return err
	}
	if err := m.holds(ctx, p); err != nil {
		return err
	}
	sig, err := p.Sign(m.key)
	if err != nil {
		return err
	}
	k := Kept{Pledge: p, Asker: msg.Signature, Miner: sig, Label: old.Label, Tags: tags}
	if err := m.store.PutTags(ctx, p.Asker, p.Hash.String(), k.encode()); err != nil {
		return err
	}
	msg.Receipt = sig
	return nil
}

// newest refuses a pledge that was overtaken by the one that is kept: its asker
// has gone on, and would ask about that one. It returns what is kept, if anything.
func (m *Miner) newest(ctx context.Context, p receipt.Pledge) (Kept, error) {
	k, err := m.Kept(ctx, p.Asker, p.Hash.String())
	switch {
	case errors.Is(err, blobstore.ErrNotFound), errors.Is(err, errKept):
		return Kept{}, nil
	case err != nil:
		return Kept{}, err
	case k.Pledge.Made.After(p.Made):
		return Kept{}, wire.Conflict("There is a later pledge here, made %s.", k.Pledge.Made.Format(time.RFC3339))
	}
	return k, nil
}

// between refuses statements that are not between the caller and this miner.
func (m *Miner) between(from wire.Caller, asker, miner wallet.Address) error {
	switch {
	case asker != from.Hotkey:
		return wire.Forbidden("%s cannot speak for %s.", from.Hotkey, asker)
	case miner != m.key.Address():
		return wire.BadRequest("This is about the miner %s, and here is %s.", miner, m.key.Address())
	}
	return nil
}

// checkTags refuses tags that are not the pledged ones, or with which no proof
// could be made.
func checkTags(p receipt.Pledge, tags []byte) error {
	switch {
	case int64(len(tags)) != por.TagsSize(p.Size):
		return wire.BadRequest("%d bytes of tags; for %d bytes of data there must be %d.", len(tags), p.Size, por.TagsSize(p.Size))
	case sha256.Sum256(tags) != p.Tags:
		return wire.BadRequest("The tags are not the pledged ones.")
	}
	for at := 0; at < len(tags); at += por.TagSize {
		if !canonical(tags[at : at+por.TagSize]) {
			return wire.BadRequest("Tag %d is no number below 2^130-5.", at/por.TagSize)
		}
	}
	return nil
}

// canonical says whether a little-endian number is below 2^130-5; por.Prove
// takes no others.
func canonical(tag []byte) bool {
	top := por.TagSize - 1
	if tag[top] != 3 {
		return tag[top] < 3
	}
	for _, b := range tag[1:top] {
		if b != 0xff {
			return true
		}
	}
	return tag[0] < 0xfb
}

// holds says whether a pledge is true of what is here: the size, the end and,
// over all bytes, which are verified against their hash on the way, the root.
func (m *Miner) holds(ctx context.Context, p receipt.Pledge) error {
	r, err := m.store.Reader(ctx, p.Asker, p.Hash.String())
	if err != nil {
		return err
	}
	return errors.Join(m.compare(ctx, p, r), r.Close())
}

func (m *Miner) compare(ctx context.Context, p receipt.Pledge, r *blobstore.Reader) error {
	rec := r.Record()
	if rec.Size != p.Size || rec.Shard != p.Shard {
		return wire.Conflict("The pledge says %d bytes (shard: %t); there are %d (shard: %t).", p.Size, p.Shard, rec.Size, rec.Shard)
	}
	var end time.Time
	if rec.TTL > 0 {
		end = rec.Stored.Add(rec.TTL)
	}
	if err := m.inTime(p, end); err != nil {
		return err
	}
	if err := m.compute.Acquire(ctx, 1); err != nil {
		return err
	}
	defer m.compute.Release(1)
	var tree blocktree.Hasher
	if _, err := io.CopyBuffer(&tree, r, make([]byte, readAhead)); err != nil {
		return err
	}
	if !p.Shard && tree.Root() != p.Root { // a shard's hash is its root, and was verified
		return wire.Conflict("The pledge says another root than that of the data.")
	}
	return nil
}

// inTime says whether a pledge has not ended and is for no longer than the data
// is kept: until end, or for ever if that is zero.
func (m *Miner) inTime(p receipt.Pledge, end time.Time) error {
	if !p.Until.IsZero() && !p.Until.After(m.now()) {
		return wire.Conflict("The pledge has ended: %s.", p.Until.Format(time.RFC3339))
	}
	if !end.IsZero() && (p.Until.IsZero() || p.Until.After(end.Add(grace))) {
		return wire.Conflict("The data is kept until %s only, and the pledge is for longer.", end.Format(time.RFC3339))
	}
	return nil
}

// audit answers Audit. It waits for no turn: it proves with no seed and moves
// none, the bytes under a hash are always the same, and the pledge is read
// together with its tags.
func (m *Miner) audit(ctx context.Context, from wire.Caller, msg *wire.Audit) error {
	q, err := receipt.ParseQuestion(msg.Question)
	if err != nil {
		return err
	}
	if err := m.between(from, q.Asker, q.Miner); err != nil {
		return err
	}
	if err := q.Verify(msg.Signature); err != nil {
		return err
	}
	r, err := m.store.OpenAt(ctx, q.Asker, q.Hash.String())
	if err != nil {
		return err
	}
	var proof []byte
	if err = m.due(ctx, q); err == nil { // asked of who has something here alone
		proof, err = m.proof(ctx, q, r)
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	sig, err := receipt.Answer{Question: q.Digest(), Proof: proof}.Sign(m.key)
	if err != nil {
		return err
	}
	msg.Proof, msg.Receipt = proof, sig
	return nil
}

func (m *Miner) proof(ctx context.Context, q receipt.Question, data *blobstore.Random) ([]byte, error) {
	size := data.Record().Size
	if q.Size != size {
		return nil, wire.Conflict("The question is about %d bytes; there are %d.", q.Size, size)
	}
	if err := wire.Reserve(ctx, keptHead+por.TagsSize(size)+por.ProofSize); err != nil {
		return nil, err
	}
	if err := m.compute.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer m.compute.Release(1)
	k, err := m.Kept(ctx, q.Asker, q.Hash.String())
	if err != nil {
		return nil, err
	}
	if err := q.About(k.Pledge); err != nil {
		return nil, &wire.Error{Status: wire.StatusConflict, Text: "The question is about another pledge than the one kept here.", Err: err}
	}
	return por.Prove(q.Challenge(), size, data, bytes.NewReader(k.Tags))
}
