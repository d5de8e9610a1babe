package index_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// world is what an index shows of segments: a line for everything there is, and
// what is to be known of it.
type world map[string]string

// history is random things done to an index that dies now and then between two
// commits, and what it has shown last.
type history struct {
	ctx     context.Context
	kv      *mortal
	x       *index.Index
	world   world
	counted map[string]map[string]bool // of segments that are needed: who Shards says holds one
	seen    map[string]*sight          // of segments, by their IDs
}

// Whatever is done, in whatever order, and wherever it is cut off: what is needed
// stays, and of the rest nothing is left after a Sweep.
func TestSegmentHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
		h := &history{ctx: t.Context(), kv: kv, x: index.New(kv), world: world{}, counted: map[string]map[string]bool{}, seen: map[string]*sight{}}
		rt.Repeat(map[string]func(*rapid.T){
			"put segment":   h.putSegment,
			"put segment 2": h.putSegment,
			"put shard":     h.putShard,
			"put shard 2":   h.putShard,
			"see segment":   h.seeSegment,
			"put object":    h.putObject,
			"remove object": h.removeObject,
			"drop upload":   h.dropUpload,
			"drop shard":    h.dropShard,
			"dropped":       h.dropped,
			"end segment":   h.endSegment,
			"end left":      h.endLeft,
			"sweep":         h.sweep,
			"":              h.check,
		})
		h.finish(rt)
	})
}

func draw(rt *rapid.T, what string, n uint32) uint32 {
	return rapid.Uint32Range(0, n-1).Draw(rt, what)
}

// segment is one of few, in one of two ways.
func (h *history) segment(rt *rapid.T) index.Segment {
	n := draw(rt, "segment", 4)
	s := indextest.Segment(draw(rt, "owner", 2), draw(rt, "upload", 2), n)
	s.Index = int(n % 2)
	if draw(rt, "scheme", 3) == 0 {
		s.Scheme = erasure.Scheme{Data: 1, Total: 2}
	}
	return s
}

// known is a segment that there is, mostly.
func (h *history) known(rt *rapid.T) string {
	var ids []string
	for k := range h.world {
		if kind, name, _ := strings.Cut(k, " "); kind == "segment" {
			ids = append(ids, name)
		}
	}
	if slices.Sort(ids); len(ids) > 0 && draw(rt, "known", 8) > 0 {
		return rapid.SampledFrom(ids).Draw(rt, "id")
	}
	return h.segment(rt).ID
}

func holder(rt *rapid.T) wallet.Address { return indextest.Address(draw(rt, "holder", 3)) }

// needed are the segments that an object or an upload has.
func (w world) needed() map[string]bool {
	ids := map[string]bool{}
	for k, v := range w {
		if strings.HasPrefix(k, "part ") || strings.HasPrefix(k, "object ") {
			for _, id := range strings.Fields(v) {
				ids[id] = true
			}
		}
	}
	delete(ids, ".")
	return ids
}

// try does something that makes the world as it is in after, or fails with want
// and changes nothing, unless the index dies of it.
func (h *history) try(rt *rapid.T, after world, want error, do func() error) {
	if want != nil {
		after = h.world
	}
	left := rapid.SampledFrom([]int{-1, -1, -1, 0, 1, 2, 3, 4, 5, 7, 9}).Draw(rt, "dies after")
	h.kv.revive(left, rapid.Bool().Draw(rt, "last one done"))
	err := do()
	died := h.kv.dead
	h.kv.revive(-1, false)
	if died {
		h.x = index.New(h.kv)
	}
	got := h.look(rt)
	if !died && (!errors.Is(err, want) || !maps.Equal(got, after)) {
		rt.Fatalf("error %v, want %v\ngot %v\nwas %v\nwant %v", err, want, got, h.world, after)
	}
	for _, w := range []world{got, h.world, after} {
		for k := range w {
			if got[k] != h.world[k] && got[k] != after[k] {
				rt.Fatalf("%s became %q, was %q, should be %q", k, got[k], h.world[k], after[k])
			}
		}
	}
	for k, v := range h.world { // a shard turns into a drop at once
		if drop := dropOf(k, v); drop != "" && got[k] == "" && after[drop] != "" && got[drop] == "" {
			rt.Fatalf("%s has gone without a drop", k)
		}
	}
	h.world = got
	h.notice()
}

// dropOf is the line of the drop that a shard's becomes; "" for other lines.
func dropOf(k, v string) string {
	if !strings.HasPrefix(k, "shard ") {
		return ""
	}
	return "drop " + strings.Fields(k)[1] + " " + strings.Fields(v)[2]
}

