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

// Object is a file as its owner signed it. The index does not look into its
// manifest.
type Object struct {
	Owner     wallet.Address `json:"owner"`
	CID       string         `json:"cid"`
	Size      int64          `json:"size"`             // bytes
	Takes     int64          `json:"takes,omitempty"`  // bytes on all disks; what is below Size means Size
	Upload    string         `json:"upload,omitempty"` // that it came with, 16 bytes in hex; "": none
	Stored    time.Time      `json:"stored"`
	TTL       time.Duration  `json:"ttl_ns"` // 0: for ever
	Manifest  []byte         `json:"-"`      // up to MaxValue bytes with the signature
	Signature []byte         `json:"-"`      // the owner's over the manifest, SignatureSize bytes
	Segments  []string       `json:"-"`      // their IDs, in order; PutObject takes them apart
	BackedUp  bool           `json:"-"`      // PutObject is told that it is: see Changes
	Lives     []Life         `json:"-"`      // that PutObject is to find the segments in, in order; none: in any
}

// SignatureSize is the length of an object's signature, in bytes.
const SignatureSize = 64

// Expired reports whether the object's time is over.
func (o Object) Expired(now time.Time) bool { return expired(o.Stored, o.TTL, now) }

// Outlasts reports whether the object is kept longer than from stored on for ttl
// (0: for ever).
func (o Object) Outlasts(stored time.Time, ttl time.Duration) bool {
	return ttl > 0 && (o.TTL <= 0 || o.Stored.Add(o.TTL).After(stored.Add(ttl)))
}

// objectRecord is an object without what stands beside it: the manifest, and the
// segments, which never change under one token.
type objectRecord struct {
	V int `json:"v"`
	Object
	Count int    `json:"segments"`
	Token string `json:"token"`
}

func (r objectRecord) check() error {
	if r.Count < 0 || r.Count > MaxSegments {
		return fmt.Errorf("%w: %d segments", ErrInvalid, r.Count)
	}
	return firstError(checkVersion(r.V), r.Object.check(), checkToken(r.Token))
}

func (o Object) check() error {
	if o.Upload != "" && checkUpload(o.Upload) != nil {
		return checkUpload(o.Upload)
	}
	return firstError(checkAddress(o.Owner), checkCID(o.CID), checkSize(o.Size), checkTTL(o.TTL))
}

// checkNew is check for an object with its manifest and the IDs of its segments.
func (o Object) checkNew(segments []string) error {
	if len(o.Manifest) == 0 || len(o.Manifest) > MaxValue-SignatureSize || len(o.Signature) != SignatureSize {
		return fmt.Errorf("%w: manifest of %d bytes, signature of %d", ErrInvalid, len(o.Manifest), len(o.Signature))
	}
	if len(segments) > MaxSegments || len(o.Lives) > 0 && len(o.Lives) != len(segments) {
		return fmt.Errorf("%w: %d segments, %d lives of them", ErrInvalid, len(segments), len(o.Lives))
	}
	for _, id := range segments {
		if err := checkHash(id); err != nil {
			return err
		}
	}
	return o.check()
}

// packIDs is segments' IDs one after another, 32 bytes each.
func packIDs(ids []string) ([]byte, error) {
	packed := make([]byte, 0, len(ids)*len(proof.Digest{}))
	for _, id := range ids {
		d, err := proof.ParseDigest(id)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		packed = append(packed, d[:]...)
	}
	return packed, nil
}

func unpackIDs(packed []byte, count int) ([]string, error) {
	if len(packed) != count*len(proof.Digest{}) {
		return nil, fmt.Errorf("%w: %d segments in %d bytes", ErrCorrupt, count, len(packed))
	}
	var ids []string
	for d := range slices.Chunk(packed, len(proof.Digest{})) {
		ids = append(ids, proof.Digest(d).String())
	}
	return ids, nil
}

