package backup

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest/pack"
)

const (
	// margin is how much longer a pack is kept than anything in it lasts: it is
	// looked at once more when nothing should be left of it.
	margin = 24 * time.Hour
	// longest is how long a pack is kept whose records never end; what counts of it
	// is then written anew.
	longest = 10 * 365 * 24 * time.Hour
	// ahead is how far in the future an upload is noted as touched, so that nobody
	// takes it for one that was given up.
	ahead = 30 * 24 * time.Hour
)

// kept is a pack that the index has.
type kept struct {
	number  uint64
	touched time.Time // its upload
	index.Segment
}

// shelf are the packs that count, ascending.
type shelf struct {
	packs []kept
	lost  []kept // that could not be read, and count no more
	last  uint64 // the highest number that was given
}

// upload is what the index calls the upload of a pack.
func (b *Backup) upload(number uint64) string {
	id := b.key.Upload(number)
	return hex.EncodeToString(id[:])
}

// list reads which packs the index has. Those that are half gone have no ID.
func (b *Backup) list(ctx context.Context) (all []kept, err error) {
	for u, err := range b.deps.Index.UploadsOf(ctx, b.self) {
		if err != nil {
			return nil, err
		}
		id, err := hex.DecodeString(u.ID)
		if err != nil || len(id) != len([16]byte{}) {
			continue
		}
		number, ours := b.key.Number([16]byte(id))
		if !ours {
			continue
		}
		_, segments, err := b.deps.Index.Upload(ctx, b.self, u.ID)
		if err != nil && !errors.Is(err, index.ErrNotFound) {
			return nil, err
		}
		k := kept{number: number, touched: u.Touched}
		if len(segments) == 1 {
			k.Segment = segments[0]
		}
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Compare(a.number, b.number) })
	return slices.CompactFunc(all, func(a, b kept) bool { return a.number == b.number }), nil
}

// shelf reads which packs count, sees that they are not taken for a user's uploads,
// and ends what is half gone.
func (b *Backup) shelf(ctx context.Context) (*shelf, error) {
	all, err := b.list(ctx)
	if err != nil {
		return nil, err
	}
	s, now := &shelf{}, b.deps.Now()
	for _, k := range all {
		s.last = k.number
		if k.ID == "" {
			if err := b.drop(ctx, k.number); err != nil {
				return nil, err
			}
			continue
		}
		if !b.begun || k.touched.Before(now.Add(ahead/2)) { // also those of former versions, which counted
			if err := b.keep(ctx, k.number); err != nil {
				return nil, err
			}
		}
		if b.unread[k.number] {
			s.lost = append(s.lost, k)
		} else {
			s.packs = append(s.packs, k)
		}
	}
	return s, nil
}

// keep has a pack be no upload of a user's: it neither is given up, nor counts in what
// the hotkey may have at gateways.
func (b *Backup) keep(ctx context.Context, number uint64) error {
	return b.deps.Index.KeepUpload(ctx, b.self, b.upload(number), b.deps.Now().Add(ahead))
}

// take takes packs from the shelf, which the next ones name no more.
func (s *shelf) take(packs []kept) {
	taken := func(k kept) bool {
		return slices.ContainsFunc(packs, func(p kept) bool { return p.number == k.number })
	}
	s.packs, s.lost = slices.DeleteFunc(s.packs, taken), slices.DeleteFunc(s.lost, taken)
}

// batch is records that are to be a pack.
type batch struct {
	records map[index.ObjectName]pack.Record
	size    int64
}

func (t *batch) add(name index.ObjectName, r pack.Record) {
	if t.records == nil {
		t.records = map[index.ObjectName]pack.Record{}
	}
	t.size += int64(r.Size() - t.records[name].Size())
	t.records[name] = r
}

// store has miners keep a batch as a pack, and empties it.
func (b *Backup) store(ctx context.Context, s *shelf, t *batch) error {
	if len(t.records) == 0 {
		return nil
	}
	now, ttl := b.deps.Now(), time.Duration(0)
	p := pack.Pack{Number: max(uint64(now.UnixNano()), s.last+1)}
	for _, k := range s.packs {
		p.Others = append(p.Others, k.number)
	}
	for _, r := range t.records {
		p.Records = append(p.Records, r)
		left := longest
		if end := r.Ends(); !end.IsZero() {
			left = min(left, end.Sub(now)+margin)
		}
		ttl = max(ttl, left, margin)
	}
	slices.SortFunc(p.Records, pack.Record.Compare)
	text, err := b.key.Seal(b.deps.Rand, p)
	if err != nil {
		return err
	}
	miners := b.deps.Fleet.Available()
	if len(miners) == 0 {
		return fmt.Errorf("%w: no miner is on the network", fleet.ErrShort)
	}
	rand.Shuffle(len(miners), func(i, j int) { miners[i], miners[j] = miners[j], miners[i] })
	spec := fleet.SegmentSpec{
		Owner: b.self, Upload: b.key.Upload(p.Number), Size: int64(len(text)), Scheme: erasure.Choose(len(miners)), TTL: ttl,
	}
	spec.Secret = b.key.Secret(spec.Upload)
	seg, _, err := b.deps.Fleet.StoreSegment(ctx, spec, bytes.NewReader(text), func(erasure.Root) error { return nil }, fleet.Apart(miners))
	if err != nil {
		return fmt.Errorf("pack of %d records: %w", len(p.Records), err)
	}
	s.packs, s.last = append(s.packs, kept{p.Number, now, seg}), p.Number
	b.log.Info("records of files are backed up", "records", len(p.Records), "bytes", len(text), "scheme", seg.Scheme)
	*t = batch{}
	return b.keep(ctx, p.Number)
}

// read fetches a pack. Errors wrap fleet.ErrLost or pack.ErrPack when it is lost.
func (b *Backup) read(ctx context.Context, k kept) (pack.Pack, error) {
	if k.Size > pack.MaxSize {
		return pack.Pack{}, fmt.Errorf("%w: %d bytes", pack.ErrPack, k.Size)
	}
	text := bytes.NewBuffer(make([]byte, 0, k.Size))
	if _, err := b.deps.Fleet.FetchSegment(ctx, k.Segment, 0, k.Size, text); err != nil {
		return pack.Pack{}, err
	}
	return b.key.Open(text.Bytes(), k.number)
}

// drop ends a pack. Its shards are drops then, of which repair tells the miners.
func (b *Backup) drop(ctx context.Context, number uint64) error {
	gone, err := b.deps.Index.DropUpload(ctx, b.self, b.upload(number))
	if err != nil && !errors.Is(err, index.ErrNotFound) {
		return err
	}
	for _, id := range gone {
		if _, err := b.deps.Index.EndSegment(ctx, id, 0); err != nil {
			return err
		}
	}
	return nil
}
