package recovery

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// objects brings back the files that manifests name.
func (r *run) objects(ctx context.Context) error {
	if r.Manifests == nil {
		return nil
	}
	for doc := range r.Manifests {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := doc.manifest()
		if err != nil {
			r.problem(func(rep *Report) *int { return &rep.Objects.Refused }, "%s: %v", doc.Name, err)
			continue
		}
		if err := r.object(ctx, doc, m); err != nil {
			return err
		}
	}
	return nil
}

// manifest is the document's, if its owner has signed it.
func (d Document) manifest() (manifest.Manifest, error) {
	if d.Err != nil {
		return manifest.Manifest{}, d.Err
	}
	return d.Export.Verify(func(owner [32]byte, text, sig []byte) error {
		return wallet.Verify(wallet.AddressOf(owner), text, sig)
	})
}

// object brings back a file. Its errors are the index's.
func (r *run) object(ctx context.Context, doc Document, m manifest.Manifest) error {
	owner := wallet.AddressOf(m.Owner)
	conflict := func(rep *Report) *int { return &rep.Objects.Conflicts }
	known, err := r.Index.Object(ctx, owner, m.CID)
	switch {
	case err == nil && bytes.Equal(known.Manifest, doc.Export.Manifest):
		r.tell(func(rep *Report) { rep.Objects.Known++ })
		return nil
	case err == nil:
		r.problem(conflict, "%s: the index has %s of %s with another manifest", doc.Name, m.CID, owner)
		return nil
	case !errors.Is(err, index.ErrNotFound):
		return err
	}
	ids, until, why, err := r.readable(ctx, owner, m)
	if err != nil {
		return err
	}
	if why != "" {
		r.problem(func(rep *Report) *int { return &rep.Objects.Incomplete }, "%s: %s of %s cannot be read: %s", doc.Name, m.CID, owner, why)
		return nil
	}
	o := index.Object{Owner: owner, CID: m.CID, Size: m.Size, Stored: r.now, Manifest: doc.Export.Manifest, Signature: doc.Export.Signature}
	if !until.IsZero() {
		o.TTL = until.Sub(r.now)
	}
	if len(ids) > 0 {
		o.Upload = hex.EncodeToString(m.Upload[:])
	}
	gone, err := r.Index.PutObject(ctx, o, ids)
	if err != nil && gone == nil {
		return err
	} else if err != nil { // the object is there
		r.Log.Warn("the index has references of a file, or its upload, left", "cid", m.CID, "err", err)
	}
	r.tell(func(rep *Report) { rep.Objects.Restored++ })
	return nil
}

// readable says until when a file can be read: as long as its segments can be, zero
// for ever, and fleet.DefaultTTL from now for one without; or why it cannot be.
func (r *run) readable(ctx context.Context, owner wallet.Address, m manifest.Manifest) (ids []string, until time.Time, why string, err error) {
	if len(m.Segments) == 0 {
		return nil, r.now.Add(fleet.DefaultTTL), "", nil
	}
	for i, part := range m.Segments {
		id := proof.Digest(m.ID(i)).String()
		s, err := r.Index.Segment(ctx, id)
		if errors.Is(err, index.ErrNotFound) {
			return nil, until, fmt.Sprintf("no miner has segment %d", i), nil
		} else if err != nil {
			return nil, until, "", err
		}
		if s.Owner != owner || s.Scheme != part.Scheme || !bytes.Equal(s.Secret, m.Secret[:]) {
			return nil, until, fmt.Sprintf("segment %d is coded %v in the index, under a secret of its own", i, s.Scheme), nil
		}
		held, err := r.Index.Shards(ctx, id)
		if err != nil {
			return nil, until, "", err
		}
		ends, ok := lasts(held, s.Scheme.Data)
		if !ok {
			return nil, until, fmt.Sprintf("segment %d of %d has %d shards of %v", i, len(m.Segments), distinct(held), s.Scheme), nil
		}
		if until.IsZero() || !ends.IsZero() && ends.Before(until) {
			until = ends
		}
		ids = append(ids, id)
	}
	if !until.IsZero() && !until.After(r.now) {
		return nil, until, "its time is over", nil
	}
	return ids, until, "", nil
}

// lasts is until when there are so many different shards; zero for ever. It is
// false if there are not.
func lasts(held []index.Holding, data int) (time.Time, bool) {
	const forEver = 1 << 62 // seconds, beyond all times
	latest := map[int]int64{}
	for _, h := range held {
		end := int64(forEver)
		if h.TTL > 0 {
			end = h.Stored.Add(h.TTL).Unix()
		}
		latest[h.Number] = max(latest[h.Number], end)
	}
	if len(latest) < data {
		return time.Time{}, false
	}
	var ends []int64
	for _, end := range latest {
		ends = append(ends, end)
	}
	slices.Sort(ends)
	if end := ends[len(ends)-data]; end < forEver {
		return time.Unix(end, 0), true
	}
	return time.Time{}, true
}
