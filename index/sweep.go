package index

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/wallet"
)

// Sweep takes away what crashed or failed writers left behind, as far as it is
// older than age: references without a truth, and audit records without a
// holding, which are never shown, so that it is only about space; and, what nobody
// may have gone on with, segments that no object and no upload refers to, and the
// shards of segments that are not there, which become drops. Drops whose time is
// over go too. age must be well above the longest time a Put may take, and than
// that between a segment's and its shards' (an hour is plenty); while an import is
// under way do not sweep. It returns how many it took away.
func (x *Index) Sweep(ctx context.Context, age time.Duration) (int, error) {
	swept := 0
	for prefix, sweep := range map[string]func(group string) (int, error){
		groupsChunk:  func(group string) (int, error) { return x.sweepDatum(ctx, User, group, age) },
		groupsRandom: func(group string) (int, error) { return x.sweepDatum(ctx, Random, group, age) },
		groupsSegment: func(group string) (int, error) {
			return x.sweepSegment(ctx, tagOf(group), age, age)
		},
	} {
		for group, err := range x.kv.Groups(ctx, prefix) {
			if err != nil {
				return swept, err
			}
			n, err := sweep(group)
			swept += n
			if err != nil {
				return swept, err
			}
		}
	}
	n, err := x.sweepAudits(ctx, age)
	if swept += n; err != nil {
		return swept, err
	}
	n, err = x.sweepDrops(ctx)
	return swept + n, err
}

func (x *Index) sweepDatum(ctx context.Context, kind Kind, group string, age time.Duration) (int, error) {
	swept := 0
	for entry, err := range x.kv.Scan(ctx, group, "") {
		if err != nil {
			return swept, err
		}
		ref, record, err := readReference(group, entry)
		if err != nil {
			return swept, err
		}
		if time.Since(record.Since) < age {
			continue
		}
		var live bool
		if ref.prefix == prefixFile {
			live, err = x.fileLives(ctx, ref)
		} else {
			live, err = x.holdingLives(ctx, ref, kind, tagOf(group))
		}
		if err != nil {
			return swept, err
		}
		if !live {
			if err := x.unrefer(ctx, group, entry.Field); err != nil {
				return swept, err
			}
			swept++
		}
	}
	return swept, nil
}

// EndSegment ends a segment that no object and no upload refers to: from then on
// its shards, if it has any, are drops. One that is needed stays, and so does one
// that has references younger than age, which nobody has gone on with yet: a put is
// under way, or was cut off, and Sweep takes it later. It reports whether there is
// no such segment now.
func (x *Index) EndSegment(ctx context.Context, id string, age time.Duration) (gone bool, err error) {
	if err := checkHash(id); err != nil {
		return false, err
	}
	if _, err := x.sweepSegment(ctx, id, age, 0); err != nil {
		return false, err
	}
	_, err = x.getOne(ctx, segmentGroup(id), fieldSegment)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	return false, err
}

// standing is a segment's group as somebody found it who is about to end it.
type standing struct {
	segment, latest []byte  // fields; nil if the segment is not there
	needed          bool    // by an object or upload, or perhaps one that is being put
	dead            []Entry // references of objects and uploads that are none
	shards          []Entry // references of shards
}

// sweepSegment takes away a segment that is not needed, references that are older
// than age, and shards older than shardAge of a segment that is not there.
func (x *Index) sweepSegment(ctx context.Context, id string, age, shardAge time.Duration) (swept int, err error) {
	group := segmentGroup(id)
	for range maxTries {
		s, err := x.standing(ctx, id, age)
		if err != nil {
			return 0, err
		}
		var when, then []Entry
		for _, e := range s.dead {
			then = append(then, Entry{Field: e.Field})
		}
		if !s.needed && s.latest != nil {
			// With every reference since, latest is another one.
			when = []Entry{{fieldLatest, s.latest}}
			then = append(then, Entry{Field: fieldSegment}, Entry{Field: fieldLatest})
			s.segment, s.latest, swept = nil, nil, 1
		}
		if len(then) > 0 {
			err := x.kv.Commit(ctx, group, when, then)
			if errors.Is(err, ErrConflict) {
				swept = 0
				continue
			} else if err != nil {
				return 0, err
			}
		}
		n, err := x.sweepShards(ctx, id, s, age, shardAge)
		return swept + len(s.dead) + n, err
	}
	return 0, fmt.Errorf("%w: %s, %d times", ErrConflict, group, maxTries)
}

// standing looks at the two fields first and at the references after: one that
// comes later changes latest.
func (x *Index) standing(ctx context.Context, id string, age time.Duration) (s standing, err error) {
	group := segmentGroup(id)
	values, err := x.kv.Get(ctx, group, fieldSegment, fieldLatest)
	if err != nil {
		return s, err
	}
	s.segment, s.latest = values[0], values[1]
	for entry, err := range x.kv.Scan(ctx, group, "") {
		if err != nil {
			return s, err
		}
		if entry.Field == fieldSegment || entry.Field == fieldLatest {
			continue
		}
		ref, record, err := readReference(group, entry)
		if err != nil {
			return s, err
		}
		if ref.prefix == prefixHolder {
			s.shards = append(s.shards, entry)
			continue
		}
		var lives bool
		if ref.prefix == prefixUpload {
			lives, err = x.partLives(ctx, ref, record.Index)
		} else {
			lives, err = x.objectLives(ctx, ref)
		}
		switch {
		case err != nil:
			return s, err
		case lives || time.Since(record.Since) < age:
			s.needed = true
		default:
			s.dead = append(s.dead, entry)
		}
	}
	return s, nil
}

// sweepShards drops the shards of a segment that is not there, and those that are
// none of it as it is coded now.
func (x *Index) sweepShards(ctx context.Context, id string, s standing, age, shardAge time.Duration) (swept int, err error) {
	fits := func(Holding) bool { return false }
	if s.segment != nil {
		r, err := decode[segmentRecord](s.segment)
		if err != nil {
			return 0, fmt.Errorf("segment %s: %w", id, err)
		}
		fits = r.segment().fits
	}
	for _, entry := range s.shards {
		ref, record, err := readReference(segmentGroup(id), entry)
		if err != nil {
			return swept, err
		}
		h, lives, err := x.shard(ctx, ref, id)
		if err != nil {
			return swept, err
		}
		switch old := time.Since(record.Since); {
		case record.Going, !lives && old >= age:
		case lives && old >= shardAge && !fits(h):
			if ok, err := x.markGoing(ctx, id, s, entry, record); err != nil {
				return swept, err
			} else if !ok {
				continue
			}
		default:
			continue
		}
		err = x.dropIf(ctx, wallet.Address(ref.name), id, func(r *holdingRecord) bool { return r.Token == ref.token })
		if err == nil {
			err = x.unrefer(ctx, segmentGroup(id), entry.Field)
		}
		if err != nil {
			return swept, err
		}
		swept++
	}
	return swept, nil
}

// markGoing has a shard count no more, whatever becomes of its segment; false if
// the segment or the reference is another one now.
func (x *Index) markGoing(ctx context.Context, id string, s standing, entry Entry, record referenceRecord) (bool, error) {
	record.Going = true
	data, err := encode(record)
	if err != nil {
		return false, err
	}
	err = x.kv.Commit(ctx, segmentGroup(id), []Entry{{fieldSegment, s.segment}, entry}, []Entry{{entry.Field, data}})
	if errors.Is(err, ErrConflict) {
		return false, nil
	}
	return err == nil, err
}