// look lists the world.
func (h *history) look(rt *rapid.T) world {
	w := world{}
	note := func(err error, k string, v ...any) {
		if err != nil {
			rt.Fatal(err)
		}
		w[k] = strings.TrimSpace(fmt.Sprintln(v...))
	}
	for s, err := range h.x.AllSegments(h.ctx) {
		note(err, "segment "+s.ID, s.Scheme)
	}
	for u, err := range h.x.Uploads(h.ctx) {
		note(err, fmt.Sprintf("upload %s %s", u.Owner, u.ID), "there")
		_, parts, err := h.x.Upload(h.ctx, u.Owner, u.ID)
		for _, s := range parts {
			note(err, fmt.Sprintf("part %s %s %d", s.Owner, s.Upload, s.Index), s.ID)
		}
	}
	for o, err := range h.x.AllObjects(h.ctx) {
		o, objectErr := h.x.Object(h.ctx, o.Owner, o.CID)
		note(errors.Join(err, objectErr), fmt.Sprintf("object %s %s", o.Owner, o.CID), ". "+strings.Join(o.Segments, " "))
	}
	for o, err := range h.x.Left(h.ctx) {
		note(err, leftBy(o.Owner, o.CID), h.listed(o))
	}
	for a, err := range h.x.AllHolders(h.ctx) {
		for s, err := range h.x.Holdings(h.ctx, a, index.KindShard) {
			note(err, fmt.Sprintf("shard %s %s", a, s.Hash), s.Number, s.Size, s.Replica)
		}
		for d, err := range h.x.Drops(h.ctx, a) {
			note(err, fmt.Sprintf("drop %s %s", a, d.Replica), "there")
		}
		if err != nil {
			rt.Fatal(err)
		}
	}
	return w
}

func (h *history) putSegment(rt *rapid.T) {
	s, after, want := h.segment(rt), maps.Clone(h.world), error(nil)
	if scheme := h.world["segment "+s.ID]; scheme != "" && scheme != s.Scheme.String() {
		want = index.ErrConflict
	}
	after["segment "+s.ID], after[fmt.Sprintf("upload %s %s", s.Owner, s.Upload)] = s.Scheme.String(), "there"
	after[fmt.Sprintf("part %s %s %d", s.Owner, s.Upload, s.Index)] = s.ID
	life, over := h.life(rt, s.ID)
	if over {
		want = index.ErrEnded
	}
	h.try(rt, after, want, func() error { return h.x.PutPart(h.ctx, index.Part{Segment: s, Life: life}, time.Unix(1, 0)) })
}

func (h *history) putShard(rt *rapid.T) {
	s, after, want := h.segment(rt), maps.Clone(h.world), error(nil)
	shard := indextest.Shard(s, draw(rt, "holder", 3), int(draw(rt, "number", 2)))
	key, value := fmt.Sprintf("shard %s %s", shard.Holder, s.ID), fmt.Sprintf("%d %d %s", shard.Number, shard.Size, shard.Replica)
	if old := h.world[key]; old != "" && old != value {
		want = index.ErrConflict
	}
	life, over := h.life(rt, s.ID)
	if over && want == nil {
		want = index.ErrEnded
	}
	after[key] = value
	delete(after, dropOf(key, value))
	var err error
	h.try(rt, after, want, func() error { err = h.x.PutShardIn(h.ctx, life, shard); return err })
	if counted := h.counted[s.ID]; err == nil && counted != nil && h.fits(s.ID, shard.Size) {
		counted[string(shard.Holder)] = true // from when it was acknowledged
	}
}

// fits says whether shards of a segment that is there have that size.
func (h *history) fits(id string, size int64) bool {
	s, err := h.x.Segment(h.ctx, id)
	return err == nil && s.Scheme.ShardSize(s.Size) == size
}

func (h *history) putObject(rt *rapid.T) {
	o := index.Object{
		Owner: indextest.Address(draw(rt, "owner", 2)), CID: indextest.CID(draw(rt, "cid", 2)), Upload: indextest.UploadID(draw(rt, "upload", 2)),
		Manifest: []byte("m"), Signature: make([]byte, index.SignatureSize), TTL: time.Duration(draw(rt, "ttl", 2)),
	}
	after, want, ids := maps.Clone(h.world), error(nil), []string(nil)
	for range draw(rt, "segments", 3) {
		ids = append(ids, h.known(rt))
		if h.world["segment "+ids[len(ids)-1]] == "" {
			want = index.ErrNotFound
		}
	}
	after.leave(o.Owner, o.CID, ids)
	after[fmt.Sprintf("object %s %s", o.Owner, o.CID)] = strings.TrimSpace(". " + strings.Join(ids, " "))
	after.endUpload(o.Owner, o.Upload)
	h.try(rt, after, want, func() error { _, err := h.x.PutObject(h.ctx, o, ids); return err })
}

