package index

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/filetao/filetao/wallet"
)

// Part is a segment as its upload has it.
type Part struct {
	Segment
	// Until is when the first of the shards ends with which it was put; zero if that
	// is not known. Whoever needs to be sure looks at Shards, and takes back by
	// PartLost what is not so any more.
	Until time.Time
	Life  Life // that it is put in; what is read has none
}

// record is a part's in its upload's group.
func (p Part) record(token string) segmentRecord {
	r := p.Segment.record(token)
	if !p.Until.IsZero() {
		r.Until = p.Until.Unix()
	}
	return r
}

func (r segmentRecord) part() Part {
	p := Part{Segment: r.segment()}
	if r.Until != 0 {
		p.Until = time.Unix(r.Until, 0).UTC()
	}
	return p
}

// UploadPart returns what an upload has in a place, or ErrNotFound.
func (x *Index) UploadPart(ctx context.Context, owner wallet.Address, upload string, place int) (Part, error) {
	if err := firstError(checkAddress(owner), checkUpload(upload), checkPlace(place)); err != nil {
		return Part{}, err
	}
	r, err := read[segmentRecord](ctx, x, uploadGroup(owner, upload), partField(place))
	if err != nil {
		return Part{}, err
	}
	return r.part(), nil
}

// UploadParts returns what an upload has in the places from one on, ascending, at
// most limit of them; none is no error.
func (x *Index) UploadParts(ctx context.Context, owner wallet.Address, upload string, from, limit int) ([]Part, error) {
	if err := firstError(checkAddress(owner), checkUpload(upload), checkPlace(from)); err != nil {
		return nil, err
	}
	after := ""
	if from > 0 {
		after = partField(from - 1)[len(prefixPart):]
	}
	entries, err := x.page(ctx, uploadGroup(owner, upload), prefixPart, after, limit)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(entries))
	for i, e := range entries {
		r, err := decode[segmentRecord](e.Value)
		if err != nil {
			return nil, fmt.Errorf("%s of upload %s: %w", e.Field, upload, err)
		}
		parts[i] = r.part()
	}
	return parts, nil
}

// PartLost notes that a segment's shards do not last as its upload says: Until is
// not known any more. An upload that has no such part is no error.
func (x *Index) PartLost(ctx context.Context, s Segment) error {
	if err := s.check(); err != nil {
		return err
	}
	return x.update(ctx, uploadGroup(s.Owner, s.Upload), func(t *txn) error {
		r, err := partIn(t, partField(s.Index))
		if err != nil || r == nil || r.ID != s.ID || r.Until == 0 {
			return err
		}
		r.Until = 0
		return t.setRecord(partField(s.Index), r)
	})
}

// partIn reads a part's record; nil if there is none.
func partIn(t *txn, field string) (*segmentRecord, error) {
	values, err := t.get(field)
	if err != nil || values[0] == nil {
		return nil, err
	}
	r, err := decode[segmentRecord](values[0])
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", field, t.group, err)
	}
	return &r, nil
}

// SegmentsFrom is AllSegments for those whose ID begins with some decimal digits,
// so that who goes through all of them can do so in parts, and go on with the part
// where it was stopped. The digits 0 to 9 are all segments, each in one part.
func (x *Index) SegmentsFrom(ctx context.Context, digits string) iter.Seq2[Segment, error] {
	if strings.Trim(digits, "0123456789") != "" {
		return func(yield func(Segment, error) bool) {
			yield(Segment{}, fmt.Errorf("%w: segments from %.20q", ErrInvalid, digits))
		}
	}
	return each(x, ctx, groupsSegment+digits, x.Segment)
}
