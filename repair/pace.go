package repair

import (
	"context"
	"sync"
	"time"
)

// pace lets so much through in a second on average. What was free for a second and
// not taken is lost; one may be begun on credit.
type pace struct {
	rate float64 // a second

	mu   sync.Mutex // guards all below
	free float64    // less than 0: on credit
	at   time.Time  // when free was right
}

func newPace(rate int64) *pace { return &pace{rate: float64(rate), free: float64(rate)} }

// take waits until nothing is owed, and takes n then.
func (p *pace) take(ctx context.Context, n int64) error {
	for {
		wait := p.try(n)
		if wait <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// try takes n, or says after what time nothing will be owed.
func (p *pace) try(n int64) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.at.IsZero() {
		p.free = min(p.rate, p.free+p.rate*now.Sub(p.at).Seconds())
	}
	p.at = now
	if p.free >= 0 {
		p.free -= float64(n)
		return 0
	}
	return max(time.Millisecond, time.Duration(-p.free/p.rate*float64(time.Second)))
}

// owe takes n at once: it has been used already.
func (p *pace) owe(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free -= float64(n)
}