func (w world) endUpload(owner wallet.Address, upload string) {
	maps.DeleteFunc(w, func(k, _ string) bool {
		return strings.HasPrefix(k, fmt.Sprintf("part %s %s ", owner, upload)) || k == fmt.Sprintf("upload %s %s", owner, upload)
	})
}

func (h *history) removeObject(rt *rapid.T) {
	owner, cid := indextest.Address(draw(rt, "owner", 2)), indextest.CID(draw(rt, "cid", 2))
	key, after, want := fmt.Sprintf("object %s %s", owner, cid), maps.Clone(h.world), error(nil)
	if h.world[key] == "" {
		want = index.ErrNotFound
	}
	after.leave(owner, cid, nil)
	delete(after, key)
	h.try(rt, after, want, func() error { _, err := h.x.RemoveObject(h.ctx, owner, cid); return err })
}

func (h *history) dropUpload(rt *rapid.T) {
	owner, upload := indextest.Address(draw(rt, "owner", 2)), indextest.UploadID(draw(rt, "upload", 2))
	after, want := maps.Clone(h.world), error(nil)
	if h.world[fmt.Sprintf("upload %s %s", owner, upload)] == "" {
		want = index.ErrNotFound
	}
	after.endUpload(owner, upload)
	h.try(rt, after, want, func() error { _, err := h.x.DropUpload(h.ctx, owner, upload); return err })
}

func (h *history) dropShard(rt *rapid.T) {
	a, id, after := holder(rt), h.known(rt), maps.Clone(h.world)
	key := fmt.Sprintf("shard %s %s", a, id)
	if value := after[key]; value != "" {
		after[dropOf(key, value)] = "there"
		delete(after, key)
	}
	h.try(rt, after, nil, func() error { return h.x.DropShard(h.ctx, a, id) })
}

func (h *history) dropped(rt *rapid.T) {
	a, after, replica := holder(rt), maps.Clone(h.world), indextest.Hash(0)
	for _, k := range slices.Sorted(maps.Keys(h.world)) {
		if strings.HasPrefix(k, "drop "+string(a)) {
			replica = strings.Fields(k)[2]
			delete(after, k)
			break
		}
	}
	h.try(rt, after, nil, func() error { return h.x.Dropped(h.ctx, index.Drop{Holder: a, Replica: replica, Pledge: []byte("p")}) })
}

func (h *history) endSegment(rt *rapid.T) {
	id := h.known(rt)
	h.try(rt, h.swept(id), nil, func() error { _, err := h.x.EndSegment(h.ctx, id, 0); return err })
}

// endLeft ends what one of the objects has left that have left anything.
func (h *history) endLeft(rt *rapid.T) {
	o := index.ObjectName{Owner: indextest.Address(draw(rt, "owner", 2)), CID: indextest.CID(draw(rt, "cid", 2))}
	key := leftBy(o.Owner, o.CID)
	after := h.swept(strings.Fields(h.world[key])...)
	delete(after, key)
	h.try(rt, after, nil, func() error { return h.x.EndLeft(h.ctx, o, 0, nil) })
}

func leftBy(owner wallet.Address, cid string) string { return fmt.Sprintf("left %s %s", owner, cid) }

// listed are the segments that an object has left, as the store has them.
func (h *history) listed(o index.ObjectName) string {
	var ids []string
	for d := range slices.Chunk(h.kv.groups["objects:{"+string(o.Owner)+"}"]["left:"+o.CID], 32) {
		ids = append(ids, proof.Digest(d).String())
	}
	return strings.Join(ids, " ")
}

// leave lists what an object has no more when it has only those.
func (w world) leave(owner wallet.Address, cid string, keeps []string) {
	ids := strings.Fields(w[leftBy(owner, cid)])
	had := strings.Fields(w[fmt.Sprintf("object %s %s", owner, cid)])
	for _, id := range had[min(1, len(had)):] {
		if !slices.Contains(keeps, id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		w[leftBy(owner, cid)] = strings.Join(ids, " ")
	}
}

func (h *history) sweep(rt *rapid.T) {
	h.try(rt, h.swept(), nil, func() error { _, err := h.x.Sweep(h.ctx, 0); return err })
	clear(h.seen) // also what the ends have left that were seen
}

// swept is the world without what is not needed of some segments, or of all and
// then without the lists of what was left, too.
func (h *history) swept(only ...string) world {
	after, needed := maps.Clone(h.world), h.world.needed()
	for k, v := range h.world {
		words := strings.Fields(k)
		id := words[len(words)-1]
		switch {
		case words[0] == "left" && only == nil:
			delete(after, k)
		case only != nil && !slices.Contains(only, id):
		case words[0] == "segment" && !needed[id]:
			delete(after, k)
		case words[0] == "shard" && (!needed[id] || !h.counted[id][words[1]]):
			delete(after, k)
			after[dropOf(k, v)] = "there"
		}
	}
	return after
}
