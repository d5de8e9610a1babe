package index

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/wallet"
)

// owning is a file on its way to be an owner's. It counts in Usage before it is, by
// a reference among the owner's objects, which lives as long as the ownership has its
// token.
type owning struct {
	x     *Index
	cid   string
	owner wallet.Address
	bytes int64
	fresh string // a token that counts; "": none was needed yet
	used  string // by the ownership
	old   string // by the one in whose place it came; "": none
}

// count has the file count under a new token. It takes no turn.
func (w *owning) count(ctx context.Context) error {
	if w.fresh != "" {
		return nil
	}
	token := newToken()
	err := w.x.attempt(ctx, objectsGroup(w.owner), func(t *txn) error {
		is := referenceRecord{V: version, Size: w.bytes, Since: stamp(time.Now())}
		return firstError(t.setRecord(fileRef(w.cid, token), is), tally(t, w.cid, Usage{}, is.usage()))
	})
	if err == nil {
		w.fresh = token
	}
	return err
}

// settle takes back what counts and is not needed.
func (w *owning) settle(ctx context.Context) error {
	var errs []error
	for _, token := range []string{w.fresh, w.old} {
		if token != w.used {
			errs = append(errs, w.x.uncount(ctx, w.owner, w.cid, token))
		}
	}
	return errors.Join(errs...)
}

// uncount has a file count no more that is not an owner's any more, or never came to
// be.
func (x *Index) uncount(ctx context.Context, owner wallet.Address, cid, token string) error {
	if token == "" {
		return nil
	}
	return x.updatePart(ctx, objectsGroup(owner), cid, func(t *txn) error {
		field := fileRef(cid, token)
		values, err := t.get(field)
		if err != nil || values[0] == nil {
			return err
		}
		was, err := decode[referenceRecord](values[0])
		if err != nil {
			return fmt.Errorf("%s in %s: %w", field, t.group, err)
		}
		t.delete(field)
		return tally(t, cid, was.usage(), Usage{})
	})
}

// usage is what a file takes that is referred to as an owner's.
func (r referenceRecord) usage() Usage { return Usage{Bytes: r.Size, Objects: 1} }

// sweepOwned takes away what counts of an owner's files that are not the owner's.
func (x *Index) sweepOwned(ctx context.Context, group string, age time.Duration) (swept int, err error) {
	owner := wallet.Address(tagOf(group))
	for entry, err := range x.kv.Scan(ctx, group, prefixFile) {
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
		own, err := read[ownerRecord](ctx, x, fileGroup(ref.name), ownerField(owner))
		if errors.Is(err, ErrNotFound) || err == nil && own.Token != ref.token {
			err = x.uncount(ctx, owner, ref.name, ref.token)
			swept++
		}
		if err != nil {
			return swept, err
		}
	}
	return swept, nil
}

// countOwned has files count whose owners have had them since before they did.
func (x *Index) countOwned(ctx context.Context) error {
	for group, err := range x.kv.Groups(ctx, groupsFile) {
		if err != nil {
			return err
		}
		for entry, err := range x.kv.Scan(ctx, group, prefixOwner) {
			if err != nil {
				return err
			}
			own, err := decode[ownerRecord](entry.Value)
			if err != nil {
				return fmt.Errorf("%s in %s: %w", entry.Field, group, err)
			}
			if own.Token != "" {
				continue
			}
			if err := x.countOld(ctx, tagOf(group), own.Owner); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// countOld has one such file count.
func (x *Index) countOld(ctx context.Context, cid string, owner wallet.Address) error {
	f, err := x.File(ctx, cid)
	if err != nil {
		return err
	}
	w := &owning{x: x, cid: cid, owner: owner}
	err = x.update(ctx, fileGroup(cid), func(t *txn) error {
		values, err := t.get(ownerField(owner))
		if err != nil || values[0] == nil {
			return err
		}
		own, err := decode[ownerRecord](values[0])
		if w.used = own.Token; err != nil || own.Token != "" {
			return err
		}
		w.bytes = max(own.Takes, f.Size)
		if err := w.count(ctx); err != nil {
			return err
		}
		own.Token, w.used = w.fresh, w.fresh
		return t.setRecord(ownerField(owner), own)
	})
	if err != nil {
		return err
	}
	return w.settle(ctx)
}
