package index_test

import (
	"errors"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index"
)

// sight is a segment as somebody has seen it who is about to put it.
type sight struct {
	life  index.Life
	first bool // it was there then
	there bool // it was there then or later
	gone  bool // it has gone since it was there
}

// seeSegment is what begins a put.
func (h *history) seeSegment(rt *rapid.T) {
	id := h.segment(rt).ID
	life, err := h.x.Life(h.ctx, id)
	if err != nil {
		rt.Fatal(err)
	}
	there := h.world["segment "+id] != ""
	h.seen[id] = &sight{life: life, first: there, there: there}
}

// notice sees what has gone.
func (h *history) notice() {
	for id, s := range h.seen {
		s.gone = s.gone || s.there && h.world["segment "+id] == ""
		s.there = s.there || h.world["segment "+id] != ""
	}
}

// life is a segment's as it was seen, or mostly any, and whether it is over. It is when
// the segment has gone since, and is not when it was there all the time; of one that
// was not there it can be, by an end of its shards.
func (h *history) life(rt *rapid.T, id string) (index.Life, bool) {
	s := h.seen[id]
	if s == nil || draw(rt, "any life", 3) > 0 {
		return index.Life{}, false
	}
	err := h.x.CheckLife(h.ctx, id, s.life)
	over := errors.Is(err, index.ErrEnded)
	if err != nil && !over || s.gone && !over || s.first && !s.gone && over {
		rt.Fatalf("segment %s was there: %v, has gone: %v; check: %v", id, s.first, s.gone, err)
	}
	return s.life, over
}
