package repair

import (
	"context"
	"sync"
)

// maxSuspects bounds how many things are remembered that something has happened to;
// the scan finds the others.
const maxSuspects = 1 << 19

// suspects are things that something has happened to and that have not been looked
// at since.
type suspects struct {
	mu    sync.Mutex // guards all below
	known map[thing]bool
	order []thing
	more  chan struct{} // has one in it when there may be some
}

func newSuspects() *suspects {
	return &suspects{known: map[thing]bool{}, more: make(chan struct{}, 1)}
}

func (s *suspects) add(things ...thing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range things {
		if !s.known[t] && len(s.order) < maxSuspects {
			s.known[t] = true
			s.order = append(s.order, t)
		}
	}
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *suspects) take() (thing, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) == 0 {
		s.order = nil
		return thing{}, false
	}
	t := s.order[0]
	s.order = s.order[1:]
	delete(s.known, t)
	return t, true
}

// assessNow looks at all suspects there are.
func (e *Engine) assessNow(ctx context.Context) error {
	for {
		t, ok := e.suspects.take()
		if !ok {
			return ctx.Err()
		}
		if err := e.scanning.take(ctx, 1); err != nil {
			return err
		}
		if err := e.assess(ctx, t); err != nil {
			e.suspects.add(t)
			return err
		}
	}
}

// assessAll looks at suspects as they come, until ctx ends. What fails is found
// again at the next look, or by the scan.
func (e *Engine) assessAll(ctx context.Context) error {
	for {
		select {
		case <-e.suspects.more:
		case <-ctx.Done():
			return nil
		}
		for ctx.Err() == nil {
			t, ok := e.suspects.take()
			if !ok || e.scanning.take(ctx, 1) != nil {
				break
			}
			if err := e.assess(ctx, t); err != nil && ctx.Err() == nil {
				e.log.Error("repair: what is kept of something cannot be read", "kind", t.kind, "id", t.id, "err", err)
			}
		}
	}
}
