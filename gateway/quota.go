package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Quota is how much of each one hotkey may have at the gateways over one index; 0
// and less is no limit.
type Quota struct {
	Bytes    int64 // on all disks: shards as they are coded, manifests with what is in them, and replicas
	Objects  int64 // and files that come whole
	Segments int64
	Uploads  int64 // begun and neither committed nor dropped
}

// quotas keep users within theirs. What requests under way are about to add counts
// too, so that many at once do not get more together; those of another gateway over
// the same index are seen once they are done.
type quotas struct {
	all  Quota
	each map[wallet.Address]Quota

	mu      sync.Mutex // guards what follows
	pending map[wallet.Address]index.Usage
	begun   map[wallet.Address]map[string]int // requests under way of each upload
}

func newQuotas(cfg Config) *quotas {
	return &quotas{all: cfg.Quota, each: cfg.Quotas, pending: map[wallet.Address]index.Usage{}, begun: map[wallet.Address]map[string]int{}}
}

// of is a user's.
func (q *quotas) of(user wallet.Address) Quota {
	if own, ok := q.each[user]; ok {
		return own
	}
	return q.all
}

// unlimited says whether nothing of what is to be added has a limit.
func (q Quota) unlimited(u index.Usage) bool {
	return (q.Bytes <= 0 || u.Bytes == 0) && (q.Objects <= 0 || u.Objects == 0) &&
		(q.Segments <= 0 || u.Segments == 0)
}

// change notes what a request is about to add, or no more. It returns all that is
// pending of the user's.
func (q *quotas) change(user wallet.Address, u index.Usage) index.Usage {
	q.mu.Lock()
	defer q.mu.Unlock()
	sum := q.pending[user].Add(u)
	if q.pending[user] = sum; sum == (index.Usage{}) {
		delete(q.pending, user)
	}
	return sum
}

// begin counts a request of an upload, until over. It returns all of the user's
// uploads of which there are requests, this one's included.
func (q *quotas) begin(user wallet.Address, upload string) (begun []string, over func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.begun[user] == nil {
		q.begun[user] = map[string]int{}
	}
	q.begun[user][upload]++
	return slices.Collect(maps.Keys(q.begun[user])), func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.begun[user][upload]--; q.begun[user][upload] == 0 {
			delete(q.begun[user], upload)
		}
		if len(q.begun[user]) == 0 {
			delete(q.begun, user)
		}
	}
}

// reserveUpload has a user's upload count, until over, whether the index has it yet
// or not. It fails with 429.
func (g *Gateway) reserveUpload(ctx context.Context, user wallet.Address, upload string) (over func(), err error) {
	begun, over := g.quotas.begin(user, upload)
	quota := g.quotas.of(user)
	if quota.Uploads <= 0 {
		return over, nil
	}
	has, err := g.deps.Index.UploadUsage(ctx, user, upload)
	if err == nil && has.Uploads == 0 {
		err = g.newUpload(ctx, user, quota, begun)
	}
	if err != nil {
		over()
		return nil, err
	}
	return over, nil
}

// newUpload fails if those that have begun, of which one is new, are too many beside
// those that the index has.
func (g *Gateway) newUpload(ctx context.Context, user wallet.Address, quota Quota, begun []string) error {
	var coming int64
	for _, upload := range begun {
		has, err := g.deps.Index.UploadUsage(ctx, user, upload)
		if err != nil {
			return err
		}
		coming += 1 - has.Uploads
	}
	// What comes into the index in this moment counts twice, rather than not at all.
	taken, err := g.deps.Index.Usage(ctx, user)
	if err != nil {
		return err
	}
	return quota.check(index.Usage{Uploads: taken.Uploads + coming}, index.Usage{Uploads: 1})
}

// reserveSegment is reserve for a segment, that is new to its upload or takes the
// place of another one.
func (g *Gateway) reserveSegment(ctx context.Context, spec fleet.SegmentSpec, known *index.Part) (done func(), err error) {
	over, err := g.reserveUpload(ctx, spec.Owner, hex.EncodeToString(spec.Upload[:]))
	if err != nil {
		return nil, err
	}
	add := index.Usage{Segments: 1, Bytes: spec.Scheme.ShardSize(spec.Size) * int64(spec.Scheme.Total)}
	if known != nil {
		add.Segments, add.Bytes = 0, max(add.Bytes-known.Scheme.ShardSize(known.Size)*int64(known.Scheme.Total), 0)
	}
	release, err := g.reserve(ctx, spec.Owner, add)
	if err != nil {
		over()
		return nil, err
	}
	return func() { release(); over() }, nil
}

