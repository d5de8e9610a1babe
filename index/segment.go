package index

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// Segment is a piece of a file that is coded into shards of its own.
type Segment struct {
	ID     string         // 256 bits, decimal; it stands for what follows up to Root
	Owner  wallet.Address // of the file
	Upload string         // that it came with, 16 bytes in hex
	Index  int            // its place in the file, from 0
	Size   int64          // bytes, 1 to erasure.MaxSegment
	Root   string         // of its bytes, decimal
	Scheme erasure.Scheme // how it is coded
	Secret []byte         // of its shards' masks, up to MaxSecret bytes
}

// segmentRecord is a segment in its own group and, with a token, in its upload's.
type segmentRecord struct {
	V      int            `json:"v"`
	ID     string         `json:"id"`
	Owner  wallet.Address `json:"owner"`
	Upload string         `json:"upload"`
	Index  int            `json:"index"`
	Size   int64          `json:"size"`
	Root   string         `json:"root"`
	Data   int            `json:"data"`
	Total  int            `json:"total"`
	Secret []byte         `json:"secret"`
	Token  string         `json:"token,omitempty"`
	Until  int64          `json:"until,omitempty"` // in its upload's: Part.Until in Unix seconds; 0: not known
}

// latestRecord changes with every reference of an object or upload that a segment
// gets: who ends the segment, having found none, ends it only with this one.
type latestRecord struct {
	V     int    `json:"v"`
	Token string `json:"latest"`
}

func (r latestRecord) check() error { return firstError(checkVersion(r.V), checkToken(r.Token)) }

func (s Segment) record(token string) segmentRecord {
	return segmentRecord{version, s.ID, s.Owner, s.Upload, s.Index, s.Size, s.Root, s.Scheme.Data, s.Scheme.Total, s.Secret, token, 0}
}

func (r segmentRecord) segment() Segment {
	return Segment{r.ID, r.Owner, r.Upload, r.Index, r.Size, r.Root, erasure.Scheme{Data: r.Data, Total: r.Total}, r.Secret}
}

func (r segmentRecord) check() error {
	if r.Token != "" && checkToken(r.Token) != nil {
		return checkToken(r.Token)
	}
	return firstError(checkVersion(r.V), r.segment().check())
}

func (s Segment) check() error {
	if s.Size < 1 || s.Size > erasure.MaxSegment || len(s.Secret) > MaxSecret {
		return fmt.Errorf("%w: segment of %d bytes with a secret of %d", ErrInvalid, s.Size, len(s.Secret))
	}
	if err := s.Scheme.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return firstError(checkHash(s.ID), checkAddress(s.Owner), checkUpload(s.Upload), checkPlace(s.Index), checkHash(s.Root))
}

// checkPlace refuses what is no segment's place in a file.
func checkPlace(index int) error {
	if index < 0 || index >= MaxSegments {
		return fmt.Errorf("%w: segment %d", ErrInvalid, index)
	}
	return nil
}

// Name is the segment's ID as the masks of its shards are made for it.
func (s Segment) Name() ([32]byte, error) {
	id, err := proof.ParseDigest(s.ID)
	if err != nil {
		return id, fmt.Errorf("%w: segment: %w", ErrInvalid, err)
	}
	return id, nil
}

// fits says whether a holding is one of the segment's shards as it is coded: there
// may be some beyond the scheme's, since what a piece of parity is does not depend
// on how many there are.
func (s Segment) fits(h Holding) bool {
	return h.Size == s.Scheme.ShardSize(s.Size)
}

// referSegment has an object or upload, which is about to be committed, refer to
// a segment: to s, which then is there, or if it is nil to one that is there
// (else ErrNotFound). ErrEnded when its life is over.
func (x *Index) referSegment(ctx context.Context, id, field, token string, at int, s *Segment, l Life) error {
	return x.attempt(ctx, segmentGroup(id), func(t *txn) error {
		values, err := t.get(fieldSegment, fieldEnded)
		if err != nil {
			return err
		}
		if l.over(values[1]) {
			return hasEnded(id)
		}
		if s == nil && values[0] == nil {
			return fmt.Errorf("%w: segment %s", ErrNotFound, id)
		}
		if s != nil {
			data, err := encode(s.record(""))
			if err != nil {
				return err
			}
			if values[0] != nil && !bytes.Equal(values[0], data) {
				return fmt.Errorf("%w: segment %s is another one", ErrConflict, id)
			}
			t.set(fieldSegment, data)
		}
		ref := referenceRecord{V: version, Since: stamp(time.Now()), Index: at}
		return firstError(t.setRecord(field, ref), t.setRecord(fieldLatest, latestRecord{version, token}))
	})
}

