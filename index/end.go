package index

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/filetao/filetao/wallet"
)

// EndSegment ends a segment that no object and no upload refers to: from then on
// its shards, if it has any, are drops. One that is needed stays, and so does one
// that has references younger than age, which nobody has gone on with yet: a put is
// under way, or was cut off, and Sweep takes it later. It reports whether there is
// no such segment now.
func (x *Index) EndSegment(ctx context.Context, id string, age time.Duration) (gone bool, err error) {
	if _, _, err := x.EndSegments(ctx, []string{id}, age); err != nil {
		return false, err
	}
	_, err = x.getOne(ctx, segmentGroup(id), fieldSegment)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	return false, err
}

// endAtOnce is how many segments are ended together.
const endAtOnce = 256

// EndSegments is EndSegment for many, with one commit for what a miner has of some
// hundred of them. It returns what its shards became, which was not told to their
// miners yet, and the segments that stay only because of references younger than
// age. After an error that is what was done before: it may be done again.
func (x *Index) EndSegments(ctx context.Context, ids []string, age time.Duration) (drops []Drop, unsettled []string, err error) {
	for _, id := range ids {
		if err := checkHash(id); err != nil {
			return nil, nil, err
		}
	}
	for batch := range slices.Chunk(ids, endAtOnce) {
		e, err := x.endAll(ctx, batch, age, 0)
		drops, unsettled = append(drops, e.drops...), append(unsettled, e.unsettled...)
		if err != nil {
			return drops, unsettled, err
		}
	}
	return drops, unsettled, nil
}

// ended is what came of ending some segments.
type ended struct {
	swept     int // references and segments
	drops     []Drop
	unsettled []string
}

// doomed is what is left to do when a segment has ended: its shards, as references
// that count no more, become drops, and then the references go.
type doomed struct {
	id        string
	swept     int
	unsettled bool
	shards    []reference
}

// endAll takes away segments that are not needed, references that are older than
// age, and shards older than shardAge of a segment that is not there or that are
// none of it as it is coded now. What one segment or miner fails with does not keep
// it from the others.
func (x *Index) endAll(ctx context.Context, ids []string, age, shardAge time.Duration) (e ended, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids))) // each once: two that end one would meet
	all, errs := make([]doomed, len(ids)), make([]error, len(ids))
	_ = forEach(ctx, ids, func(ctx context.Context, i int, id string) error {
		all[i], errs[i] = x.doom(ctx, id, age, shardAge)
		return nil
	})
	held := map[string][]doomedShard{} // by miner
	for _, d := range all {
		if e.swept += d.swept; d.unsettled {
			e.unsettled = append(e.unsettled, d.id)
		}
		for _, ref := range d.shards {
			held[ref.name] = append(held[ref.name], doomedShard{d.id, ref.token})
		}
	}
	miners := slices.Collect(maps.Keys(held))
	drops, failed := make([][]Drop, len(miners)), make([]error, len(miners))
	_ = forEach(ctx, miners, func(ctx context.Context, i int, name string) error {
		drops[i], failed[i] = x.dropShards(ctx, wallet.Address(name), held[name])
		return nil
	})
	e.drops = slices.Concat(drops...)
	for i, name := range miners {
		if failed[i] != nil {
			delete(held, name)
		}
	}
	return e, firstError(append(append(errs, failed...), x.unreferShards(ctx, all, held))...)
}

// unreferShards takes away the references to shards that are drops now, of those
// miners that are in told.
func (x *Index) unreferShards(ctx context.Context, all []doomed, told map[string][]doomedShard) error {
	ids, then := []string{}, [][]Entry{}
	for _, d := range all {
		var gone []Entry
		for _, ref := range d.shards {
			if told[ref.name] != nil {
				gone = append(gone, Entry{Field: holderRef(wallet.Address(ref.name), ref.token)})
			}
		}
		if len(gone) > 0 {
			ids, then = append(ids, d.id), append(then, gone)
		}
	}
	return forEach(ctx, ids, func(ctx context.Context, i int, id string) error {
		return x.kv.Commit(ctx, segmentGroup(id), nil, then[i])
	})
}