// PutObject records an object, whole and at once, in the place of the owner's
// object of the same CID if there is one, and ends the upload that it came with.
// It is kept as long as it says or as long as that one was, whichever ends later.
// Its segments, of which there may be none, must be there, or it is ErrNotFound, and
// in its Lives, if it has any, or it is ErrEnded.
// gone are those that the object before had and this one has not: the caller ends
// them (EndLeft, EndSegment). When the error comes after the object is there (references
// left behind, see Sweep; the upload not ended) gone is set beside it, if only to
// an empty list.
func (x *Index) PutObject(ctx context.Context, o Object, segments []string) (gone []string, err error) {
	o.Stored, o.Segments = stamp(o.Stored), nil
	if err := o.checkNew(segments); err != nil {
		return nil, err
	}
	packed, err := packIDs(segments)
	if err != nil {
		return nil, err
	}
	token, referred := newToken(), false
	lead, err := x.uploadLead(ctx, o.Owner, o.Upload)
	if err != nil {
		return nil, err
	}
	var old, next objectRecord
	var before []string
	var mark []byte
	err = x.updatePart(ctx, objectsGroup(o.Owner), o.CID, func(t *txn) error {
		if old, before, err = x.objectIn(t, o.CID); err != nil {
			return err
		}
		next = objectRecord{V: version, Object: o, Count: len(segments), Token: token}
		if old.Token != "" && old.Outlasts(o.Stored, o.TTL) {
			next.Stored, next.TTL = old.Stored, old.TTL
		}
		if old.Token != "" && slices.Equal(before, segments) {
			next.Token = old.Token
		} else if !referred {
			referred = true
			if err := x.referObject(ctx, o, token, segments); err != nil {
				return err
			}
		}
		t.set(manifestField(o.CID), slices.Concat(o.Signature, o.Manifest))
		if len(segments) > 0 {
			t.set(partsField(o.CID), packed)
		} else if old.Count > 0 {
			t.delete(partsField(o.CID))
		}
		if lead != "" { // from here on the object counts, and not the upload
			t.delete(lead)
		}
		if !o.BackedUp {
			if err := t.changed(o.CID); err != nil {
				return err
			}
		}
		mark = t.mark
		return firstError(leave(t, o.CID, without(before, segments)), count(t, o.CID, old, next), t.setRecord(objectField(o.CID), next))
	})
	if err != nil {
		return nil, err
	}
	gone = without(before, segments)
	err = x.announce(ctx, ObjectName{o.Owner, o.CID}, mark)
	return gone, errors.Join(err, x.settleObject(ctx, next, old, before, token, segments))
}

