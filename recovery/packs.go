package recovery

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/manifest/pack"
	"github.com/filetao/filetao/wallet"
)

// Packs is what became of the backup that package backup has made.
type Packs struct {
	Read int `json:"read"`
	// Missing are those that the latest one names and that cannot be read, and later
	// ones that cannot.
	Missing int `json:"missing"`
	// At is the time of the latest; zero if there is none.
	At time.Time `json:"at,omitzero"`
}

// packed is a segment that is a pack.
type packed struct {
	number uint64
	*segment
}

// nameHash stands for the name of an object in memory.
type nameHash [16]byte

func hashOf(name index.ObjectName) nameHash {
	sum := sha256.Sum256([]byte(string(name.Owner) + "/" + name.CID))
	return nameHash(sum[:])
}

// foundPacks are the packs among the segments that were found, the latest first.
func (r *run) foundPacks(key pack.Key) (all []packed) {
	self := r.Key.Address()
	for _, s := range r.segments {
		id, err := hex.DecodeString(s.Upload)
		if err != nil || len(id) != len([16]byte{}) || s.Owner != self || !s.taken {
			continue
		}
		upload := [16]byte(id)
		if secret := key.Secret(upload); s.Index == 0 && s.Size <= pack.MaxSize && bytes.Equal(s.Secret, secret[:]) {
			if number, ours := key.Number(upload); ours {
				all = append(all, packed{number, s})
			}
		}
	}
	slices.SortFunc(all, func(a, b packed) int { return cmp.Compare(b.number, a.number) })
	return all
}

// packs brings back the files that the backup has. Of each file the latest pack that
// knows it decides.
func (r *run) packs(ctx context.Context) error {
	if r.Key == nil {
		return nil
	}
	key := pack.KeyOf(r.Key.PrivateKeyHex())
	missing := map[uint64]bool{} // what the latest pack names and was not read yet
	var latest uint64
	for _, k := range r.foundPacks(key) {
		p, err := r.readPack(ctx, key, k)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
		case !errors.Is(err, fleet.ErrLost) && !errors.Is(err, pack.ErrPack):
			return err
		case latest == 0 || missing[k.number]:
			missing[k.number] = true
			r.Log.Warn("a pack of the backup cannot be read", "segment", k.ID, "err", err)
			continue
		default: // it was ended, and some of its miners were not told yet
			if err := r.dropPack(ctx, k); err != nil {
				return err
			}
			continue
		}
		if latest == 0 {
			latest = k.number
			for _, n := range p.Others {
				missing[n] = true
			}
		}
		delete(missing, k.number)
		for _, rec := range p.Records {
			if err := r.record(ctx, rec); err != nil {
				return err
			}
		}
		r.tell(func(rep *Report) { rep.Packs.Read++ })
	}
	for n := range missing {
		r.problem(func(rep *Report) *int { return &rep.Packs.Missing }, "the backup of %s cannot be read: files of then may be missing", timeOf(n).Format(time.RFC3339))
	}
	if latest != 0 {
		r.tell(func(rep *Report) { rep.Packs.At = timeOf(latest) })
	}
	return nil
}

func timeOf(number uint64) time.Time { return time.Unix(0, int64(number)).UTC() }

func (r *run) readPack(ctx context.Context, key pack.Key, k packed) (pack.Pack, error) {
	text := bytes.NewBuffer(make([]byte, 0, k.Size))
	if _, err := r.Fleet.FetchSegment(ctx, k.Segment, 0, k.Size, text); err != nil {
		return pack.Pack{}, err
	}
	return key.Open(text.Bytes(), k.number)
}

// dropPack ends a pack that has ended before.
func (r *run) dropPack(ctx context.Context, k packed) error {
	k.taken = false
	gone, err := r.Index.DropUpload(ctx, k.Owner, k.Upload)
	if err != nil && !errors.Is(err, index.ErrNotFound) {
		return err
	}
	for _, id := range gone {
		if _, err := r.Index.EndSegment(ctx, id, 0); err != nil {
			return err
		}
	}
	return nil
}

