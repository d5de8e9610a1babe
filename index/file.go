package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/filetao/filetao/wallet"
)

// PutFile records a file and its first owner, or adds the owner to a file that
// is known already; an owner known already gets the new payload and ttl. The
// first file stays as it is: a gateway whose chunks may have been stored in
// vain (two gateways, one CID) reads File afterwards and compares. The file is
// visible, whole, only once everything is written.
func (x *Index) PutFile(ctx context.Context, f File, o Ownership) error {
	f.Stored, o.Stored = stamp(f.Stored), stamp(o.Stored)
	if err := firstError(f.check(), o.check()); err != nil {
		return err
	}
	token, referred, created := newToken(), false, false
	w := &owning{x: x, cid: f.CID, owner: o.Owner, bytes: max(o.Takes, f.Size)}
	err := x.update(ctx, fileGroup(f.CID), func(t *txn) error {
		known, err := w.add(t, o, ownersRecord{V: version, Token: token})
		if created = !known; err != nil || known {
			return err
		}
		if !referred {
			referred = true
			if err := x.referChunks(ctx, f, token); err != nil {
				return err
			}
		}
		return t.setRecord(fieldFile, fileRecord{version, f})
	})
	if err == nil && referred && !created {
		err = x.unreferChunks(ctx, f, token)
	}
	if err != nil {
		return err
	}
	return w.settle(ctx)
}