// settleObject takes away what the object before, this one's tries, and its
// upload have left.
func (x *Index) settleObject(ctx context.Context, next, old objectRecord, before []string, token string, segments []string) error {
	var errs []error
	if next.Token != token {
		errs = append(errs, x.unreferObject(ctx, next.Object, token, segments))
	} else if old.Token != "" {
		errs = append(errs, x.unreferObject(ctx, old.Object, old.Token, before))
	}
	if next.Upload != "" {
		if _, err := x.DropUpload(ctx, next.Owner, next.Upload); !errors.Is(err, ErrNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// without is all but those that are among others; never nil.
func without(all, others []string) []string {
	among := make(map[string]bool, len(others))
	for _, s := range others {
		among[s] = true
	}
	left := []string{}
	for _, s := range all {
		if !among[s] {
			left = append(left, s)
		}
	}
	return left
}

// objectIn reads an object's record and segments; no token if there is none.
func (x *Index) objectIn(t *txn, cid string) (r objectRecord, segments []string, err error) {
	values, err := t.get(objectField(cid))
	if err != nil || values[0] == nil {
		return objectRecord{}, nil, err
	}
	if r, err = decode[objectRecord](values[0]); err != nil {
		return objectRecord{}, nil, fmt.Errorf("object %s in %s: %w", cid, t.group, err)
	}
	if r.Count == 0 {
		return r, nil, nil
	}
	// Under one token they never change, so they need no condition.
	if values, err = x.kv.Get(t.ctx, t.group, partsField(cid)); err != nil {
		return objectRecord{}, nil, err
	}
	segments, err = unpackIDs(values[0], r.Count)
	return r, segments, err
}

func (x *Index) referObject(ctx context.Context, o Object, token string, segments []string) error {
	return forEach(ctx, segments, func(ctx context.Context, i int, id string) error {
		var l Life
		if len(o.Lives) > 0 {
			l = o.Lives[i]
		}
		return x.referSegment(ctx, id, objectRef(o.Owner, o.CID, token), newToken(), 0, nil, l)
	})
}

func (x *Index) unreferObject(ctx context.Context, o Object, token string, segments []string) error {
	return forEach(ctx, segments, func(ctx context.Context, _ int, id string) error {
		return x.unrefer(ctx, segmentGroup(id), objectRef(o.Owner, o.CID, token))
	})
}

// Object returns an owner's object, or ErrNotFound.
func (x *Index) Object(ctx context.Context, owner wallet.Address, cid string) (Object, error) {
	if err := firstError(checkAddress(owner), checkCID(cid)); err != nil {
		return Object{}, err
	}
	values, err := x.kv.Get(ctx, objectsGroup(owner), objectField(cid), manifestField(cid), partsField(cid))
	if err != nil {
		return Object{}, err
	}
	if values[0] == nil {
		return Object{}, noObject(owner, cid)
	}
	r, err := decode[objectRecord](values[0])
	if err != nil {
		return Object{}, fmt.Errorf("object %s of %s: %w", cid, owner, err)
	}
	if len(values[1]) <= SignatureSize {
		return Object{}, fmt.Errorf("%w: manifest of %s of %s", ErrCorrupt, cid, owner)
	}
	o := r.Object
	o.Signature, o.Manifest = bytes.Clone(values[1][:SignatureSize]), values[1][SignatureSize:]
	o.Segments, err = unpackIDs(values[2], r.Count)
	return o, err
}

// ObjectSegments returns how many segments an owner's object has, or ErrNotFound.
func (x *Index) ObjectSegments(ctx context.Context, owner wallet.Address, cid string) (int, error) {
	if err := firstError(checkAddress(owner), checkCID(cid)); err != nil {
		return 0, err
	}
	r, err := read[objectRecord](ctx, x, objectsGroup(owner), objectField(cid))
	return r.Count, err
}

func noObject(owner wallet.Address, cid string) error {
	return fmt.Errorf("%w: object %s of %s", ErrNotFound, cid, owner)
}

// Objects returns an owner's objects by ascending CID, at most limit of them and
// from the first beyond after on; without their manifests, signatures and
// segments, which Object has.
func (x *Index) Objects(ctx context.Context, owner wallet.Address, after string, limit int) ([]Object, error) {
	if err := checkAddress(owner); err != nil {
		return nil, err
	}
	entries, err := x.page(ctx, objectsGroup(owner), prefixObject, after, limit)
	if err != nil {
		return nil, err
	}
	var all []Object
	for _, e := range entries {
		r, err := decode[objectRecord](e.Value)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", e.Field, owner, err)
		}
		all = append(all, r.Object)
	}
	return all, nil
}

// AllObjects yields every owner's objects as Objects has them, in no promised
// order; one may come twice if objects are added and removed meanwhile. Changing
// them inside the loop is allowed.
func (x *Index) AllObjects(ctx context.Context) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for group, err := range x.kv.Groups(ctx, groupsObjects) {
			if err != nil {
				yield(Object{}, err)
				return
			}
			for entry, err := range x.kv.Scan(ctx, group, prefixObject) {
				if err != nil {
					yield(Object{}, err)
					return
				}
				r, err := decode[objectRecord](entry.Value)
				if err != nil {
					err = fmt.Errorf("%s in %s: %w", entry.Field, group, err)
				}
				if !yield(r.Object, err) {
					return
				}
			}
		}
	}
}

// RenewObject has an object be kept from stored on for ttl, or as long as it is
// already if that ends later; ErrNotFound if there is none.
func (x *Index) RenewObject(ctx context.Context, owner wallet.Address, cid string, stored time.Time, ttl time.Duration) error {
	return x.renewObject(ctx, owner, cid, stored, ttl, false)
}

// ShortenObject is RenewObject that also has it end earlier than it would.
func (x *Index) ShortenObject(ctx context.Context, owner wallet.Address, cid string, stored time.Time, ttl time.Duration) error {
	return x.renewObject(ctx, owner, cid, stored, ttl, true)
}

func (x *Index) renewObject(ctx context.Context, owner wallet.Address, cid string, stored time.Time, ttl time.Duration, shorten bool) error {
	if err := firstError(checkAddress(owner), checkCID(cid), checkTTL(ttl)); err != nil {
		return err
	}
	var mark []byte
	err := x.updatePart(ctx, objectsGroup(owner), cid, func(t *txn) error {
		values, err := t.get(objectField(cid))
		if err != nil {
			return err
		}
		if values[0] == nil {
			return noObject(owner, cid)
		}
		r, err := decode[objectRecord](values[0])
		if err != nil {
			return fmt.Errorf("object %s of %s: %w", cid, owner, err)
		}
		if !shorten && r.Outlasts(stored, ttl) {
			return nil
		}
		if r.Outlasts(stored, ttl) { // what was promised before is still in backups
			if err := t.note(r, r.Stored); err != nil {
				return err
			}
		}
		r.Stored, r.TTL = stamp(stored), ttl
		err = firstError(t.changed(cid), t.setRecord(objectField(cid), r))
		mark = t.mark
		return err
	})
	if err != nil {
		return err
	}
	return x.announce(ctx, ObjectName{owner, cid}, mark)
}

