package repair

import (
	"context"
	"errors"
	"strconv"

	"github.com/filetao/filetao/index"
)

// scanParts is in how many parts everything is looked at: segments by the first
// digit of their ID, then the files of the reference's way.
const scanParts = 11

const scanName = "repair/scan"

// scanState is what of the scan is saved.
type scanState struct {
	V    int `json:"v"`
	Part int `json:"part"` // the next one
}

// setPart has the scan go on with a part.
func (e *Engine) setPart(part int) {
	e.reading.Lock()
	defer e.reading.Unlock()
	e.part = min(max(0, part), scanParts-1)
}

// scanNext looks at the part of everything that is next. One that was cut short is
// next again.
func (e *Engine) scanNext(ctx context.Context) error {
	if err := e.load(ctx); err != nil {
		return err
	}
	e.reading.Lock()
	defer e.reading.Unlock()
	if e.deps.Metagraph() == nil || !e.census.ready() {
		return ErrNotReady
	}
	var found tally
	var err error
	if e.part < scanParts-1 {
		err = e.scanSegments(ctx, strconv.Itoa(e.part), &found)
	} else {
		err = e.scanFiles(ctx, &found)
	}
	if err != nil {
		return err
	}
	e.census.counted(e.part, found, e.deps.Now())
	e.part = (e.part + 1) % scanParts
	return e.writeState(ctx, scanName, scanState{V: 1, Part: e.part})
}

func (e *Engine) scanSegments(ctx context.Context, digits string, found *tally) error {
	for seg, err := range e.deps.Index.SegmentsFrom(ctx, digits) {
		if err != nil {
			return err
		}
		if err := e.scanning.take(ctx, 1); err != nil {
			return err
		}
		_, s, err := e.segment(ctx, seg.ID)
		if errors.Is(err, index.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		found.add(s, false)
		if err := e.weigh(ctx, thing{index.KindShard, seg.ID}, s); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) scanFiles(ctx context.Context, found *tally) error {
	for f, err := range e.deps.Index.Files(ctx) {
		if err != nil {
			return err
		}
		for _, c := range f.Chunks {
			if err := e.scanning.take(ctx, 1); err != nil {
				return err
			}
			_, s, needed, err := e.chunk(ctx, c.Hash)
			if err != nil {
				return err
			}
			if !needed {
				continue
			}
			found.add(s, true)
			if err := e.weigh(ctx, thing{index.User, c.Hash}, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// assess looks at one thing, and has something be done about it if need be.
func (e *Engine) assess(ctx context.Context, t thing) error {
	if t.kind == index.KindShard {
		_, s, err := e.segment(ctx, t.id)
		if errors.Is(err, index.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		return e.weigh(ctx, t, s)
	}
	_, s, needed, err := e.chunk(ctx, t.id)
	if err != nil || !needed {
		return err
	}
	return e.weigh(ctx, t, s)
}

// weigh has something be done about a thing if need be.
func (e *Engine) weigh(ctx context.Context, t thing, s standing) error {
	now := e.deps.Now()
	due := s.work(e.cfg, now)
	if !due && t.kind == index.KindShard && e.ending(s) {
		until, needed, err := e.neededUntil(ctx, t.id, s)
		if err != nil {
			return err
		}
		due = needed && e.renewable(s, until)
	}
	if due {
		e.queue.put(t, s.margin(), now)
	}
	return nil
}