// reserveObject is reserve for an object, in the place of its upload and of the one
// of that name that there may be.
func (g *Gateway) reserveObject(ctx context.Context, o index.Object, segments int) (done func(), err error) {
	add := index.Usage{Bytes: o.Takes, Objects: 1, Segments: int64(segments)}
	if g.quotas.of(o.Owner).unlimited(add) {
		return g.reserve(ctx, o.Owner, index.Usage{})
	}
	old, err := g.deps.Index.Object(ctx, o.Owner, o.CID)
	if err == nil {
		add.Bytes, add.Objects, add.Segments = add.Bytes-max(old.Takes, old.Size), 0, add.Segments-int64(len(old.Segments))
	} else if !errors.Is(err, index.ErrNotFound) {
		return nil, err
	}
	if o.Upload != "" {
		has, err := g.deps.Index.UploadUsage(ctx, o.Owner, o.Upload)
		if err != nil {
			return nil, err
		}
		add.Bytes, add.Segments = add.Bytes-has.Bytes, add.Segments-has.Segments
	}
	add.Bytes, add.Segments = max(add.Bytes, 0), max(add.Segments, 0)
	return g.reserve(ctx, o.Owner, add)
}

// reserveFile is reserve for a file that comes whole, which may be the owner's already.
func (g *Gateway) reserveFile(ctx context.Context, id string, own index.Ownership) (done func(), err error) {
	add := index.Usage{Bytes: own.Takes, Objects: 1}
	if g.quotas.of(own.Owner).unlimited(add) {
		return g.reserve(ctx, own.Owner, index.Usage{})
	}
	old, err := g.deps.Index.Ownership(ctx, id, own.Owner)
	if err == nil {
		size := own.Takes / int64(g.cfg.Redundancy)
		add.Bytes, add.Objects = max(add.Bytes-max(old.Takes, size), 0), 0
	} else if !errors.Is(err, index.ErrNotFound) {
		return nil, err
	}
	return g.reserve(ctx, own.Owner, add)
}

// reserve has a user add something other than uploads, until done, by when it is in
// the index or does not come. It fails with 507.
func (g *Gateway) reserve(ctx context.Context, user wallet.Address, add index.Usage) (done func(), err error) {
	if err := g.room(); err != nil {
		return nil, err
	}
	quota := g.quotas.of(user)
	if quota.unlimited(add) {
		return func() {}, nil
	}
	pending := g.quotas.change(user, add)
	done = func() {
		g.quotas.change(user, index.Usage{Bytes: -add.Bytes, Objects: -add.Objects, Segments: -add.Segments})
	}
	taken, err := g.deps.Index.Usage(ctx, user)
	if err == nil {
		err = quota.check(taken.Add(pending), add)
	}
	if err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// usage answers wire.Usage.
func (g *Gateway) usage(ctx context.Context, from wire.Caller, m *wire.Usage) error {
	u, err := g.deps.Index.Usage(ctx, from.Hotkey)
	if err != nil {
		return err
	}
	q := g.quotas.of(from.Hotkey)
	*m = wire.Usage{
		Bytes: u.Bytes, Objects: u.Objects, Segments: u.Segments, Uploads: u.Uploads,
		MaxBytes: max(q.Bytes, 0), MaxObjects: max(q.Objects, 0), MaxSegments: max(q.Segments, 0), MaxUploads: max(q.Uploads, 0),
	}
	return nil
}

// check says which limit all together, something that is to be added included, would
// exceed.
func (q Quota) check(sum, add index.Usage) error {
	over := func(limit, sum, add int64) bool { return limit > 0 && add > 0 && sum > limit }
	const hint = "delete some, or wait until the time of some is over"
	switch {
	case over(q.Bytes, sum.Bytes, add.Bytes):
		return wire.Full("your files take %s of the %s that this gateway gives a hotkey, and this would add %s: %s",
			size(sum.Bytes-add.Bytes), size(q.Bytes), size(add.Bytes), hint)
	case over(q.Objects, sum.Objects, add.Objects):
		return wire.Full("you have %d of the %d files that this gateway keeps for a hotkey: %s", sum.Objects-add.Objects, q.Objects, hint)
	case over(q.Segments, sum.Segments, add.Segments):
		return wire.Full("your files have %d of the %d segments that this gateway keeps for a hotkey: %s", sum.Segments-add.Segments, q.Segments, hint)
	case over(q.Uploads, sum.Uploads, add.Uploads):
		return wire.TooMany("%d files of yours are on their way, and this gateway takes %d at a time of a hotkey: put those again that were "+
			"broken off, which finishes them, or wait until they are dropped", sum.Uploads-add.Uploads, q.Uploads)
	}
	return nil
}

// size is a number of bytes for people.
func size(bytes int64) string {
	const units = "KMGTPE"
	value, unit := float64(bytes), -1
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit < 0 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// room is 507 if the index's disk is nearly full.
func (g *Gateway) room() error {
	if err := g.deps.Index.Room(); err != nil {
		g.log.Error("nothing more is stored", "err", err)
		return diskFull(err)
	}
	return nil
}

// diskFull is what a user is told then.
func diskFull(err error) error {
	return &wire.Error{
		Status: wire.StatusFull, Err: err,
		Text: "the gateway's disk is full: try another gateway, or later; its operator has to make room",
	}
}

// full makes 507 of an error of the index that comes of a full disk.
func full(err error) error {
	if wire.StatusOf(err) == wire.StatusInternal && errors.Is(err, index.ErrFull) {
		return diskFull(err)
	}
	return err
}
