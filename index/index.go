package index

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"time"
)

// Index is the methods of the package over a KV. It is safe for concurrent
// use, and for use beside other processes on the same store.
type Index struct {
	kv   KV
	seed maphash.Seed
	// turns lets one goroutine at a time change a group, or a part of it that
	// changes by itself, so that only other processes can make an update try
	// again.
	turns [256]chan struct{}
}

// New makes an index over a store, which Close closes.
func New(kv KV) *Index {
	x := &Index{kv: kv, seed: maphash.MakeSeed()}
	for i := range x.turns {
		x.turns[i] = make(chan struct{}, 1)
	}
	return x
}

// Close closes the store.
func (x *Index) Close() error { return x.kv.Close() }

// Room is ErrFull if the store's disk has less room than is to stay free, as far as
// that is known: whoever is about to put something large or lasting asks first, while
// what makes room again still can be written.
func (x *Index) Room() error {
	if kv, ok := x.kv.(interface{ room() error }); ok {
		return kv.room()
	}
	return nil
}

// txn is one try to change a group: what it read is the commit's condition.
type txn struct {
	ctx   context.Context
	kv    KV
	group string
	when  []Entry
	then  []Entry
	mark  []byte // of the change of an object that it makes, if it makes one
}

// get reads fields, once each: what the transaction changes is not seen.
func (t *txn) get(fields ...string) ([][]byte, error) {
	values, err := t.kv.Get(t.ctx, t.group, fields...)
	if err != nil {
		return nil, err
	}
	for i, field := range fields {
		t.when = append(t.when, Entry{field, values[i]})
	}
	return values, nil
}

func (t *txn) set(field string, value []byte) { t.then = append(t.then, Entry{field, value}) }
func (t *txn) delete(field string)            { t.then = append(t.then, Entry{Field: field}) }

// setRecord encodes a record and sets a field to it.
func (t *txn) setRecord(field string, record any) error {
	data, err := encode(record)
	if err != nil {
		return err
	}
	t.set(field, data)
	return nil
}

const (
	maxTries  = 64
	maxPause  = 64 * time.Millisecond
	firstWait = time.Millisecond
)

// update runs fn until what it read is still so when it is committed. fn may
// run several times. It must not commit to the same group itself, and change
// others only by what takes no turn.
func (x *Index) update(ctx context.Context, group string, fn func(*txn) error) error {
	return x.updatePart(ctx, group, "", fn)
}

// updatePart is update for changes of a group that depend on nothing that those
// of its other parts change, so that many go on at once.
func (x *Index) updatePart(ctx context.Context, group, part string, fn func(*txn) error) error {
	turn := x.turns[maphash.String(x.seed, group+part)%uint64(len(x.turns))]
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return x.attempt(ctx, group, fn)
}

// attempt is update without a turn, where few write to a group.
func (x *Index) attempt(ctx context.Context, group string, fn func(*txn) error) error {
	for try := range maxTries {
		if err := pause(ctx, try); err != nil {
			return err
		}
		t := &txn{ctx: ctx, kv: x.kv, group: group}
		err := fn(t)
		if errors.Is(err, ErrCorrupt) {
			// Values read one after another may not belong together: a commit
			// of nothing tells.
			if stale := x.kv.Commit(ctx, group, t.when, nil); errors.Is(stale, ErrConflict) {
				continue
			}
		}
		if err != nil {
			return err
		}
		if len(t.then) == 0 {
			return nil
		}
		if err := x.kv.Commit(ctx, group, t.when, t.then); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%w: %s, %d times", ErrConflict, group, maxTries)
}

// pause waits a random, growing while before every try but the first.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return ctx.Err()
	}
	limit := min(maxPause, firstWait<<min(try, 16))
	timer := time.NewTimer(rand.N(limit))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// getOne reads one field; ErrNotFound if it does not exist.
func (x *Index) getOne(ctx context.Context, group, field string) ([]byte, error) {
	values, err := x.kv.Get(ctx, group, field)
	if err != nil {
		return nil, err
	}
	if values[0] == nil {
		return nil, fmt.Errorf("%w: %s in %s", ErrNotFound, field, group)
	}
	return values[0], nil
}

// read is getOne and decode.
func read[T interface{ check() error }](ctx context.Context, x *Index, group, field string) (T, error) {
	data, err := x.getOne(ctx, group, field)
	if err != nil {
		var none T
		return none, err
	}
	v, err := decode[T](data)
	if err != nil {
		return v, fmt.Errorf("%s in %s: %w", field, group, err)
	}
	return v, nil
}
