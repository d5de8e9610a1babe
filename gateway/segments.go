package gateway

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// rootSize is the length of the root that comes behind a segment's bytes.
const rootSize = int64(len(erasure.Root{}))

// putSegment answers wire.PutSegment: it has miners hold the segment's shards.
func (g *Gateway) putSegment(ctx context.Context, from wire.Caller, m *wire.PutSegment, in wire.Body) (wire.Body, error) {
	spec, err := g.segmentSpec(from.Hotkey, m)
	if err != nil {
		return wire.Body{}, err
	}
	if in.Size != m.Size+rootSize {
		return wire.Body{}, wire.BadRequest("a segment of %d bytes comes with its root in a body of %d, not %d", m.Size, m.Size+rootSize, in.Size)
	}
	// The transport sees to it that the body moves. StoreTimeout is for all else.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(g.cfg.StoreTimeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	candidates, turn, done, err := g.receive(ctx, from, &spec, func() { cancel(errTooSlow) })
	if err != nil {
		return wire.Body{}, err
	}
	defer done()
	late.Stop()
	all := turn.body(ctx, in)
	check := func(root erasure.Root) error {
		late.Reset(g.cfg.StoreTimeout)
		var want erasure.Root
		if _, err := io.ReadFull(all, want[:]); err != nil {
			return fmt.Errorf("the segment's root: %w", err)
		}
		if root != want {
			return wire.Unparsable("the segment's bytes have another root than was sent with them; send it again")
		}
		return nil
	}
	body := &io.LimitedReader{R: all, N: m.Size}
	seg, outcomes, err := g.deps.Fleet.StoreSegment(ctx, spec, body, check, candidates)
	if err != nil && errors.Is(context.Cause(ctx), errTooSlow) {
		g.metrics.gaveWay.WithLabelValues("put segment").Inc()
		return wire.Body{}, errTooSlow
	} else if err != nil && ctx.Err() != nil && body.N > 0 {
		return wire.Body{}, &wire.Error{
			Status: wire.StatusTimeout, Err: err,
			Text: fmt.Sprintf("your connection brought %d of %d bytes of segment %d in the time there is", m.Size-body.N, m.Size, m.Index),
		}
	} else if err != nil {
		return wire.Body{}, unplaced(err, m.Index, len(candidates))
	}
	for _, o := range outcomes {
		if o.OK() {
			m.Held++
		}
	}
	if m.Held < int64(seg.Scheme.Total) {
		g.metrics.shortages.Inc()
		g.lacks(seg.ID)
		g.log.Warn("fewer miners hold shards of a segment than should", "segment", seg.ID, "held", m.Held, "scheme", seg.Scheme)
	}
	m.Data, m.Total = int64(seg.Scheme.Data), int64(seg.Scheme.Total)
	return wire.Body{}, nil
}

// receive waits for a segment's turn, which end says has to give way and done ends,
// reserves what it takes, and says how it is coded and who may hold it.
func (g *Gateway) receive(ctx context.Context, from wire.Caller, spec *fleet.SegmentSpec, end func()) (candidates []chain.Neuron, one *turn, done func(), err error) {
	unlock, err := g.files.lock(ctx, segmentName(spec.Owner, hex.EncodeToString(spec.Upload[:]), spec.Index))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("segment %d: another request brings it: %w", spec.Index, err)
	}
	if one, err = g.segments.take(ctx, from.Hotkey, end); err != nil {
		unlock()
		return nil, nil, nil, wire.Unavailable("busy: %d segments are on their way; try again later", g.cfg.Segments)
	}
	var release func()
	var known *index.Part
	if candidates, err = g.candidates(); err == nil {
		spec.Scheme, known, err = g.scheme(ctx, *spec, len(candidates))
	}
	if err == nil {
		release, err = g.reserveSegment(ctx, *spec, known)
	}
	if err != nil {
		one.close()
		unlock()
		return nil, nil, nil, err
	}
	return candidates, one, func() { release(); one.close(); unlock() }, nil
}

// segmentName is what changes to a place of an upload wait for each other by.
func segmentName(owner wallet.Address, upload string, place int) string {
	return fmt.Sprintf("%s %s %d", owner, upload, place)
}

// unplaced is for the user, why a segment found no place on so many miners.
func unplaced(err error, segment int64, miners int) error {
	switch {
	case errors.Is(err, fleet.ErrRoom):
		return &wire.Error{
			Status: wire.StatusFull, Err: err,
			Text: fmt.Sprintf("too few of %d miners may hold more: what one may is what it has shown that it can, see `filetao miner stats`", miners),
		}
	case errors.Is(err, index.ErrEnded):
		return &wire.Error{
			Status: wire.StatusUnavailable, Err: err,
			Text: fmt.Sprintf("segment %d was deleted while it was stored; send it again", segment),
		}
	case errors.Is(err, fleet.ErrShort):
		return &wire.Error{
			Status: wire.StatusUnavailable, Err: err,
			Text: fmt.Sprintf("too few of %d miners took their shard of segment %d; try again", miners, segment),
		}
	}
	return err
}

