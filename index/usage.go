package index

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/filetao/filetao/wallet"
)

// Usage is what an owner's objects, files and uploads take.
type Usage struct {
	Bytes    int64 // on all disks: Object.Takes, Ownership.Takes, and the shards of uploads' segments
	Objects  int64 // and files
	Segments int64 // of objects, each as often as it is in one, and of uploads
	Uploads  int64 // begun and neither committed nor dropped
}

// Add is both together.
func (u Usage) Add(o Usage) Usage {
	return Usage{u.Bytes + o.Bytes, u.Objects + o.Objects, u.Segments + o.Segments, u.Uploads + o.Uploads}
}

// usageRecord is what some of an owner's objects and files take: those whose CIDs lead to its
// place. Each changes in the commit that changes an object, so that it is right
// whatever happens; there are several so that commits hardly ever meet.
type usageRecord struct {
	V        int   `json:"v"`
	Bytes    int64 `json:"bytes"`
	Objects  int64 `json:"objects"`
	Segments int64 `json:"segments"`
	Changes  int64 `json:"changes"` // there have been, so that no two states are alike
}

func (r usageRecord) check() error {
	return firstError(checkVersion(r.V), checkSize(r.Bytes), checkSize(r.Objects), checkSize(r.Segments), checkSize(r.Changes))
}

const (
	prefixUsage = "usage:"
	usagePlaces = 16
)

func usagePlace(cid string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(cid)) // never fails
	return h.Sum32() % usagePlaces
}

func usageField(place uint32) string { return fmt.Sprintf(prefixUsage+"%x", place) }

// leadField is by which an owner's objects lead to an upload, under a token that only
// that upload of this name has.
func leadField(upload, token string) string { return prefixUpload + upload + ":" + token }

// usage is what an object takes; nothing if there is none.
func (r objectRecord) usage() Usage {
	if r.Token == "" {
		return Usage{}
	}
	return Usage{Bytes: max(r.Takes, r.Size), Objects: 1, Segments: int64(r.Count)}
}

// count has an object's change change what its owner's take.
func count(t *txn, cid string, old, next objectRecord) error {
	return tally(t, cid, old.usage(), next.usage())
}

// tally has what is an owner's change what its owner's take.
func tally(t *txn, cid string, was, is Usage) error {
	if was == is {
		return nil
	}
	field := usageField(usagePlace(cid))
	values, err := t.get(field)
	if err != nil {
		return err
	}
	r := usageRecord{V: version}
	if values[0] != nil {
		if r, err = decode[usageRecord](values[0]); err != nil {
			return fmt.Errorf("%s in %s: %w", field, t.group, err)
		}
	}
	r.Bytes, r.Objects = max(r.Bytes+is.Bytes-was.Bytes, 0), max(r.Objects+is.Objects-was.Objects, 0)
	r.Segments, r.Changes = max(r.Segments+is.Segments-was.Segments, 0), r.Changes+1
	return t.setRecord(field, r)
}

// add counts a segment of an upload so many times; nil is none.
func (r *touchedRecord) add(s *segmentRecord, times int64) {
	if s != nil {
		scheme := s.segment().Scheme
		r.Segments = max(r.Segments+times, 0)
		r.Bytes = max(r.Bytes+times*scheme.ShardSize(s.Size)*int64(scheme.Total), 0)
	}
}

// Usage returns what an owner's objects, files and uploads take. An upload counts
// until its object does; a file from a moment before it is the owner's.
func (x *Index) Usage(ctx context.Context, owner wallet.Address) (Usage, error) {
	if err := checkAddress(owner); err != nil {
		return Usage{}, err
	}
	group := objectsGroup(owner)
	fields := make([]string, usagePlaces)
	for i := range fields {
		fields[i] = usageField(uint32(i))
	}
	values, err := x.kv.Get(ctx, group, fields...)
	if err != nil {
		return Usage{}, err
	}
	var sum Usage
	for i, data := range values {
		if data == nil {
			continue
		}
		r, err := decode[usageRecord](data)
		if err != nil {
			return Usage{}, fmt.Errorf("%s in %s: %w", fields[i], group, err)
		}
		sum = sum.Add(Usage{Bytes: r.Bytes, Objects: r.Objects, Segments: r.Segments})
	}
	for entry, err := range x.kv.Scan(ctx, group, prefixUpload) {
		if err != nil {
			return Usage{}, err
		}
		r, lives, err := x.led(ctx, owner, entry.Field)
		if err != nil {
			return Usage{}, err
		}
		if lives {
			sum = sum.Add(Usage{Bytes: r.Bytes, Segments: r.Segments, Uploads: 1})
		}
	}
	return sum, nil
}

// UploadUsage is what one of an owner's uploads counts for in Usage; nothing if it is
// not there, or committed.
func (x *Index) UploadUsage(ctx context.Context, owner wallet.Address, id string) (Usage, error) {
	if err := firstError(checkAddress(owner), checkUpload(id)); err != nil {
		return Usage{}, err
	}
	r, err := read[touchedRecord](ctx, x, uploadGroup(owner, id), fieldTouched)
	if err == nil && r.Lead != "" {
		_, err = x.getOne(ctx, objectsGroup(owner), leadField(id, r.Lead))
	}
	if errors.Is(err, ErrNotFound) {
		return Usage{}, nil
	}
	return Usage{Bytes: r.Bytes, Segments: r.Segments, Uploads: 1}, err
}

