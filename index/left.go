package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// leave notes segments that an object of that CID has no more, in the commit that
// makes it so: nobody needs them any more, as far as the object is concerned.
func leave(t *txn, cid string, segments []string) error {
	if len(segments) == 0 {
		return nil
	}
	list, err := packIDs(segments)
	if err != nil {
		return err
	}
	values, err := t.get(leftField(cid))
	if err != nil {
		return err
	}
	// What does not fit beside it Sweep ends in the end.
	if all := merged(values[0], list); len(all) <= MaxValue {
		list = all
	}
	t.set(leftField(cid), list)
	return nil
}

// merged are the packed IDs of two lists, each once.
func merged(a, b []byte) []byte {
	size := len(proof.Digest{})
	all, seen := make([]byte, 0, len(a)+len(b)), map[proof.Digest]bool{}
	for d := range slices.Chunk(slices.Concat(a, b), size) {
		if len(d) == size && !seen[proof.Digest(d)] {
			seen[proof.Digest(d)] = true
			all = append(all, d...)
		}
	}
	return all
}

// Left yields the names of the objects, gone or replaced, that have left segments
// behind, in no promised order: EndLeft ends these. One may come twice.
func (x *Index) Left(ctx context.Context) iter.Seq2[ObjectName, error] {
	return func(yield func(ObjectName, error) bool) {
		for group, err := range x.kv.Groups(ctx, groupsObjects) {
			if err != nil {
				yield(ObjectName{}, err)
				return
			}
			for entry, err := range x.kv.Scan(ctx, group, prefixLeft) {
				cid := strings.TrimPrefix(entry.Field, prefixLeft)
				if !yield(ObjectName{wallet.Address(tagOf(group)), cid}, err) || err != nil {
					return
				}
			}
		}
	}
}

// EndLeft ends the segments that an owner's objects of a CID have left behind, as
// EndSegments does, some at a time, and calls ended (which may be nil) with each
// time's drops. Stopped in the middle it is simply done again. Those that are not
// settled yet stay listed.
func (x *Index) EndLeft(ctx context.Context, o ObjectName, age time.Duration, ended func([]Drop)) error {
	if err := firstError(checkAddress(o.Owner), checkCID(o.CID)); err != nil {
		return err
	}
	group, field := objectsGroup(o.Owner), leftField(o.CID)
	for range maxTries {
		values, err := x.kv.Get(ctx, group, field)
		if err != nil || values[0] == nil {
			return err
		}
		ids, err := unpackIDs(values[0], len(values[0])/len(proof.Digest{}))
		if err != nil {
			return fmt.Errorf("%s in %s: %w", field, group, err)
		}
		list, err := x.endList(ctx, ids, age, ended)
		if err != nil || bytes.Equal(list, values[0]) {
			return err
		}
		err = x.kv.Commit(ctx, group, []Entry{{field, values[0]}}, []Entry{{field, list}})
		if !errors.Is(err, ErrConflict) { // another object has left more meanwhile
			return err
		}
	}
	return fmt.Errorf("%w: %s in %s, %d times", ErrConflict, field, group, maxTries)
}

// endList ends segments and returns those that are not settled, packed; nil for
// none.
func (x *Index) endList(ctx context.Context, ids []string, age time.Duration, ended func([]Drop)) ([]byte, error) {
	var unsettled []string
	for batch := range slices.Chunk(ids, endAtOnce) {
		drops, open, err := x.EndSegments(ctx, batch, age)
		if ended != nil && len(drops) > 0 {
			ended(drops)
		}
		if err != nil {
			return nil, err
		}
		unsettled = append(unsettled, open...)
	}
	if len(unsettled) == 0 {
		return nil, nil
	}
	return packIDs(unsettled)
}