// record brings back what a pack knows of an object, unless a later pack has decided
// or the index knows better. Its errors are the index's.
func (r *run) record(ctx context.Context, rec pack.Record) error {
	name := index.ObjectName{Owner: wallet.AddressOf(rec.Owner), CID: rec.CID}
	hash := hashOf(name)
	if _, decided := r.decided[hash]; decided {
		return nil
	}
	r.decided[hash] = true
	known, err := r.Index.Known(ctx, name)
	if err != nil {
		return err
	}
	o := rec.Object
	switch {
	case known.Object != nil:
		r.tell(func(rep *Report) { rep.Objects.Known++ })
		return r.putGone(ctx, name, rec.Gone, true)
	case o == nil:
		return r.putGone(ctx, name, rec.Gone, true)
	case known.Gone != nil && !o.Stored.After(known.Gone.At) && (rec.Gone == nil || !rec.Gone.At.Equal(known.Gone.At)):
		return nil // it was removed after that
	}
	if end := o.Stored.Add(o.TTL); o.TTL > 0 && !end.After(r.now) {
		r.tell(func(rep *Report) { rep.Objects.Expired++ })
		gone := pack.Gone{At: end, Until: o.Stored.Add(max(o.TTL, index.Presumed) + index.Grave), Manifest: sha256.Sum256(o.Manifest)}
		if g := rec.Gone; g != nil && (g.Until.IsZero() || g.Until.After(gone.Until)) {
			gone.Until = g.Until
		}
		return r.putGone(ctx, name, &gone, false)
	}
	if err := r.restore(ctx, name, o); err != nil {
		return err
	}
	return r.putGone(ctx, name, rec.Gone, true)
}

func (r *run) putGone(ctx context.Context, name index.ObjectName, g *pack.Gone, backedUp bool) error {
	if g == nil {
		return nil
	}
	gone := index.Gone{At: g.At, Until: g.Until, Manifest: g.Manifest[:]}
	if !gone.Matters(r.now) {
		return nil
	}
	return r.Index.PutGone(ctx, name, gone, backedUp)
}

// restore brings back an object as it was, if its segments can be read.
func (r *run) restore(ctx context.Context, name index.ObjectName, o *pack.Object) error {
	m, err := manifest.Parse(o.Manifest)
	var ids []string
	var why string
	switch {
	case err != nil:
		why = err.Error()
	case m.CID != name.CID || wallet.AddressOf(m.Owner) != name.Owner:
		why = fmt.Sprintf("its manifest is of %s", m.CID)
	default:
		if ids, _, why, err = r.readable(ctx, name.Owner, m); err != nil {
			return err
		}
	}
	if why != "" {
		r.decided[hashOf(name)] = false
		r.problem(func(rep *Report) *int { return &rep.Objects.Incomplete }, "the backup: %s of %s cannot be read: %s", name.CID, name.Owner, why)
		return nil
	}
	return r.put(ctx, m, ids, index.Object{
		Owner: name.Owner, CID: name.CID, Size: m.Size, Stored: o.Stored, TTL: o.TTL, Manifest: o.Manifest, Signature: o.Signature[:],
		BackedUp: true,
	})
}

// put records an object, which ends its upload.
func (r *run) put(ctx context.Context, m manifest.Manifest, ids []string, o index.Object) error {
	if len(ids) > 0 {
		o.Upload = hex.EncodeToString(m.Upload[:])
	}
	o.Takes = m.Takes()
	gone, err := r.Index.PutObject(ctx, o, ids)
	if err != nil && gone == nil {
		return err
	} else if err != nil { // the object is there
		r.Log.Warn("the index has references of a file, or its upload, left", "cid", m.CID, "err", err)
	}
	r.tell(func(rep *Report) { rep.Objects.Restored++ })
	return nil
}
