package miner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// The tasks about shards.
const (
	TaskPutShard   Task = "put_shard"
	TaskGetShard   Task = "get_shard"
	TaskRenewShard Task = "renew_shard"
)

// StreamServer takes handlers of messages with bodies; *stream.Server is one.
type StreamServer interface {
	// HandleStream has h answer the messages that makeMsg makes, whose requests
	// have bodies of at most maxBody bytes.
	HandleStream(makeMsg func() wire.Message, h wire.StreamHandler, maxBody int64)
}

// RegisterStreams adds the miner's handlers of messages with bodies to a server.
// Without a key there are none.
func (m *Miner) RegisterStreams(s StreamServer) {
	if m.key == nil {
		return
	}
	s.HandleStream(func() wire.Message { return &wire.PutShard{} }, answerStream(m, TaskPutShard, m.putShard), putSize(m.maxShard())+wire.MaxLabel)
	s.HandleStream(func() wire.Message { return &wire.GetShard{} }, answerStream(m, TaskGetShard, m.getShard), 0)
	s.HandleStream(func() wire.Message { return &wire.FindShards{} }, answerStream(m, TaskFindShards, m.findShards), 0)
}

// maxShard is the largest shard taken, in bytes.
func (m *Miner) maxShard() int64 { return min(m.cfg.MaxData, erasure.MaxSegment, por.MaxData) }

// putSize is the length of PutShard's body with a shard of that many bytes and no
// label.
func putSize(size int64) int64 { return size + proofsSize(size) }

// proofsSize is what of it comes after the shard: tags, pledge and signature.
func proofsSize(size int64) int64 {
	return por.TagsSize(size) + receipt.PledgeSize + wallet.SignatureSize
}

// putShard answers PutShard. What can be refused is refused before the body is
// read; nothing is kept of what is refused later.
func (m *Miner) putShard(ctx context.Context, from wire.Caller, msg *wire.PutShard, in wire.Body) (wire.Body, error) {
	if c, ok := in.Reader.(io.Closer); ok {
		defer c.Close()
	}
	switch {
	case msg.Size < 1:
		return wire.Body{}, wire.BadRequest("A shard of %d bytes.", msg.Size)
	case msg.Size > m.maxShard():
		return wire.Body{}, wire.TooLarge("A shard of %d bytes is over the limit of %d.", msg.Size, m.maxShard())
	case in.Reader == nil || in.Size < putSize(msg.Size) || in.Size > putSize(msg.Size)+wire.MaxLabel:
		return wire.Body{}, wire.BadRequest("A body of %d bytes; with %d of shard it must have %d, and a label of up to %d.", in.Size, msg.Size, putSize(msg.Size), wire.MaxLabel)
	case msg.TTL < 1:
		return wire.Body{}, wire.BadRequest("ttl of %d s.", msg.TTL)
	}
	ttl, err := m.ttl(&msg.TTL)
	if err != nil {
		return wire.Body{}, err
	}
	d := &delivery{miner: m, from: from, size: msg.Size, label: in.Size - putSize(msg.Size), ttl: ttl, body: in.Reader}
	defer d.end()
	_, err = m.store.PutShard(ctx, blobstore.Record{Owner: from.Hotkey, TTL: ttl}, msg.Size, in.Reader,
		func(root erasure.Root) (blobstore.Beside, error) {
			if err := d.finish(ctx, root); err != nil {
				return blobstore.Beside{}, err
			}
			return d.beside(), nil
		})
	if err == nil {
		msg.Receipt = d.kept.Miner
	}
	return wire.Body{}, err
}

// delivery is a shard that is being taken in.
type delivery struct {
	miner *Miner
	from  wire.Caller
	size  int64 // bytes of the shard,
	label int64 // and of its label
	ttl   time.Duration
	body  io.Reader
	kept  Kept
	done  func() // ends the turn, if there is one
}

func (d *delivery) end() {
	if d.done != nil {
		d.done()
	}
}