// AddOwner adds an owner to a file that is known, or gives one known already
// the new payload and ttl; ErrNotFound if the file has gone.
func (x *Index) AddOwner(ctx context.Context, cid string, o Ownership) error {
	o.Stored = stamp(o.Stored)
	if err := firstError(checkCID(cid), o.check()); err != nil {
		return err
	}
	f, err := x.File(ctx, cid)
	if err != nil {
		return err
	}
	w := &owning{x: x, cid: cid, owner: o.Owner, bytes: max(o.Takes, f.Size)}
	err = x.update(ctx, fileGroup(cid), func(t *txn) error {
		known, err := w.add(t, o, ownersRecord{})
		if err == nil && !known {
			err = fmt.Errorf("%w: file %s", ErrNotFound, cid)
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.settle(ctx)
}

// add writes an ownership, and counts it if it is new. It begins with first, if
// that is anything, where the file is not known yet.
func (w *owning) add(t *txn, o Ownership, first ownersRecord) (known bool, err error) {
	values, err := t.get(fieldOwners, ownerField(o.Owner))
	if err != nil {
		return false, err
	}
	owners := first
	if known = values[0] != nil; known {
		if owners, err = decode[ownersRecord](values[0]); err != nil {
			return known, err
		}
	}
	if owners.Token == "" {
		return false, nil
	}
	next := ownerRecord{V: version, Ownership: o}
	w.old = ""
	if known && values[1] != nil {
		before, err := decode[ownerRecord](values[1])
		if err != nil {
			return known, err
		}
		if w.old = before.Token; before.Takes == o.Takes {
			next.Token = before.Token
		}
	}
	if next.Token == "" {
		if err := w.count(t.ctx); err != nil {
			return known, err
		}
		next.Token = w.fresh
	}
	w.used = next.Token
	if !known || values[1] == nil {
		owners.Owners++
		if err := t.setRecord(fieldOwners, owners); err != nil {
			return known, err
		}
	}
	return known, t.setRecord(ownerField(o.Owner), next)
}

func (x *Index) referChunks(ctx context.Context, f File, token string) error {
	for hash, size := range f.distinct() {
		if err := x.refer(ctx, datumGroup(User, hash), fileRef(f.CID, token), size); err != nil {
			return err
		}
	}
	return nil
}

func (x *Index) unreferChunks(ctx context.Context, f File, token string) error {
	for hash := range f.distinct() {
		if err := x.unrefer(ctx, datumGroup(User, hash), fileRef(f.CID, token)); err != nil {
			return err
		}
	}
	return nil
}

// distinct is the sizes of a file's chunks by their hashes.
func (f File) distinct() map[string]int64 {
	sizes := make(map[string]int64, len(f.Chunks))
	for _, c := range f.Chunks {
		sizes[c.Hash] = c.Size
	}
	return sizes
}

// File returns a file, or ErrNotFound.
func (x *Index) File(ctx context.Context, cid string) (File, error) {
	if err := checkCID(cid); err != nil {
		return File{}, err
	}
	r, err := read[fileRecord](ctx, x, fileGroup(cid), fieldFile)
	return r.File, err
}

// Ownership returns what one owner told of a file, or ErrNotFound.
func (x *Index) Ownership(ctx context.Context, cid string, owner wallet.Address) (Ownership, error) {
	if err := firstError(checkCID(cid), checkAddress(owner)); err != nil {
		return Ownership{}, err
	}
	r, err := read[ownerRecord](ctx, x, fileGroup(cid), ownerField(owner))
	return r.Ownership, err
}

// Owners returns all ownerships of a file by ascending address, or ErrNotFound
// if there is no such file.
func (x *Index) Owners(ctx context.Context, cid string) ([]Ownership, error) {
	if err := checkCID(cid); err != nil {
		return nil, err
	}
	found := map[wallet.Address]Ownership{}
	for entry, err := range x.kv.Scan(ctx, fileGroup(cid), prefixOwner) {
		if err != nil {
			return nil, err
		}
		r, err := decode[ownerRecord](entry.Value)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", entry.Field, cid, err)
		}
		found[r.Owner] = r.Ownership
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: file %s", ErrNotFound, cid)
	}
	owners := make([]Ownership, 0, len(found))
	for _, o := range found {
		owners = append(owners, o)
	}
	slices.SortFunc(owners, func(a, b Ownership) int { return strings.Compare(string(a.Owner), string(b.Owner)) })
	return owners, nil
}

// RemoveOwner takes an owner from a file, or returns ErrNotFound if it is none
// of its owners. With the last owner the file itself goes and is returned: the
// caller deletes those of its chunks for which ChunkFiles is then empty. When
// the error comes after that (references left behind, see Sweep) gone is set
// beside it.
func (x *Index) RemoveOwner(ctx context.Context, cid string, owner wallet.Address) (gone *File, err error) {
	return x.removeOwner(ctx, cid, owner, func(Ownership) bool { return true })
}

// ExpireOwner is RemoveOwner for an ownership that is expired at a time; one
// that was renewed since the caller looked stays.
func (x *Index) ExpireOwner(ctx context.Context, cid string, owner wallet.Address, now time.Time) (gone *File, err error) {
	return x.removeOwner(ctx, cid, owner, func(o Ownership) bool { return o.Expired(now) })
}

func (x *Index) removeOwner(ctx context.Context, cid string, owner wallet.Address, due func(Ownership) bool) (gone *File, err error) {
	if err := firstError(checkCID(cid), checkAddress(owner)); err != nil {
		return nil, err
	}
	var token, counts string
	err = x.update(ctx, fileGroup(cid), func(t *txn) error {
		gone, counts = nil, ""
		values, err := t.get(fieldOwners, ownerField(owner))
		if err != nil {
			return err
		}
		if values[0] == nil || values[1] == nil {
			return fmt.Errorf("%w: owner %s of file %s", ErrNotFound, owner, cid)
		}
		owners, err := decode[ownersRecord](values[0])
		if err != nil {
			return err
		}
		own, err := decode[ownerRecord](values[1])
		if err != nil || !due(own.Ownership) {
			return err
		}
		counts = own.Token
		t.delete(ownerField(owner))
		if owners.Owners--; owners.Owners > 0 {
			return t.setRecord(fieldOwners, owners)
		}
		// The file never changes under one token, so it needs no condition.
		f, err := x.File(ctx, cid)
		if errors.Is(err, ErrNotFound) {
			return nil // gone since; the commit will say so
		} else if err != nil {
			return err
		}
		gone, token = &f, owners.Token
		t.delete(fieldOwners)
		t.delete(fieldFile)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = x.uncount(ctx, owner, cid, counts)
	if gone == nil {
		return nil, err
	}
	return gone, errors.Join(err, x.unreferChunks(ctx, *gone, token))
}

// Files yields every file, in no promised order; one may come twice if files
// are added and removed meanwhile.
func (x *Index) Files(ctx context.Context) iter.Seq2[File, error] {
	return each(x, ctx, groupsFile, x.File)
}

// ChunkFiles returns the CIDs of the files a chunk belongs to, ascending, each
// once; none is no error.
func (x *Index) ChunkFiles(ctx context.Context, hash string) ([]string, error) {
	if err := checkHash(hash); err != nil {
		return nil, err
	}
	return x.living(ctx, datumGroup(User, hash), prefixFile, x.fileLives)
}

// fileLives reports whether a reference's file is there.
func (x *Index) fileLives(ctx context.Context, ref reference) (bool, error) {
	owners, err := read[ownersRecord](ctx, x, fileGroup(ref.name), fieldOwners)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return owners.Token == ref.token, err
}

// living returns the names of a group's references that lead to a truth.
func (x *Index) living(ctx context.Context, group, prefix string, lives func(context.Context, reference) (bool, error)) ([]string, error) {
	var names []string
	for entry, err := range x.kv.Scan(ctx, group, prefix) {
		if err != nil {
			return nil, err
		}
		ref, err := parseReference(entry.Field)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", group, err)
		}
		ok, err := lives(ctx, ref)
		if err != nil {
			return nil, err
		}
		if ok {
			names = append(names, ref.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// each yields what get finds under the tag of every group with a prefix.
func each[T any](x *Index, ctx context.Context, prefix string, get func(context.Context, string) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for group, err := range x.kv.Groups(ctx, prefix) {
			if err != nil {
				yield(none, err)
				return
			}
			v, err := get(ctx, tagOf(group))
			if errors.Is(err, ErrNotFound) {
				continue // removed meanwhile
			}
			if !yield(v, err) {
				return
			}
		}
	}
}
