package gateway

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// commitObject answers wire.CommitObject: the file is there, whole, or it is not.
func (g *Gateway) commitObject(ctx context.Context, from wire.Caller, m *wire.CommitObject) error {
	ttl, err := g.ttlOr(m.TTL)
	if err != nil {
		return err
	}
	man, err := checkManifest(from.Hotkey, m)
	if err != nil {
		return err
	}
	if len(man.Segments) > 1 && man.SegmentSize < g.cfg.MinSegment {
		return wire.BadRequest("%d segments of %d bytes: of more than one each but the last has %d or more", len(man.Segments), man.SegmentSize, g.cfg.MinSegment)
	}
	unlock, err := g.files.lock(ctx, string(from.Hotkey)+man.CID)
	if err != nil {
		return fmt.Errorf("commit %s: another request works on the file: %w", man.CID, err)
	}
	defer unlock()
	o := index.Object{
		Owner: from.Hotkey, CID: man.CID, Size: man.Size, Manifest: m.Manifest, Signature: m.Signature,
		Stored: g.deps.Now(), TTL: ttl, Takes: man.Takes(),
	}
	if len(man.Segments) > 0 {
		o.Upload = hex.EncodeToString(man.Upload[:])
	}
	done, err := g.reserveObject(ctx, o, len(man.Segments))
	if err != nil {
		return err
	}
	defer done()
	until, err := g.until(ctx, &o)
	if err != nil {
		return err
	}
	segments, lives, err := g.committable(ctx, man, until)
	if err != nil {
		return err
	}
	o.Lives = lives
	gone, err := g.deps.Index.PutObject(ctx, o, segments)
	if gone == nil && (errors.Is(err, index.ErrNotFound) || errors.Is(err, index.ErrEnded)) {
		return wire.Conflict("a segment is not here any more: send it again, then commit")
	} else if err != nil && gone == nil {
		return err
	} else if err != nil {
		g.log.Warn("the index has references of a file that was overwritten, or its upload, left", "cid", man.CID, "err", err)
	}
	m.Expires = expires(o)
	g.log.Info("file stored", "cid", man.CID, "owner", from.Hotkey, "bytes", man.Size, "segments", len(segments))
	if len(gone) > 0 {
		g.left.object(index.ObjectName{Owner: o.Owner, CID: o.CID})
	}
	return nil
}

// until is when a file ends that is to be put: as it says, or as the one does that
// it takes the place of, whichever is later. It then says so.
func (g *Gateway) until(ctx context.Context, o *index.Object) (time.Time, error) {
	old, err := g.deps.Index.Object(ctx, o.Owner, o.CID)
	if err != nil && !errors.Is(err, index.ErrNotFound) {
		return time.Time{}, err
	}
	if err == nil && old.Outlasts(o.Stored, o.TTL) {
		o.Stored, o.TTL = old.Stored, old.TTL
	}
	return g.end(*o), nil
}

// end is when a file ends; of one that never does, as late as there is.
func (g *Gateway) end(o index.Object) time.Time {
	if o.TTL <= 0 {
		return g.deps.Now().Add(g.cfg.MaxTTL)
	}
	return o.Stored.Add(o.TTL)
}

// checkManifest reads a manifest that its owner has signed, who is the caller.
func checkManifest(owner wallet.Address, m *wire.CommitObject) (manifest.Manifest, error) {
	man, err := manifest.Parse(m.Manifest)
	if err != nil {
		return man, wire.BadRequest("%w", err)
	}
	if wallet.AddressOf(man.Owner) != owner {
		return man, wire.Forbidden("the manifest is %s's, and you are %s", wallet.AddressOf(man.Owner), owner)
	}
	if err := wallet.Verify(owner, man.Text(), m.Signature); err != nil {
		return man, wire.Unauthorized("the manifest's signature: %w", err)
	}
	return man, nil
}

func segmentID(man manifest.Manifest, i int) string {
	s := man.Segments[i]
	return proof.Digest(manifest.SegmentID(man.Owner, man.Upload, i, s.Size, s.Root)).String()
}

// object is a file of an owner's, without the IDs of its segments, and its manifest, or 404.
func (g *Gateway) object(ctx context.Context, owner wallet.Address, id string) (index.Object, manifest.Manifest, error) {
	if err := cid.Parse(id); err != nil {
		return index.Object{}, manifest.Manifest{}, wire.BadRequest("cid: %w", err)
	}
	known, err := g.deps.Index.Known(ctx, index.ObjectName{Owner: owner, CID: id})
	if err != nil {
		return index.Object{}, manifest.Manifest{}, err
	}
	if known.Object == nil || known.Object.Expired(g.deps.Now()) {
		return index.Object{}, manifest.Manifest{}, notFound(id)
	}
	man, err := manifest.Parse(known.Object.Manifest)
	if err != nil {
		return *known.Object, man, fmt.Errorf("the manifest of %s: %w", id, err)
	}
	return *known.Object, man, nil
}

// segmentsOf is how many segments a file of an owner's has, or 404.
func (g *Gateway) segmentsOf(ctx context.Context, owner wallet.Address, id string) (int, error) {
	if err := cid.Parse(id); err != nil {
		return 0, wire.BadRequest("cid: %w", err)
	}
	n, err := g.deps.Index.ObjectSegments(ctx, owner, id)
	if errors.Is(err, index.ErrNotFound) {
		err = notFound(id)
	}
	return n, err
}