// finish reads what comes after the shard, and signs the pledge if it is true of
// the shard with that root. Until the end it is the shard's and asker's turn.
func (d *delivery) finish(ctx context.Context, root erasure.Root) error {
	if err := wire.Reserve(ctx, 2*(proofsSize(d.size)+d.label)); err != nil { // as read and as kept
		return err
	}
	b := make([]byte, proofsSize(d.size)+d.label)
	if _, err := io.ReadFull(d.body, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	tags, b := b[:por.TagsSize(d.size)], b[por.TagsSize(d.size):]
	p, err := receipt.ParsePledge(b[:receipt.PledgeSize])
	if err != nil {
		return err
	}
	b = b[receipt.PledgeSize:]
	d.kept = Kept{Pledge: p, Asker: b[:wallet.SignatureSize], Label: b[wallet.SignatureSize:], Tags: tags}
	if err := d.check(root); err != nil {
		return err
	}
	if d.done, err = d.miner.turns.wait(ctx, p.Asker, p.Hash.String()); err != nil {
		return err
	}
	old, err := d.miner.newest(ctx, p)
	if err != nil {
		return err
	}
	if len(d.kept.Label) == 0 {
		d.kept.Label = old.Label
	}
	d.kept.Miner, err = p.Sign(d.miner.key)
	return err
}

// beside is what is kept beside the shard.
func (d *delivery) beside() blobstore.Beside {
	b := blobstore.Beside{Tags: d.kept.encode()}
	if f, ok := wire.FindingOf(d.kept.Label); ok {
		b.Find = &blobstore.Find{Tag: f.Tag, Note: append([]byte{byte(f.Number)}, f.Voucher[:]...)}
	}
	return b
}

// check says whether the pledge is true of the shard.
func (d *delivery) check(root erasure.Root) error {
	p := d.kept.Pledge
	if err := d.miner.between(d.from, p.Asker, p.Miner); err != nil {
		return err
	}
	if err := p.VerifyAsker(d.kept.Asker); err != nil {
		return err
	}
	switch {
	case !p.Shard:
		return wire.BadRequest("The pledge is not about a shard.")
	case p.Size != d.size:
		return wire.Conflict("The pledge says %d bytes; there are %d.", p.Size, d.size)
	case p.Hash != proof.Digest(root):
		return wire.Conflict("The pledge says another root than that of the shard, which is %s.", root)
	}
	if err := d.miner.inTime(p, d.miner.now().Add(d.ttl)); err != nil {
		return err
	}
	return checkTags(p, d.kept.Tags)
}

// getShard answers GetShard. Whoever knows the root is answered.
func (m *Miner) getShard(ctx context.Context, _ wire.Caller, msg *wire.GetShard, _ wire.Body) (wire.Body, error) {
	shard, err := m.store.AnyShard(ctx, msg.Hash)
	if err != nil {
		return wire.Body{}, err
	}
	size := shard.Record().Size
	section, err := part(shard, size, msg.Offset, msg.Length)
	if err == nil {
		err = wire.Reserve(ctx, erasure.LeavesSize(size))
	}
	if err = errors.Join(err, shard.Close()); err != nil {
		if section != nil {
			err = errors.Join(err, section.Close())
		}
		return wire.Body{}, err
	}
	msg.Size, msg.Leaves = size, shard.Leaves()
	return wire.Body{Size: section.Size(), Reader: section}, nil
}

// part opens what GetShard asks for.
func part(shard *blobstore.Shard, size, offset, length int64) (*blobstore.Section, error) {
	switch {
	case offset < 0 || length < 0 || offset%erasure.Block != 0 || length%erasure.Block != 0:
		return nil, wire.BadRequest("Offset %d and length %d are not those of blocks of %d bytes.", offset, length, erasure.Block)
	case offset >= size:
		return nil, wire.BadRequest("Offset %d in %d bytes.", offset, size)
	case length == 0 || length > size-offset:
		length = size - offset
	}
	return shard.Section(offset, length)
}

// renewShard answers RenewShard: the pledge that is kept, with later times, takes
// its place. To send it again changes nothing.
func (m *Miner) renewShard(ctx context.Context, from wire.Caller, msg *wire.RenewShard) error {
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
	if !p.Shard {
		return wire.BadRequest("The pledge is not about a shard.")
	}
	hash := p.Hash.String()
	done, err := m.turns.wait(ctx, p.Asker, hash)
	if err != nil {
		return err
	}
	defer done()
	k, err := m.Kept(ctx, p.Asker, hash)
	if err != nil {
		return err
	}
	now := m.now()
	if err := m.longer(p, k.Pledge, now); err != nil {
		return err
	}
	if err := m.sound(ctx, p); err != nil {
		return err
	}
	if k.Miner, err = p.Sign(m.key); err != nil {
		return err
	}
	k.Pledge, k.Asker = p, msg.Signature
	if err := m.store.Renew(ctx, p.Asker, hash, now, p.Until.Sub(now), k.encode()); err != nil {
		return err
	}
	msg.Receipt = k.Miner
	return nil
}

// longer says whether p is the pledge old with later times.
func (m *Miner) longer(p, old receipt.Pledge, now time.Time) error {
	same := p
	same.Made, same.Until = old.Made, old.Until
	switch {
	case same != old:
		return wire.Conflict("That is another pledge than the one kept here.")
	case p.Made.Before(old.Made):
		return wire.Conflict("There is a later pledge here, made %s.", old.Made.Format(time.RFC3339))
	case p.Until.IsZero() || p.Until.After(now.Add(m.cfg.MaxTTL)):
		return wire.BadRequest("This miner keeps data for %d s at most.", int64(m.cfg.MaxTTL/time.Second))
	case p.Until.Before(old.Until):
		return wire.Conflict("The shard is pledged until %s, and that is longer.", old.Until.Format(time.RFC3339))
	}
	return m.inTime(p, p.Until)
}

// sound says whether a shard seems to be here, as a pledge to go on with it says.
func (m *Miner) sound(ctx context.Context, p receipt.Pledge) error {
	shard, err := m.store.Shard(ctx, p.Asker, p.Hash.String())
	if err != nil {
		return err
	}
	return shard.Close()
}

// dropShard answers DropShard. It waits for its turn, so that a shard that is being
// handed over again has its new pledge, or gets it afterwards.
func (m *Miner) dropShard(ctx context.Context, from wire.Caller, msg *wire.DropShard) error {
	done, err := m.turns.wait(ctx, from.Hotkey, msg.Hash)
	if err != nil {
		return err
	}
	defer done()
	k, err := m.Kept(ctx, from.Hotkey, msg.Hash)
	switch {
	case errors.Is(err, blobstore.ErrNotFound):
		msg.Dropped = true
		return nil
	case err != nil && !errors.Is(err, errKept): // what cannot be read pledges nothing
		return err
	case err == nil && (!k.Pledge.Shard || !bytes.Equal(k.Pledge.Salt[:], msg.Salt)):
		return nil
	}
	if err := m.store.Delete(ctx, from.Hotkey, msg.Hash); err != nil && !errors.Is(err, blobstore.ErrNotFound) {
		return err
	}
	msg.Dropped = true
	return nil
}
