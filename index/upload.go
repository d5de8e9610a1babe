package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/filetao/filetao/wallet"
)

// Upload is a file on its way: segments of it are there, the object is not yet.
type Upload struct {
	Owner   wallet.Address
	ID      string    // the owner's choice, 16 bytes in hex
	Started time.Time // when its first segment came
	Touched time.Time // when its latest segment came
}

// touchedRecord changes with every segment that an upload gets.
type touchedRecord struct {
	V       int       `json:"v"`
	Started time.Time `json:"started"`
	Touched time.Time `json:"touched"`
	Token   string    `json:"token"` // of the latest segment
	// Lead is the token of the field by which the owner's objects lead here; see Usage.
	Lead     string `json:"lead,omitempty"`
	Segments int64  `json:"segments,omitempty"` // that it has
	Bytes    int64  `json:"bytes,omitempty"`    // that they take on all disks
}

func (r touchedRecord) check() error {
	if r.Lead != "" && checkToken(r.Lead) != nil {
		return checkToken(r.Lead)
	}
	return firstError(checkVersion(r.V), checkToken(r.Token), checkSize(r.Segments), checkSize(r.Bytes))
}

// PutSegment makes a segment part of its upload, which it begins if need be. A
// segment that is there already stays as it is, and is ErrConflict if s says
// otherwise (Scheme, Secret): take these from Segment. Another segment in the
// same place of the same upload is replaced. What the shards of the segment are
// is known from Shards afterwards.
func (x *Index) PutSegment(ctx context.Context, s Segment, now time.Time) error {
	return x.PutPart(ctx, Part{Segment: s}, now)
}

// PutPart is PutSegment of a segment of which is known how long it lasts, and of
// which the life may be known too: ErrEnded when that is over.
func (x *Index) PutPart(ctx context.Context, p Part, now time.Time) error {
	s := p.Segment
	now = stamp(now)
	if err := s.check(); err != nil {
		return err
	}
	unled, err := x.unled(ctx, s.Owner, s.Upload)
	if err != nil {
		return err
	}
	token, lead := newToken(), newToken()
	if err := x.referSegment(ctx, s.ID, uploadRef(s.Owner, s.Upload, token), token, s.Index, &s, p.Life); err != nil {
		return err
	}
	var old *segmentRecord
	var next touchedRecord
	err = x.update(ctx, uploadGroup(s.Owner, s.Upload), func(t *txn) (err error) {
		touched := touchedRecord{V: version, Started: now, Touched: now, Token: token}
		if old, err = touch(t, partField(s.Index), &touched); err != nil {
			return err
		}
		if touched.Lead == "" || touched.Lead == unled {
			touched.Lead = lead
			if err := x.refer(ctx, objectsGroup(s.Owner), leadField(s.Upload, lead), 0); err != nil {
				return err
			}
		}
		part := p.record(token)
		touched.add(&part, 1)
		touched.add(old, -1)
		next = touched
		return firstError(t.setRecord(partField(s.Index), part), t.setRecord(fieldTouched, touched))
	})
	if err == nil && next.Lead != lead {
		err = x.unrefer(ctx, objectsGroup(s.Owner), leadField(s.Upload, lead))
	}
	if err != nil || old == nil {
		return err
	}
	return x.unrefer(ctx, segmentGroup(old.ID), uploadRef(s.Owner, s.Upload, old.Token))
}

// touch reads what an upload has in a place; nil if nothing. touched gets what
// stays of the one there is.
func touch(t *txn, field string, touched *touchedRecord) (*segmentRecord, error) {
	values, err := t.get(field, fieldTouched)
	if err != nil {
		return nil, err
	}
	if values[1] != nil {
		r, err := decode[touchedRecord](values[1])
		if err != nil {
			return nil, fmt.Errorf("%s in %s: %w", fieldTouched, t.group, err)
		}
		touched.Started, touched.Lead, touched.Segments, touched.Bytes = r.Started, r.Lead, r.Segments, r.Bytes
	}
	if values[0] == nil {
		return nil, nil
	}
	r, err := decode[segmentRecord](values[0])
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", field, t.group, err)
	}
	return &r, nil
}

// Upload returns an upload and its segments by ascending index, or ErrNotFound.
func (x *Index) Upload(ctx context.Context, owner wallet.Address, id string) (Upload, []Segment, error) {
	if err := firstError(checkAddress(owner), checkUpload(id)); err != nil {
		return Upload{}, nil, err
	}
	u, err := x.upload(ctx, pair(owner, id))
	if err != nil {
		return Upload{}, nil, err
	}
	var all []Segment
	for entry, err := range x.kv.Scan(ctx, uploadGroup(owner, id), prefixPart) {
		if err != nil {
			return Upload{}, nil, err
		}
		r, err := decode[segmentRecord](entry.Value)
		if err != nil {
			return Upload{}, nil, fmt.Errorf("%s of upload %s: %w", entry.Field, id, err)
		}
		all = append(all, r.segment())
	}
	slices.SortStableFunc(all, func(a, b Segment) int { return cmp.Compare(a.Index, b.Index) })
	return u, slices.CompactFunc(all, func(a, b Segment) bool { return a.Index == b.Index }), nil
}