// atOnce is how many commits that do not depend on each other are made side by
// side.
const atOnce = 32

// forEach does something about each of many names.
func forEach(ctx context.Context, names []string, do func(ctx context.Context, i int, name string) error) error {
	if len(names) == 1 {
		return do(ctx, 0, names[0])
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, name := range names {
		group.Go(func() error { return do(ctx, i, name) })
	}
	return group.Wait()
}

// Segment returns a segment that is there, or ErrNotFound.
func (x *Index) Segment(ctx context.Context, id string) (Segment, error) {
	if err := checkHash(id); err != nil {
		return Segment{}, err
	}
	r, err := read[segmentRecord](ctx, x, segmentGroup(id), fieldSegment)
	if err != nil {
		return Segment{}, err
	}
	return r.segment(), nil
}

// AllSegments yields every segment, in no promised order; one may come twice if
// segments are added and removed meanwhile.
func (x *Index) AllSegments(ctx context.Context) iter.Seq2[Segment, error] {
	return each(x, ctx, groupsSegment, x.Segment)
}

// Shards returns who holds which shard of a segment, by ascending number; none is
// no error. Of a segment that is there all of them are kept as long as it is; of
// one that is not they are nobody's, and may be dropped at any time: whoever puts
// the segment again afterwards asks again, or stores its shards again before.
func (x *Index) Shards(ctx context.Context, id string) ([]Holding, error) {
	s, err := x.Segment(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	known := err == nil
	var all []Holding
	for entry, err := range x.kv.Scan(ctx, segmentGroup(id), prefixHolder) {
		if err != nil {
			return nil, err
		}
		ref, record, err := readReference(segmentGroup(id), entry)
		if err != nil {
			return nil, err
		}
		r, err := x.shardAt(ctx, wallet.Address(ref.name), id)
		if err == nil && r.Token != ref.token { // put again since, perhaps after the scan
			record, err = read[referenceRecord](ctx, x, segmentGroup(id), holderRef(r.Holder, r.Token))
		}
		if errors.Is(err, ErrNotFound) {
			continue
		} else if err != nil {
			return nil, err
		}
		if !record.Going && (!known || s.fits(r.Holding)) {
			all = append(all, r.Holding)
		}
	}
	slices.SortFunc(all, func(a, b Holding) int { return cmp.Or(a.Number-b.Number, cmp.Compare(a.Holder, b.Holder)) })
	return slices.CompactFunc(all, func(a, b Holding) bool { return a.Holder == b.Holder }), nil
}

// shardAt is what a miner holds of a segment, or ErrNotFound.
func (x *Index) shardAt(ctx context.Context, holder wallet.Address, id string) (holdingRecord, error) {
	return read[holdingRecord](ctx, x, holderGroup(holder), holdingField(KindShard, id))
}

// shard is what a reference of a segment's leads to, if it lives.
func (x *Index) shard(ctx context.Context, ref reference, id string) (h Holding, lives bool, err error) {
	r, err := x.shardAt(ctx, wallet.Address(ref.name), id)
	if errors.Is(err, ErrNotFound) {
		return Holding{}, false, nil
	}
	return r.Holding, r.Token == ref.token, err
}

// ObjectName is what an object is called.
type ObjectName struct {
	Owner wallet.Address
	CID   string
}

// SegmentObjects returns the objects that a segment is part of, each once; none
// is no error.
func (x *Index) SegmentObjects(ctx context.Context, id string) ([]ObjectName, error) {
	if err := checkHash(id); err != nil {
		return nil, err
	}
	group := segmentGroup(id)
	names, err := x.living(ctx, group, prefixObject, func(ctx context.Context, ref reference) (bool, error) {
		r, err := x.objectAt(ctx, ref)
		if err == nil && r.Token != ref.token { // put again since, perhaps after the scan
			_, err = x.getOne(ctx, group, objectRef(r.Owner, r.CID, r.Token))
		}
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	var all []ObjectName
	for _, name := range names {
		owner, cid := unpair(name)
		all = append(all, ObjectName{owner, cid})
	}
	return all, nil
}
