package index_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index/indextest"
)

// check compares what else can be asked with the world.
func (h *history) check(rt *rapid.T) {
	needed := h.world.needed()
	maps.DeleteFunc(h.counted, func(id string, _ map[string]bool) bool { return !needed[id] })
	for id := range needed {
		if h.world["segment "+id] == "" {
			rt.Fatalf("segment %s is needed and gone", id)
		}
		h.checkShards(rt, id)
	}
	for k := range h.world {
		if id, ok := strings.CutPrefix(k, "segment "); ok {
			h.checkObjects(rt, id)
		}
	}
	for n := range uint32(3) {
		h.checkHolder(rt, string(indextest.Address(n)))
	}
}

// checkShards: as long as a segment is needed, who holds a shard of it goes on
// counting until the holding ends.
func (h *history) checkShards(rt *rapid.T, id string) {
	shards, err := h.x.Shards(h.ctx, id)
	if err != nil {
		rt.Fatal(err)
	}
	now := map[string]bool{}
	for _, s := range shards {
		now[string(s.Holder)] = true
		if got := fmt.Sprint(s.Number, s.Size, " "+s.Replica); h.world[fmt.Sprintf("shard %s %s", s.Holder, id)] != got {
			rt.Fatalf("%s holds %s of %s\n%v", s.Holder, got, id, h.world)
		}
	}
	for holder := range h.counted[id] {
		if held := h.world[fmt.Sprintf("shard %s %s", holder, id)]; held != "" && !now[holder] {
			rt.Fatalf("%s of %s does not count any more", held, id)
		}
	}
	h.counted[id] = now
}

func (h *history) checkObjects(rt *rapid.T, id string) {
	names, err := h.x.SegmentObjects(h.ctx, id)
	if err != nil {
		rt.Fatal(err)
	}
	var got, want []string
	for _, n := range names {
		got = append(got, fmt.Sprintf("object %s %s", n.Owner, n.CID))
	}
	for k, v := range h.world {
		if strings.HasPrefix(k, "object ") && slices.Contains(strings.Fields(v), id) {
			want = append(want, k)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		rt.Fatalf("objects of %s: %v, want %v", id, got, want)
	}
}

// checkHolder: the bytes of a holder are those of its shards, and each of them can
// be drawn.
func (h *history) checkHolder(rt *rapid.T, holder string) {
	var bytes, all int64
	for k, v := range h.world {
		if strings.HasPrefix(k, "shard "+holder) {
			var number, size int64
			if _, err := fmt.Sscan(v, &number, &size); err != nil {
				rt.Fatal(err)
			}
			bytes, all = bytes+size, all+1
		}
	}
	for n := range uint32(3) {
		a := indextest.Address(n)
		if string(a) != holder {
			continue
		}
		if stored, err := h.x.StoredBytes(h.ctx, a); err != nil || stored != bytes {
			rt.Fatalf("%s holds %d bytes, %v, want %d", a, stored, err, bytes)
		}
		drawn := map[string]bool{}
		for r := range all {
			s, err := h.x.RandomHolding(h.ctx, a, uint64(r))
			if err != nil {
				rt.Fatal(err)
			}
			drawn[s.Hash] = true
		}
		if len(drawn) != int(all) {
			rt.Fatalf("%d of %d shards can be drawn", len(drawn), all)
		}
	}
}

// finish sweeps, and then finds in the store what the world has and nothing else.
func (h *history) finish(rt *rapid.T) {
	after := h.swept()
	if _, err := h.x.Sweep(h.ctx, 0); err != nil {
		rt.Fatal(err)
	}
	if h.world = h.look(rt); !maps.Equal(h.world, after) {
		rt.Fatalf("swept %v\nwant %v", h.world, after)
	}
	h.check(rt)
	if n, err := h.x.Sweep(h.ctx, 0); err != nil || n != 0 {
		rt.Fatalf("a second sweep took %d more, %v", n, err)
	}
	fields, want := 0, 0
	for _, group := range h.kv.groups {
		for field := range group { // but what TestUsageIsExact and TestChanges are about
			lead := strings.HasPrefix(field, "upload:") && !strings.Contains(field, "/")
			if !lead && !strings.HasPrefix(field, "usage:") && !strings.HasPrefix(field, "change:") && !strings.HasPrefix(field, "gone:") {
				fields++
			}
		}
	}
	holders := map[string]bool{}
	for k, v := range h.world {
		switch words := strings.Fields(k); words[0] {
		case "segment": // and its latest reference
			want += 2
		case "upload":
			want++
		case "part": // and the segment's reference
			want += 2
		case "object": // with its manifest, its segments, and their references
			ids := slices.Compact(slices.Sorted(slices.Values(strings.Fields(v)[1:])))
			want += 2 + min(1, len(ids)) + len(ids)
		case "shard": // with its slot and its reference
			want += 3
			holders[words[1]] = true
		case "drop":
			want++
		}
	}
	if want += len(holders); fields != want { // their totals
		rt.Fatalf("%d fields, want %d\n%v\n%v", fields, want, h.world, h.kv.groups)
	}
}
