package index

import (
	"context"
	"time"
)

// Sweep takes away what crashed or failed writers left behind, as far as it is
// older than age: references without a truth, and audit records without a
// holding, which are never shown, so that it is only about space; and, what nobody
// may have gone on with, segments that no object and no upload refers to, and the
// shards of segments that are not there, which become drops. Drops whose time is
// over go too, what is left of objects that were removed, and, not counted, what
// ends of segments have left. age must be well above the longest time a Put may take,
// and than that between a segment's and its shards' (an hour is plenty); while an
// import is under way do not sweep. It returns how many it took away.
func (x *Index) Sweep(ctx context.Context, age time.Duration) (int, error) {
	swept := 0
	for o, err := range x.Left(ctx) {
		if err == nil {
			err = x.EndLeft(ctx, o, age, func(drops []Drop) { swept += len(drops) })
		}
		if err != nil {
			return swept, err
		}
	}
	for prefix, sweep := range map[string]func(group string) (int, error){
		groupsChunk:  func(group string) (int, error) { return x.sweepDatum(ctx, User, group, age) },
		groupsRandom: func(group string) (int, error) { return x.sweepDatum(ctx, Random, group, age) },
		groupsSegment: func(group string) (int, error) {
			e, err := x.endAll(ctx, []string{tagOf(group)}, age, age)
			if err == nil {
				err = x.sweepEnded(ctx, group, age)
			}
			return e.swept, err
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
	n, err = x.sweepUsage(ctx, age)
	if swept += n; err != nil {
		return swept, err
	}
	n, err = x.sweepDrops(ctx)
	if swept += n; err != nil {
		return swept, err
	}
	n, err = x.sweepGone(ctx)
	if swept += n; err != nil {
		return swept, err
	}
	return swept, x.sweepNews(ctx)
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

// standing is a segment's group as somebody found it who is about to end it.
type standing struct {
	segment, latest []byte  // fields; nil if the segment is not there
	needed, lives   bool    // by an object or upload; without lives only by what is perhaps being put
	dead            []Entry // references of objects and uploads that are none
	shards          []Entry // references of shards
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
		if entry.Field == fieldSegment || entry.Field == fieldLatest || entry.Field == fieldEnded {
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
			s.needed, s.lives = true, s.lives || lives
		default:
			s.dead = append(s.dead, entry)
		}
	}
	return s, nil
}