// scheme is how a segment is coded: as it was if it has been here before.
func (g *Gateway) scheme(ctx context.Context, spec fleet.SegmentSpec, miners int) (_ erasure.Scheme, known *index.Part, err error) {
	part, err := g.deps.Index.UploadPart(ctx, spec.Owner, hex.EncodeToString(spec.Upload[:]), spec.Index)
	if errors.Is(err, index.ErrNotFound) {
		return erasure.Choose(miners), nil, nil
	}
	return part.Scheme, &part, err
}

// segmentSpec is what a user says of a segment, checked.
func (g *Gateway) segmentSpec(owner wallet.Address, m *wire.PutSegment) (fleet.SegmentSpec, error) {
	ttl, err := g.ttlOr(m.TTL)
	switch {
	case err != nil:
		return fleet.SegmentSpec{}, err
	case len(m.Upload) != len(fleet.SegmentSpec{}.Upload):
		return fleet.SegmentSpec{}, errUpload(m.Upload)
	case len(m.Secret) != len(envelope.ShardSecret{}):
		return fleet.SegmentSpec{}, wire.BadRequest("a secret of %d bytes, want %d", len(m.Secret), len(envelope.ShardSecret{}))
	case m.Index < 0 || m.Index >= manifest.MaxSegments:
		return fleet.SegmentSpec{}, wire.BadRequest("segment %d: a file has up to %d", m.Index, manifest.MaxSegments)
	case m.Size < 1 || m.Size > manifest.SegmentSize:
		return fleet.SegmentSpec{}, wire.BadRequest("a segment of %d bytes: want 1 to %d", m.Size, manifest.SegmentSize)
	}
	return fleet.SegmentSpec{
		Owner: owner, Upload: [16]byte(m.Upload), Index: int(m.Index), Size: m.Size,
		Secret: envelope.ShardSecret(m.Secret), TTL: g.shardTTL(ttl),
	}, nil
}

func errUpload(upload []byte) error {
	return wire.BadRequest("an upload named by %d bytes, want 16", len(upload))
}

// ttlOr is a message's ttl in seconds, or the gateway's for 0.
func (g *Gateway) ttlOr(seconds int64) (time.Duration, error) {
	if seconds == 0 {
		return g.cfg.TTL, nil
	}
	return g.ttl(seconds)
}

// candidates are all miners in random order, but so that those of one coldkey or
// network do not follow each other as long as there are others.
func (g *Gateway) candidates() ([]chain.Neuron, error) {
	seed, err := g.seed()
	if err != nil {
		return nil, err
	}
	available := g.deps.Fleet.Available()
	if len(available) == 0 {
		return nil, wire.Unavailable("no miner is on the network; try again later")
	}
	return fleet.Apart(fleet.Draw(seed, available, len(available))), nil
}

// uploaded is a segment in the answer to UploadState.
type uploaded struct {
	Index int    `json:"index"`
	Size  int64  `json:"size"`
	Root  string `json:"root"`
	Data  int    `json:"data"`
	Total int    `json:"total"`
}

const (
	// maxState is how many segments of an upload one answer tells of, stateSize about
	// what one of them takes as the answer is put together, in bytes.
	maxState  = 4096
	stateSize = 1 << 10
)

// uploadState answers wire.UploadState with the segments that were durable when
// they were put and should be still. Whether they are shows when the file is
// committed, which takes back here what is not so.
func (g *Gateway) uploadState(ctx context.Context, from wire.Caller, m *wire.UploadState) error {
	switch {
	case len(m.Upload) != 16:
		return errUpload(m.Upload)
	case m.From < 0 || m.From >= manifest.MaxSegments:
		return wire.BadRequest("from segment %d: a file has up to %d", m.From, manifest.MaxSegments)
	case m.Limit < 1 || m.Limit > maxState:
		return wire.BadRequest("limit of %d: want 1 to %d", m.Limit, maxState)
	}
	if err := wire.Reserve(ctx, m.Limit*stateSize); err != nil {
		return err
	}
	parts, err := g.deps.Index.UploadParts(ctx, from.Hotkey, hex.EncodeToString(m.Upload), int(m.From), int(m.Limit))
	if err != nil {
		return err
	}
	now, list := g.deps.Now(), []uploaded{}
	for _, p := range parts {
		if p.Until.After(now) {
			list = append(list, uploaded{p.Index, p.Size, p.Root, p.Scheme.Data, p.Scheme.Total})
		}
	}
	if int64(len(parts)) == m.Limit {
		m.Next = int64(parts[len(parts)-1].Index+1) % manifest.MaxSegments // behind the last place is the end
	}
	m.Segments, err = json.Marshal(list)
	return err
}

// dropUpload answers wire.DropUpload.
func (g *Gateway) dropUpload(ctx context.Context, from wire.Caller, m *wire.DropUpload) error {
	if len(m.Upload) != 16 {
		return errUpload(m.Upload)
	}
	gone, err := g.deps.Index.DropUpload(ctx, from.Hotkey, hex.EncodeToString(m.Upload))
	if errors.Is(err, index.ErrNotFound) {
		return wire.NotFound("no such upload of yours is under way")
	} else if err != nil {
		return err
	}
	m.Dropped = true
	g.left.segments(gone)
	return nil
}