// RemoveObject removes an object and returns what it was, without its manifest and
// signature, or ErrNotFound: the caller ends its segments (EndLeft, EndSegment).
// When the error comes after that (references left behind, see Sweep) gone is set beside it.
func (x *Index) RemoveObject(ctx context.Context, owner wallet.Address, cid string) (gone *Object, err error) {
	return x.removeObject(ctx, owner, cid, func(Object) bool { return true })
}

// ExpireObject is RemoveObject for an object that is expired at a time; one that
// was renewed since the caller looked stays, and gone is nil.
func (x *Index) ExpireObject(ctx context.Context, owner wallet.Address, cid string, now time.Time) (gone *Object, err error) {
	return x.removeObject(ctx, owner, cid, func(o Object) bool { return o.Expired(now) })
}

func (x *Index) removeObject(ctx context.Context, owner wallet.Address, cid string, due func(Object) bool) (gone *Object, err error) {
	if err := firstError(checkAddress(owner), checkCID(cid)); err != nil {
		return nil, err
	}
	var token string
	var mark []byte
	err = x.updatePart(ctx, objectsGroup(owner), cid, func(t *txn) error {
		gone = nil
		r, segments, err := x.objectIn(t, cid)
		if err != nil {
			return err
		}
		if r.Token == "" {
			return noObject(owner, cid)
		}
		if !due(r.Object) {
			return nil
		}
		token, gone = r.Token, &r.Object
		gone.Segments = segments
		t.delete(objectField(cid))
		t.delete(manifestField(cid))
		t.delete(partsField(cid))
		err = firstError(leave(t, cid, segments), t.bury(r), count(t, cid, r, objectRecord{}))
		mark = t.mark
		return err
	})
	if err != nil || gone == nil {
		return nil, err
	}
	err = x.announce(ctx, ObjectName{owner, cid}, mark)
	return gone, errors.Join(err, x.unreferObject(ctx, *gone, token, gone.Segments))
}

// objectLives reports whether a reference's object is there.
func (x *Index) objectLives(ctx context.Context, ref reference) (bool, error) {
	r, err := x.objectAt(ctx, ref)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return r.Token == ref.token, err
}

// objectAt is the object that a reference names, whatever its token, or ErrNotFound.
func (x *Index) objectAt(ctx context.Context, ref reference) (objectRecord, error) {
	owner, cid := unpair(ref.name)
	return read[objectRecord](ctx, x, objectsGroup(owner), objectField(cid))
}

// sorted is a store that finds a field by its order.
type sorted interface {
	// Page returns a group's entries whose field begins with prefix and comes
	// after prefix and after, by ascending field, at most limit of them.
	Page(ctx context.Context, group, prefix, after string, limit int) ([]Entry, error)
}

// page is sorted.Page; a store that is not sorted looks at all the group for it,
// and keeps no more than the page.
func (x *Index) page(ctx context.Context, group, prefix, after string, limit int) ([]Entry, error) {
	if limit < 1 {
		return nil, fmt.Errorf("%w: a page of %d", ErrInvalid, limit)
	}
	if kv, ok := x.kv.(sorted); ok {
		return kv.Page(ctx, group, prefix, after, limit)
	}
	byField := func(a, b Entry) int { return strings.Compare(a.Field, b.Field) }
	same := func(a, b Entry) bool { return a.Field == b.Field }
	var first []Entry
	for entry, err := range x.kv.Scan(ctx, group, prefix) {
		if err != nil {
			return nil, err
		}
		if after != "" && entry.Field <= prefix+after {
			continue
		}
		if first = append(first, entry); len(first) >= 2*limit+page {
			slices.SortFunc(first, byField)
			first = slices.CompactFunc(first, same)
			first = first[:min(limit, len(first))]
		}
	}
	slices.SortFunc(first, byField)
	first = slices.CompactFunc(first, same)
	return first[:min(limit, len(first))], nil
}