// openObject answers wire.OpenObject.
func (g *Gateway) openObject(ctx context.Context, from wire.Caller, m *wire.OpenObject) error {
	o, man, err := g.object(ctx, from.Hotkey, m.CID)
	if err != nil {
		return err
	}
	if m.From < 0 || m.Count < 0 || m.Count > maxPlaced || m.From > int64(len(man.Segments)) {
		return wire.BadRequest("%d segments from %d on: the file has %d, and up to %d are told of at once", m.Count, m.From, len(man.Segments), maxPlaced)
	}
	first := int(m.From)
	end := min(first+int(m.Count), len(man.Segments))
	if err := wire.Reserve(ctx, placementSize(man.Segments[first:end])+int64(len(o.Manifest))); err != nil {
		return err
	}
	where, miners := manifest.Placement{}, g.miners()
	for i := first; i < end; i++ {
		held, err := g.deps.Index.Shards(ctx, segmentID(man, i))
		if err != nil {
			return err
		}
		places := make([]manifest.Place, len(held))
		for j, h := range held {
			places[j] = manifest.Place{Number: h.Number, Miner: string(h.Holder), Root: h.Replica}
			if n, ok := miners[h.Holder]; ok {
				places[j].Addr = n.Axon.AddrPort().String()
			}
		}
		where.Segments = append(where.Segments, places)
	}
	if m.Signature, m.Expires = o.Signature, expires(o); first == 0 {
		m.Manifest = o.Manifest
	}
	m.Placement, err = json.Marshal(where)
	return err
}

// expires is when a file ends, in Unix seconds; 0 for never.
func expires(o index.Object) int64 {
	if o.TTL <= 0 {
		return 0
	}
	return o.Stored.Add(o.TTL).Unix()
}

// listed is a file in the answer to ListObjects.
type listed struct {
	CID     string `json:"cid"`
	Size    int64  `json:"size"`
	Stored  int64  `json:"stored"`
	Expires int64  `json:"expires"`
}

// maxList is how many files one answer lists.
const maxList = 1000

// listObjects answers wire.ListObjects.
func (g *Gateway) listObjects(ctx context.Context, from wire.Caller, m *wire.ListObjects) error {
	if m.Limit < 1 || m.Limit > maxList {
		return wire.BadRequest("limit of %d: want 1 to %d", m.Limit, maxList)
	}
	page, err := g.deps.Index.Objects(ctx, from.Hotkey, m.After, int(m.Limit))
	if err != nil {
		return err
	}
	list := make([]listed, len(page))
	for i, o := range page {
		list[i] = listed{o.CID, o.Size, o.Stored.Unix(), expires(o)}
	}
	m.Objects, err = json.Marshal(list)
	return err
}

// renewObject answers wire.RenewObject: the miners first, then the index. Miners
// keep shards for as long as they have pledged to also when the file ends earlier,
// and are told to drop them then.
func (g *Gateway) renewObject(ctx context.Context, from wire.Caller, m *wire.RenewObject) error {
	ttl, err := g.ttlOr(m.TTL)
	if err != nil {
		return err
	}
	unlock, err := g.files.lock(ctx, string(from.Hotkey)+m.CID)
	if err != nil {
		return fmt.Errorf("renew %s: another request works on the file: %w", m.CID, err)
	}
	defer unlock()
	o, man, err := g.object(ctx, from.Hotkey, m.CID)
	if err != nil {
		return err
	}
	renew, now := g.deps.Index.RenewObject, g.deps.Now()
	if m.Shorten {
		renew = g.deps.Index.ShortenObject
	}
	if m.Shorten || !o.Outlasts(now, ttl) {
		o.Stored, o.TTL = now, ttl
	}
	if err := g.eachSegment(ctx, man, func(ctx context.Context, i int, id string) error {
		return g.prolong(ctx, man, i, id, g.end(o))
	}); err != nil {
		return err
	}
	if err := renew(ctx, from.Hotkey, m.CID, now, ttl); errors.Is(err, index.ErrNotFound) {
		return notFound(m.CID)
	} else if err != nil {
		return err
	}
	m.Expires = expires(o)
	return nil
}

// deleteObject answers wire.DeleteObject once the index has forgotten the file. Its
// segments end afterwards, and the miners are told.
func (g *Gateway) deleteObject(ctx context.Context, from wire.Caller, m *wire.DeleteObject) error {
	if err := cid.Parse(m.CID); err != nil {
		return wire.BadRequest("cid: %w", err)
	}
	unlock, err := g.files.lock(ctx, string(from.Hotkey)+m.CID)
	if err != nil {
		return fmt.Errorf("delete %s: another request works on the file: %w", m.CID, err)
	}
	defer unlock()
	gone, err := g.deps.Index.RemoveObject(ctx, from.Hotkey, m.CID)
	if errors.Is(err, index.ErrNotFound) {
		return notFound(m.CID)
	} else if err != nil && gone == nil {
		return err
	} else if err != nil {
		g.log.Warn("the index has references of a deleted file left", "cid", m.CID, "err", err)
	}
	m.Deleted = true
	g.log.Info("file deleted", "cid", m.CID, "owner", from.Hotkey)
	if len(gone.Segments) > 0 {
		g.left.object(index.ObjectName{Owner: from.Hotkey, CID: m.CID})
	}
	return nil
}