// KeepUpload notes an upload as touched at a time, and has it count for nothing in
// Usage, until a segment is put into it: it is no user's, who would come to an end
// with it. Stopped half-way it is simply done again. Of one that is not there it is
// ErrNotFound.
func (x *Index) KeepUpload(ctx context.Context, owner wallet.Address, id string, touched time.Time) error {
	if err := firstError(checkAddress(owner), checkUpload(id)); err != nil {
		return err
	}
	lead, err := x.uploadLead(ctx, owner, id)
	if err == nil && lead != "" {
		err = x.unrefer(ctx, objectsGroup(owner), lead)
	}
	if err != nil {
		return err
	}
	return x.update(ctx, uploadGroup(owner, id), func(t *txn) error {
		values, err := t.get(fieldTouched)
		if err != nil {
			return err
		}
		if values[0] == nil {
			return fmt.Errorf("%w: upload %s of %s", ErrNotFound, id, owner)
		}
		r, err := decode[touchedRecord](values[0])
		if err != nil {
			return fmt.Errorf("%s in %s: %w", fieldTouched, t.group, err)
		}
		r.Touched = stamp(touched)
		return t.setRecord(fieldTouched, r)
	})
}

// led is the upload that an owner's field leads to, if it lives.
func (x *Index) led(ctx context.Context, owner wallet.Address, field string) (r touchedRecord, lives bool, err error) {
	id, token, _ := strings.Cut(strings.TrimPrefix(field, prefixUpload), ":")
	if checkUpload(id) != nil || checkToken(token) != nil {
		return r, false, fmt.Errorf("%w: field %.160q", ErrCorrupt, field)
	}
	r, err = read[touchedRecord](ctx, x, uploadGroup(owner, id), fieldTouched)
	if errors.Is(err, ErrNotFound) {
		return r, false, nil
	}
	return r, r.Lead == token, err
}

// uploadLead is the field that leads to an upload; "" if nothing does.
func (x *Index) uploadLead(ctx context.Context, owner wallet.Address, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	r, err := read[touchedRecord](ctx, x, uploadGroup(owner, id), fieldTouched)
	if errors.Is(err, ErrNotFound) || err == nil && r.Lead == "" {
		return "", nil
	}
	return leadField(id, r.Lead), err
}

// unled is the lead of an upload to which nothing leads any more, since its object is
// there and it was not ended yet; "" if there is none.
func (x *Index) unled(ctx context.Context, owner wallet.Address, id string) (string, error) {
	r, err := read[touchedRecord](ctx, x, uploadGroup(owner, id), fieldTouched)
	if errors.Is(err, ErrNotFound) || err == nil && r.Lead == "" {
		return "", nil
	} else if err != nil {
		return "", err
	}
	if _, err := x.getOne(ctx, objectsGroup(owner), leadField(id, r.Lead)); !errors.Is(err, ErrNotFound) {
		return "", err
	}
	return r.Lead, nil
}

// sweepUsage counts the objects of all owners again, and files, for those that were
// put before they were counted, and takes away what leads to no upload and no file.
func (x *Index) sweepUsage(ctx context.Context, age time.Duration) (swept int, err error) {
	if err := x.countOwned(ctx); err != nil {
		return swept, err
	}
	for group, err := range x.kv.Groups(ctx, groupsObjects) {
		if err != nil {
			return swept, err
		}
		if err := x.recount(ctx, group); err != nil {
			return swept, err
		}
		n, err := x.sweepOwned(ctx, group, age)
		if swept += n; err != nil {
			return swept, err
		}
		for entry, err := range x.kv.Scan(ctx, group, prefixUpload) {
			if err != nil {
				return swept, err
			}
			since, err := decode[referenceRecord](entry.Value)
			if err != nil {
				return swept, fmt.Errorf("%s in %s: %w", entry.Field, group, err)
			}
			if time.Since(since.Since) < age {
				continue
			}
			if _, lives, err := x.led(ctx, wallet.Address(tagOf(group)), entry.Field); err != nil {
				return swept, err
			} else if lives {
				continue
			}
			if err := x.unrefer(ctx, group, entry.Field); err != nil {
				return swept, err
			}
			swept++
		}
	}
	return swept, nil
}

// recount counts an owner's objects and files. Where they change meanwhile it is left to the
// next time.
func (x *Index) recount(ctx context.Context, group string) error {
	var fields [usagePlaces]string
	for i := range fields {
		fields[i] = usageField(uint32(i))
	}
	before, err := x.kv.Get(ctx, group, fields[:]...)
	if err != nil {
		return err
	}
	var sums [usagePlaces]Usage
	for entry, err := range x.kv.Scan(ctx, group, prefixObject) {
		if err != nil {
			return err
		}
		r, err := decode[objectRecord](entry.Value)
		if err != nil {
			return fmt.Errorf("%s in %s: %w", entry.Field, group, err)
		}
		place := usagePlace(r.CID)
		sums[place] = sums[place].Add(r.usage())
	}
	for entry, err := range x.kv.Scan(ctx, group, prefixFile) {
		if err != nil {
			return err
		}
		ref, r, err := readReference(group, entry)
		if err != nil {
			return err
		}
		place := usagePlace(ref.name)
		sums[place] = sums[place].Add(r.usage())
	}
	for i, sum := range sums {
		r := usageRecord{V: version}
		if before[i] != nil {
			if r, err = decode[usageRecord](before[i]); err != nil {
				return fmt.Errorf("%s in %s: %w", fields[i], group, err)
			}
		}
		if sum == (Usage{Bytes: r.Bytes, Objects: r.Objects, Segments: r.Segments}) {
			continue
		}
		data, err := encode(usageRecord{version, sum.Bytes, sum.Objects, sum.Segments, r.Changes + 1})
		if err == nil {
			err = x.kv.Commit(ctx, group, []Entry{{fields[i], before[i]}}, []Entry{{fields[i], data}})
		}
		if err != nil && !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return nil
}