// upload reads the upload of a name, without its segments.
func (x *Index) upload(ctx context.Context, name string) (Upload, error) {
	owner, id := unpair(name)
	r, err := read[touchedRecord](ctx, x, uploadGroup(owner, id), fieldTouched)
	return Upload{owner, id, r.Started, r.Touched}, err
}

// Uploads yields every upload, in no promised order; one may come twice if
// uploads are added and removed meanwhile.
func (x *Index) Uploads(ctx context.Context) iter.Seq2[Upload, error] {
	return each(x, ctx, groupsUpload, x.upload)
}

// UploadsOf is Uploads for those of one owner.
func (x *Index) UploadsOf(ctx context.Context, owner wallet.Address) iter.Seq2[Upload, error] {
	return each(x, ctx, groupsUpload+pair(owner, ""), x.upload)
}

// DropUpload ends an upload, or returns ErrNotFound. gone are the IDs of its
// segments: the caller ends them (EndSegment). A segment that is put
// meanwhile may begin the upload anew. When the error comes on the way gone is
// what went before; stopped half-way it is simply done again.
func (x *Index) DropUpload(ctx context.Context, owner wallet.Address, id string) (gone []string, err error) {
	if err := firstError(checkAddress(owner), checkUpload(id)); err != nil {
		return nil, err
	}
	group := uploadGroup(owner, id)
	if _, err := x.getOne(ctx, group, fieldTouched); err != nil {
		return nil, err
	}
	for {
		entries, err := x.page(ctx, group, prefixPart, "", page)
		if err != nil {
			return gone, err
		}
		if len(entries) == 0 {
			if over, err := x.endUpload(ctx, group); over || err != nil {
				return gone, err
			}
			continue
		}
		parts, err := x.dropParts(ctx, group, entries)
		for _, r := range parts {
			gone = append(gone, r.ID)
		}
		if err != nil {
			return gone, err
		}
		if err := forEach(ctx, gone[len(gone)-len(parts):], func(ctx context.Context, i int, segment string) error {
			return x.unrefer(ctx, segmentGroup(segment), uploadRef(owner, id, parts[i].Token))
		}); err != nil {
			return gone, err
		}
	}
}

// dropParts takes segments from an upload, and returns those that it took.
func (x *Index) dropParts(ctx context.Context, group string, entries []Entry) (parts []segmentRecord, err error) {
	var fields []string
	for _, e := range entries {
		fields = append(fields, e.Field)
	}
	err = x.update(ctx, group, func(t *txn) error {
		parts = nil
		values, err := t.get(append([]string{fieldTouched}, fields...)...)
		if err != nil || values[0] == nil {
			return err
		}
		touched, err := decode[touchedRecord](values[0])
		if err != nil {
			return fmt.Errorf("%s in %s: %w", fieldTouched, group, err)
		}
		for i, data := range values[1:] {
			if data == nil {
				continue
			}
			r, err := decode[segmentRecord](data)
			if err != nil {
				return fmt.Errorf("%s in %s: %w", fields[i], group, err)
			}
			parts = append(parts, r)
			touched.add(&r, -1)
			t.delete(fields[i])
		}
		if len(parts) == 0 {
			return nil
		}
		return t.setRecord(fieldTouched, touched)
	})
	return parts, err
}

// endUpload ends an upload that has no segments; false if it got one meanwhile.
func (x *Index) endUpload(ctx context.Context, group string) (bool, error) {
	touched, err := x.getOne(ctx, group, fieldTouched)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	left, err := x.page(ctx, group, prefixPart, "", 1)
	if err != nil || len(left) > 0 {
		return false, err
	}
	r, err := decode[touchedRecord](touched)
	if err != nil {
		return false, fmt.Errorf("%s in %s: %w", fieldTouched, group, err)
	}
	err = x.kv.Commit(ctx, group, []Entry{{fieldTouched, touched}}, []Entry{{Field: fieldTouched}})
	if errors.Is(err, ErrConflict) {
		return false, nil
	}
	if err == nil && r.Lead != "" {
		owner, id := unpair(tagOf(group))
		err = x.unrefer(ctx, objectsGroup(owner), leadField(id, r.Lead))
	}
	return err == nil, err
}

// partLives reports whether a reference's upload has the segment.
func (x *Index) partLives(ctx context.Context, ref reference, index int) (bool, error) {
	owner, id := unpair(ref.name)
	r, err := read[segmentRecord](ctx, x, uploadGroup(owner, id), partField(index))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return r.Token == ref.token, err
}
