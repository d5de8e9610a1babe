package backup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest/pack"
	"github.com/filetao/filetao/wallet"
)

// maxMarks is how many changes are taken for one pack.
const maxMarks = 1 << 16

// record is what is known of an object that matters still; nil for nothing.
func record(k index.Known, now time.Time) (*pack.Record, error) {
	owner, err := k.Owner.PublicKey()
	if err != nil {
		return nil, err
	}
	r := &pack.Record{Owner: owner, CID: k.CID}
	if k.Gone.Matters(now) {
		r.Gone = &pack.Gone{At: k.Gone.At, Until: k.Gone.Until, Manifest: [32]byte(k.Gone.Manifest)}
	}
	if o := k.Object; o != nil {
		r.Object = &pack.Object{Stored: o.Stored, TTL: o.TTL, Signature: [64]byte(o.Signature), Manifest: o.Manifest}
	}
	if r.Gone == nil && r.Object == nil {
		return nil, nil
	}
	return r, r.Check()
}

// changed is record of what is in no pack.
func changed(k index.Known, now time.Time) (*pack.Record, error) {
	if !k.Changed {
		return nil, nil
	}
	return record(k, now)
}

// write has what users were told since the last pass be in packs.
func (b *Backup) write(ctx context.Context, s *shelf) error {
	return b.writeChanges(ctx, s, b.deps.Index.News(ctx))
}

// writeAll is write of all that is not in a pack.
func (b *Backup) writeAll(ctx context.Context, s *shelf) error {
	if err := b.writeChanges(ctx, s, b.deps.Index.Changes(ctx)); err != nil {
		return err
	}
	return b.write(ctx, s)
}

