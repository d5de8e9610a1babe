package index

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Life is a segment's time between two of its ends, as Index.Life has found it; the
// zero value stands for any. Who has miners hold shards of a segment looks at it
// before the first of them can have signed, and puts segment and shards only as long
// as it goes on: once the segment has ended its miners are told to drop what they
// have, which may be what they were given for this put.
type Life struct {
	known bool
	ended string // the field as it was; "": none
}

// endedRecord is another one with each end of a segment. It stays when the segment
// has gone, and goes with a Sweep.
type endedRecord struct {
	V     int       `json:"v"`
	Token string    `json:"ended"`
	At    time.Time `json:"at"` // says when it may be swept, and nothing else
}

func (r endedRecord) check() error { return firstError(checkVersion(r.V), checkToken(r.Token)) }

// over reports whether a field shows that the segment has ended since. That the end
// was swept which was seen is none.
func (l Life) over(ended []byte) bool { return l.known && ended != nil && string(ended) != l.ended }

// Life is a segment's now, whether it is there or not.
func (x *Index) Life(ctx context.Context, id string) (Life, error) {
	ended, err := x.ended(ctx, id)
	return Life{known: true, ended: string(ended)}, err
}

// CheckLife is ErrEnded when a segment has ended since.
func (x *Index) CheckLife(ctx context.Context, id string, l Life) error {
	if !l.known {
		return nil
	}
	ended, err := x.ended(ctx, id)
	if err == nil && l.over(ended) {
		err = hasEnded(id)
	}
	return err
}

func hasEnded(id string) error { return fmt.Errorf("%w: %s", ErrEnded, id) }

// ended is what a segment's latest end has left; nil for nothing.
func (x *Index) ended(ctx context.Context, id string) ([]byte, error) {
	if err := checkHash(id); err != nil {
		return nil, err
	}
	data, err := x.getOne(ctx, segmentGroup(id), fieldEnded)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		_, err = decode[endedRecord](data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", fieldEnded, segmentGroup(id), err)
	}
	return data, nil
}

// end is what an end leaves.
func end() (Entry, error) {
	data, err := encode(endedRecord{version, newToken(), stamp(time.Now())})
	return Entry{fieldEnded, data}, err
}

// referShard is refer for a shard, in a segment's life. Who ends the segment at the
// same time sees the reference, or it is refused: it changes latest.
func (x *Index) referShard(ctx context.Context, l Life, h Holding, token string) error {
	group, field := segmentGroup(h.Hash), holderRef(h.Holder, token)
	if !l.known {
		return x.refer(ctx, group, field, h.Size)
	}
	return x.attempt(ctx, group, func(t *txn) error {
		values, err := t.get(fieldEnded)
		if err != nil {
			return err
		}
		if l.over(values[0]) {
			return hasEnded(h.Hash)
		}
		ref := referenceRecord{V: version, Size: h.Size, Since: stamp(time.Now())}
		return firstError(t.setRecord(field, ref), t.setRecord(fieldLatest, latestRecord{version, newToken()}))
	})
}

// sweepEnded takes away what the end of a segment has left that is older than age.
func (x *Index) sweepEnded(ctx context.Context, group string, age time.Duration) error {
	data, err := x.ended(ctx, tagOf(group))
	if err != nil || data == nil {
		return err
	}
	r, err := decode[endedRecord](data)
	if err != nil || time.Since(r.At) < age {
		return err
	}
	err = x.kv.Commit(ctx, group, []Entry{{fieldEnded, data}}, []Entry{{Field: fieldEnded}})
	if errors.Is(err, ErrConflict) {
		return nil // it has ended again
	}
	return err
}
