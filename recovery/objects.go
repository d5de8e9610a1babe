package recovery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

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
	name := index.ObjectName{Owner: owner, CID: m.CID}
	known, err := r.Index.Known(ctx, name)
	if err != nil {
		return err
	}
	o := known.Object
	switch {
	case o != nil && bytes.Equal(o.Manifest, doc.Export.Manifest):
		r.tell(func(rep *Report) { rep.Objects.Known++ })
		return nil
	case o != nil:
		r.problem(func(rep *Report) *int { return &rep.Objects.Conflicts }, "%s: the index has %s of %s with another manifest", doc.Name, m.CID, owner)
		return nil
	case removed(known.Gone, doc.Export.Manifest, m):
		r.problem(func(rep *Report) *int { return &rep.Objects.Deleted }, "%s: %s of %s was deleted, or ended, on %s", doc.Name, m.CID, owner, known.Gone.At.UTC().Format(time.RFC3339))
		return nil
	}
	if could, tried := r.decided[hashOf(name)]; tried && !could {
		return nil // it cannot be read, and that was said
	}
	ids, until, why, err := r.readable(ctx, owner, m)
	if err != nil {
		return err
	}
	if why != "" {
		r.problem(func(rep *Report) *int { return &rep.Objects.Incomplete }, "%s: %s of %s cannot be read: %s", doc.Name, m.CID, owner, why)
		return nil
	}
	next := index.Object{Owner: owner, CID: m.CID, Size: m.Size, Stored: r.now, Manifest: doc.Export.Manifest, Signature: doc.Export.Signature}
	if len(ids) == 0 {
		// Nothing says for how long it was to be kept.
		if until = time.Unix(m.Created, 0).Add(index.Presumed); !until.After(r.now) {
			r.problem(func(rep *Report) *int { return &rep.Objects.Expired }, "%s: %s of %s is older than files are kept by default, and the backup does not have it", doc.Name, m.CID, owner)
			return nil
		}
		if latest := r.now.Add(index.Presumed); until.After(latest) {
			until = latest
		}
	}
	if !until.IsZero() {
		next.TTL = until.Sub(r.now)
	}
	return r.put(ctx, m, ids, next)
}

// removed says whether a manifest is of what was removed, or of something before it.
func removed(g *index.Gone, text []byte, m manifest.Manifest) bool {
	if g == nil {
		return false
	}
	digest := sha256.Sum256(text)
	return bytes.Equal(digest[:], g.Manifest) || !time.Unix(m.Created, 0).After(g.At)
}

// readable says until when a file's segments can be read, zero for ever, or why they
// cannot be.
func (r *run) readable(ctx context.Context, owner wallet.Address, m manifest.Manifest) (ids []string, until time.Time, why string, err error) {
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
