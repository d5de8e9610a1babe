package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/filetao/filetao/wallet"
)

const (
	// Grave is for how long after its end it is known of an object that it was
	// removed.
	Grave = 24 * time.Hour
	// Presumed is for how long an object without segments is taken to be kept by who
	// has nothing but its manifest. It is known for so long that it was removed.
	Presumed = 30 * 24 * time.Hour
)

// Gone is what is left of an object that was removed, so that nobody who finds it
// somewhere brings it back.
type Gone struct {
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`    // Grave after all that was ever promised of it has ended; zero: never
	Manifest []byte    `json:"manifest"` // SHA-256 of its manifest
}

// Matters reports whether anything of the object may still be found somewhere that
// has not ended.
func (g *Gone) Matters(now time.Time) bool {
	return g != nil && (g.Until.IsZero() || now.Before(g.Until))
}

type goneRecord struct {
	V int `json:"v"`
	Gone
}

func (r goneRecord) check() error {
	if len(r.Manifest) != sha256.Size {
		return fmt.Errorf("%w: a manifest's digest of %d bytes", ErrInvalid, len(r.Manifest))
	}
	return checkVersion(r.V)
}

// changeRecord marks an object that is to be backed up, or that it is gone. It is
// written with every change of the object, in the same commit.
type changeRecord struct {
	V     int       `json:"v"`
	Since time.Time `json:"since"`
	Token string    `json:"token"` // another one with every change
}

func (r changeRecord) check() error { return firstError(checkVersion(r.V), checkToken(r.Token)) }

// changed marks an object in the commit that changes it.
func (t *txn) changed(cid string) error {
	mark, err := encode(changeRecord{version, stamp(time.Now()), newToken()})
	if err == nil {
		t.mark = mark
		t.set(changeField(cid), mark)
	}
	return err
}

// bury leaves what is left of an object in the commit that removes it.
func (t *txn) bury(o objectRecord) error {
	return firstError(t.note(o, stamp(time.Now())), t.changed(o.CID))
}

// note has it be known that an object, as it is, counts no more from a time on, for
// as long as it was promised.
func (t *txn) note(o objectRecord, at time.Time) error {
	values, err := t.get(manifestField(o.CID), goneField(o.CID))
	if err != nil {
		return err
	}
	if len(values[0]) <= SignatureSize {
		return fmt.Errorf("%w: manifest of %s in %s", ErrCorrupt, o.CID, t.group)
	}
	digest := sha256.Sum256(values[0][SignatureSize:])
	gone := goneRecord{version, Gone{At: at, Manifest: digest[:]}}
	if o.TTL > 0 {
		life := o.TTL
		if o.Count == 0 {
			life = max(life, Presumed)
		}
		gone.Until = stamp(o.Stored.Add(life + Grave))
	}
	if values[1] != nil {
		before, err := decode[goneRecord](values[1])
		if err != nil {
			return fmt.Errorf("%s in %s: %w", goneField(o.CID), t.group, err)
		}
		if before.Until.IsZero() || !gone.Until.IsZero() && before.Until.After(gone.Until) {
			gone.Until = before.Until
		}
	}
	return t.setRecord(goneField(o.CID), gone)
}

// Known is what is known of an object at one moment, be it there or not.
type Known struct {
	ObjectName
	Object  *Object // without its segments; nil: it is not there
	Gone    *Gone   // its last removal, also if it was put again since; nil: none is known
	Changed bool    // since it was backed up: see Changes
}

// Known is what is known of an object; that nothing is, is no error.
func (x *Index) Known(ctx context.Context, name ObjectName) (Known, error) {
	k := Known{ObjectName: name}
	if err := firstError(checkAddress(name.Owner), checkCID(name.CID)); err != nil {
		return k, err
	}
	group := objectsGroup(name.Owner)
	values, err := x.kv.Get(ctx, group, objectField(name.CID), manifestField(name.CID), goneField(name.CID), changeField(name.CID))
	if err != nil {
		return k, err
	}
	k.Changed = values[3] != nil
	if values[0] != nil {
		r, err := decode[objectRecord](values[0])
		if err == nil && len(values[1]) <= SignatureSize {
			err = fmt.Errorf("%w: its manifest", ErrCorrupt)
		}
		if err != nil {
			return k, fmt.Errorf("object %s in %s: %w", name.CID, group, err)
		}
		k.Object = &r.Object
		k.Object.Signature, k.Object.Manifest = bytes.Clone(values[1][:SignatureSize]), values[1][SignatureSize:]
	}
	if values[2] != nil {
		r, err := decode[goneRecord](values[2])
		if err != nil {
			return k, fmt.Errorf("%s in %s: %w", goneField(name.CID), group, err)
		}
		k.Gone = &r.Gone
	}
	return k, nil
}

// PutGone notes that an object was removed, or has ended, in another life of the
// index, unless a removal is known already. It is a change that is to be backed up if
// it is not yet.
func (x *Index) PutGone(ctx context.Context, name ObjectName, g Gone, backedUp bool) error {
	g.At, g.Until = stamp(g.At), stamp(g.Until)
	r := goneRecord{version, g}
	if err := firstError(checkAddress(name.Owner), checkCID(name.CID), r.check()); err != nil {
		return err
	}
	t, field := &txn{}, goneField(name.CID)
	err := t.setRecord(field, r)
	if err == nil && !backedUp {
		err = t.changed(name.CID)
	}
	if err != nil {
		return err
	}
	err = x.kv.Commit(ctx, objectsGroup(name.Owner), []Entry{{Field: field}}, t.then)
	if errors.Is(err, ErrConflict) {
		return nil
	} else if err != nil {
		return err
	}
	return x.announce(ctx, name, t.mark)
}

// Change is an object that was put, renewed or removed since BackedUp was told that
// it is backed up. What it is now Known says, if it is asked afterwards.
type Change struct {
	ObjectName
	Since time.Time // of the latest change

	mark []byte
}

// Changes yields the objects that are to be backed up, each at its owner's, in no
// promised order.
func (x *Index) Changes(ctx context.Context) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for group, err := range x.kv.Groups(ctx, groupsObjects) {
			if err != nil {
				yield(Change{}, err)
				return
			}
			for entry, err := range x.kv.Scan(ctx, group, prefixChange) {
				if err != nil {
					yield(Change{}, err)
					return
				}
				name := ObjectName{wallet.Address(tagOf(group)), entry.Field[len(prefixChange):]}
				r, err := decode[changeRecord](entry.Value)
				if err != nil {
					err = fmt.Errorf("%s in %s: %w", entry.Field, group, err)
				}
				if !yield(Change{ObjectName: name, Since: r.Since, mark: entry.Value}, err) {
					return
				}
			}
		}
	}
}

// BackedUp forgets changes, but not those of objects that have changed again since.
func (x *Index) BackedUp(ctx context.Context, changes []Change) error {
	byGroup := map[string][]Entry{}
	for _, c := range changes {
		group := objectsGroup(c.Owner)
		byGroup[group] = append(byGroup[group], Entry{changeField(c.CID), c.mark})
	}
	if err := x.unmarkAll(ctx, byGroup); err != nil {
		return err
	}
	if x.finds() {
		return nil
	}
	return x.unmarkAll(ctx, newsBy(changes))
}

// unmarkAll takes away marks, by group, that are still the same.
func (x *Index) unmarkAll(ctx context.Context, byGroup map[string][]Entry) error {
	var groups []string
	var parts [][]Entry
	for group, marks := range byGroup {
		for len(marks) > 0 {
			n := min(page, len(marks))
			groups, parts, marks = append(groups, group), append(parts, marks[:n]), marks[n:]
		}
	}
	return forEach(ctx, groups, func(ctx context.Context, i int, group string) error { return x.unmark(ctx, group, parts[i]) })
}

// unmark takes away the marks that are still the same.
func (x *Index) unmark(ctx context.Context, group string, marks []Entry) error {
	for range maxTries {
		fields, then := make([]string, len(marks)), make([]Entry, len(marks))
		for i, m := range marks {
			fields[i], then[i].Field = m.Field, m.Field
		}
		err := x.kv.Commit(ctx, group, marks, then)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		now, err := x.kv.Get(ctx, group, fields...)
		if err != nil {
			return err
		}
		var same []Entry
		for i, m := range marks {
			if bytes.Equal(now[i], m.Value) {
				same = append(same, m)
			}
		}
		if marks = same; len(marks) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: %s, %d times", ErrConflict, group, maxTries)
}

// ChangeAll has all objects be backed up anew, and what is known of those that are
// gone.
func (x *Index) ChangeAll(ctx context.Context) error {
	for group, err := range x.kv.Groups(ctx, groupsObjects) {
		if err != nil {
			return err
		}
		for _, prefix := range []string{prefixObject, prefixGone} {
			t := &txn{}
			for entry, err := range x.kv.Scan(ctx, group, prefix) {
				if err == nil {
					err = t.changed(entry.Field[len(prefix):])
				}
				if err == nil && len(t.then) == page {
					err = x.kv.Commit(ctx, group, nil, t.then)
					t.then = nil
				}
				if err != nil {
					return err
				}
			}
			if len(t.then) > 0 {
				if err := x.kv.Commit(ctx, group, nil, t.then); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// sweepGone forgets removals that do not matter any more, and changes of what nothing
// is known of.
func (x *Index) sweepGone(ctx context.Context) (swept int, err error) {
	for group, err := range x.kv.Groups(ctx, groupsObjects) {
		if err != nil {
			return swept, err
		}
		for entry, err := range x.kv.Scan(ctx, group, prefixGone) {
			if err != nil {
				return swept, err
			}
			r, err := decode[goneRecord](entry.Value)
			if err != nil {
				return swept, fmt.Errorf("%s in %s: %w", entry.Field, group, err)
			}
			if r.Matters(time.Now()) {
				continue
			}
			// A mark that comes without the object and this is of a removal.
			cid := entry.Field[len(prefixGone):]
			values, err := x.kv.Get(ctx, group, objectField(cid), changeField(cid))
			if err != nil {
				return swept, err
			}
			when, then := []Entry{entry}, []Entry{{Field: entry.Field}}
			if values[0] == nil {
				when = append(when, Entry{Field: objectField(cid)}, Entry{changeField(cid), values[1]})
				then = append(then, Entry{Field: changeField(cid)})
			}
			err = x.kv.Commit(ctx, group, when, then)
			if errors.Is(err, ErrConflict) {
				continue // changed meanwhile
			} else if err != nil {
				return swept, err
			}
			swept++
		}
	}
	return swept, nil
}