// writeChanges has what has changed be in packs, and forgets that it has.
func (b *Backup) writeChanges(ctx context.Context, s *shelf, changes iter.Seq2[index.Change, error]) error {
	var t batch
	var marks []index.Change
	flush := func() error {
		if err := b.store(ctx, s, &t); err != nil {
			return err
		}
		err := b.deps.Index.BackedUp(ctx, marks)
		marks = nil
		return err
	}
	for c, err := range changes {
		if err != nil {
			return err
		}
		k, err := b.deps.Index.Known(ctx, c.ObjectName)
		if err != nil {
			return err
		}
		r, err := changed(k, b.deps.Now())
		if err != nil {
			b.log.Error("a file cannot be backed up", "cid", c.CID, "owner", c.Owner, "err", err)
			continue
		}
		if r != nil {
			t.add(c.ObjectName, *r)
		}
		if marks = append(marks, c); t.size >= b.cfg.PackSize || len(marks) >= maxMarks {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// merge puts small packs together, those of the smallest kind first.
func (b *Backup) merge(ctx context.Context, s *shelf) error {
	for _, below := range []int64{b.cfg.PackSize / 256, b.cfg.PackSize / 16, b.cfg.PackSize / 2} {
		var small []kept
		for _, k := range s.packs {
			if k.Size < below && !b.foreign[k.number] {
				small = append(small, k)
			}
		}
		if len(small) >= b.cfg.Merge {
			if err := b.rewrite(ctx, s, small); err != nil {
				return err
			}
		}
	}
	return nil
}

// check writes anew what counts of packs that end, and of the next one in turn if it
// is less than half of it.
func (b *Backup) check(ctx context.Context, s *shelf) error {
	now := b.deps.Now()
	if now.Sub(b.checked) < b.cfg.CheckPeriod {
		return nil
	}
	var ending, over []kept
	for _, k := range slices.Concat(s.packs, s.lost) {
		held, err := b.deps.Index.Shards(ctx, k.ID)
		if err != nil {
			return err
		}
		switch left := lasts(held, now); {
		case left <= 0:
			over = append(over, k)
		case left < margin && !b.unread[k.number]:
			ending = append(ending, k)
		}
	}
	if err := b.bury(ctx, s, over); err != nil {
		return err
	}
	if k, ok := b.next(s); ok {
		if half, err := b.halfDead(ctx, k); err != nil && !lost(err) {
			return err
		} else if (half || err != nil) && !slices.ContainsFunc(ending, func(e kept) bool { return e.number == k.number }) {
			ending = append(ending, k)
		}
		b.turn = k.number
	}
	if err := b.rewrite(ctx, s, ending); err != nil {
		return err
	}
	b.checked = now
	return nil
}

// bury ends packs that nobody keeps any more. What was in them is written from the
// index before.
func (b *Backup) bury(ctx context.Context, s *shelf, over []kept) error {
	if len(over) == 0 {
		return nil
	}
	last := s.last
	s.take(over)
	if err := b.anew(ctx, s); err != nil {
		return err
	}
	return b.end(ctx, s, over, last)
}

// end ends packs. The latest one is not to name them: if there is none after last,
// one of the others is written anew.
func (b *Backup) end(ctx context.Context, s *shelf, over []kept, last uint64) error {
	for len(over) > 0 && len(s.packs) > 0 && s.last == last {
		smallest := slices.MinFunc(s.packs, func(a, b kept) int { return cmp.Compare(a.Size, b.Size) })
		done, err := b.copyOut(ctx, s, []kept{smallest})
		if err != nil {
			return err
		}
		over = append(over, done...)
	}
	for _, k := range over {
		if err := b.drop(ctx, k.number); err != nil {
			return err
		}
	}
	return nil
}

// anew writes all that the index knows.
func (b *Backup) anew(ctx context.Context, s *shelf) error {
	if err := b.deps.Index.ChangeAll(ctx); err != nil {
		return err
	}
	return b.writeAll(ctx, s)
}

// lasts is for how long any of the shards is kept.
func lasts(held []index.Holding, now time.Time) (left time.Duration) {
	for _, h := range held {
		if h.TTL <= 0 {
			return longest
		}
		left = max(left, h.Stored.Add(h.TTL).Sub(now))
	}
	return left
}

// next is the pack whose turn it is to be read.
func (b *Backup) next(s *shelf) (kept, bool) {
	for _, k := range s.packs {
		if k.number > b.turn {
			return k, true
		}
	}
	if len(s.packs) == 0 {
		return kept{}, false
	}
	return s.packs[0], true
}

func (b *Backup) halfDead(ctx context.Context, k kept) (bool, error) {
	p, err := b.read(ctx, k)
	if err != nil {
		return false, err
	}
	alive := int64(0)
	for _, r := range p.Records {
		r, err := b.counts(ctx, r)
		if err != nil {
			return false, err
		}
		if r != nil {
			alive += int64(r.Size())
		}
	}
	return alive < k.Size/2, nil
}

// counts is what of a pack's record is to be in another when the pack goes: what is
// known now if that is the same, or has no other pack yet; nil if nothing is. What
// the index knows nothing of, since it was built anew and a file was not complete
// then, is kept until it ends.
func (b *Backup) counts(ctx context.Context, r pack.Record) (*pack.Record, error) {
	now := b.deps.Now()
	if end := r.Ends(); !end.IsZero() && !end.After(now) {
		return nil, nil
	}
	k, err := b.deps.Index.Known(ctx, index.ObjectName{Owner: wallet.AddressOf(r.Owner), CID: r.CID})
	if err != nil {
		return nil, err
	}
	if k.Object == nil && k.Gone == nil {
		if r.Object != nil { // which has the whole pack in memory
			o := *r.Object
			o.Manifest, r.Object = bytes.Clone(o.Manifest), &o
		}
		return &r, nil
	}
	is, err := record(k, now)
	if err != nil || is == nil {
		return nil, err
	}
	if r.Gone != nil && !r.Gone.Until.IsZero() && !now.Before(r.Gone.Until) {
		r.Gone = nil
	}
	if k.Changed || is.Equal(r) {
		return is, nil
	}
	return nil, nil
}

// rewrite ends packs after what counts of them is in others.
func (b *Backup) rewrite(ctx context.Context, s *shelf, packs []kept) error {
	last := s.last
	done, err := b.copyOut(ctx, s, packs)
	if err != nil {
		return err
	}
	return b.end(ctx, s, done, last)
}

// copyOut takes packs from the shelf and writes what counts of them into others. What
// had been in one that cannot be read is written from the index; that pack is not
// done, and stays until it ends.
func (b *Backup) copyOut(ctx context.Context, s *shelf, packs []kept) (done []kept, err error) {
	var t batch
	if packs, err = b.known(ctx, packs); err != nil || len(packs) == 0 {
		return nil, err
	}
	s.take(packs)
	for _, k := range packs {
		p, err := b.read(ctx, k)
		if lost(err) {
			b.log.Error("a pack of the backup is lost: all is written anew", "segment", k.ID, "err", err)
			b.unread[k.number] = true
			s.lost = append(s.lost, k)
			continue
		} else if err != nil {
			return nil, err
		}
		for _, r := range p.Records {
			is, err := b.counts(ctx, r)
			if err != nil {
				return nil, err
			}
			if is == nil {
				continue
			}
			t.add(index.ObjectName{Owner: wallet.AddressOf(r.Owner), CID: r.CID}, *is)
			if t.size >= b.cfg.PackSize {
				if err := b.store(ctx, s, &t); err != nil {
					return nil, err
				}
			}
		}
		done = append(done, k)
	}
	err = b.store(ctx, s, &t)
	if err == nil && len(done) < len(packs) {
		err = b.anew(ctx, s)
	}
	return done, err
}

// known is packs without those that have what the index knows nothing of, since it
// was built anew and a file was not complete then. Which of two packs is right about
// that only their order says: these stay as they are, until they end.
func (b *Backup) known(ctx context.Context, packs []kept) (all []kept, err error) {
	for _, k := range packs {
		p, err := b.read(ctx, k)
		if err != nil && !lost(err) {
			return nil, err
		}
		foreign := false
		for _, r := range p.Records {
			is, err := b.deps.Index.Known(ctx, index.ObjectName{Owner: wallet.AddressOf(r.Owner), CID: r.CID})
			if err != nil {
				return nil, err
			}
			if end := r.Ends(); is.Object == nil && is.Gone == nil && (end.IsZero() || end.After(b.deps.Now())) {
				foreign = true
				break
			}
		}
		if b.foreign[k.number] = foreign; !foreign {
			all = append(all, k)
		}
	}
	return all, nil
}

// lost says that a pack cannot be read, as things are.
func lost(err error) bool { return errors.Is(err, fleet.ErrLost) || errors.Is(err, pack.ErrPack) }