// doom ends a segment if it is not needed, and has shards that are doomed count no
// more, in one commit.
func (x *Index) doom(ctx context.Context, id string, age, shardAge time.Duration) (doomed, error) {
	group := segmentGroup(id)
	for range maxTries {
		s, err := x.standing(ctx, id, age)
		if err != nil {
			return doomed{}, err
		}
		d := doomed{id: id, swept: len(s.dead), unsettled: s.needed && !s.lives}
		var when, then []Entry
		for _, e := range s.dead {
			then = append(then, Entry{Field: e.Field})
		}
		was, ends := s.segment, !s.needed && s.latest != nil
		if ends {
			// With every reference since, latest is another one.
			when = append(when, Entry{fieldLatest, s.latest})
			then = append(then, Entry{Field: fieldSegment}, Entry{Field: fieldLatest})
			s.segment = nil
		}
		if was != nil && ends {
			d.swept++
		}
		marks, err := x.doomShards(ctx, &d, s, age, shardAge)
		if err != nil {
			return doomed{}, err
		}
		if len(marks) > 0 {
			when = append(when, Entry{fieldSegment, was})
		}
		if ends || len(marks) > 0 && s.segment == nil {
			e, err := end()
			if err != nil {
				return doomed{}, err
			}
			then = append(then, e)
		}
		for _, m := range marks {
			when, then = append(when, m.was), append(then, m.next)
		}
		if len(then) == 0 {
			return d, nil
		}
		if err := x.kv.Commit(ctx, group, when, then); !errors.Is(err, ErrConflict) {
			return d, err
		}
	}
	return doomed{}, fmt.Errorf("%w: %s, %d times", ErrConflict, group, maxTries)
}

// mark is a change of a shard's reference: it counts no more, whatever becomes of
// its segment.
type mark struct{ was, next Entry }

// doomShards are the shards of a segment that is not there, and those that are none
// of it as it is coded now. Of those that count the references are to be marked.
func (x *Index) doomShards(ctx context.Context, d *doomed, s standing, age, shardAge time.Duration) (marks []mark, err error) {
	fits := func(Holding) bool { return false }
	if s.segment != nil {
		r, err := decode[segmentRecord](s.segment)
		if err != nil {
			return nil, fmt.Errorf("segment %s: %w", d.id, err)
		}
		fits = r.segment().fits
	}
	for _, entry := range s.shards {
		ref, record, err := readReference(segmentGroup(d.id), entry)
		if err != nil {
			return nil, err
		}
		h, lives, err := x.shard(ctx, ref, d.id)
		if err != nil {
			return nil, err
		}
		old := time.Since(record.Since)
		coming := !lives && old < age // somebody is putting it, who finds that it does not count
		if !record.Going && old >= shardAge && (coming && s.segment == nil || lives && !fits(h)) {
			record.Going = true
			data, err := encode(record)
			if err != nil {
				return nil, err
			}
			marks = append(marks, mark{entry, Entry{entry.Field, data}})
		}
		if coming || lives && !record.Going {
			continue
		}
		d.shards = append(d.shards, ref)
		d.swept++
	}
	return marks, nil
}

// doomedShard is a miner's shard of a segment if it has the token still.
type doomedShard struct{ segment, token string }

// dropShards makes drops of a miner's shards, in one commit.
func (x *Index) dropShards(ctx context.Context, holder wallet.Address, shards []doomedShard) (drops []Drop, err error) {
	fields := make([]string, len(shards))
	for i, s := range shards {
		fields[i] = holdingField(KindShard, s.segment)
	}
	err = x.update(ctx, holderGroup(holder), func(t *txn) error {
		drops = nil
		values, err := t.get(fields...)
		if err != nil {
			return err
		}
		var gone []*holdingRecord
		for i, data := range values {
			if data == nil {
				continue
			}
			r, err := decode[holdingRecord](data)
			if err != nil {
				return fmt.Errorf("%s in %s: %w", fields[i], t.group, err)
			}
			if r.Token != shards[i].token {
				continue // put again
			}
			drop := newDrop(r.Holding, time.Time{})
			if err := t.setRecord(dropField(r.Held()), drop); err != nil {
				return err
			}
			drops = append(drops, drop.drop(holder, r.Held()))
			gone = append(gone, &r)
		}
		if len(gone) == 0 {
			return nil
		}
		return dropHoldings(t, gone...)
	})
	if err != nil {
		return nil, err
	}
	return drops, nil
}
