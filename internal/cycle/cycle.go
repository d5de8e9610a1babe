// Package cycle is the periodic loop of a node: something done every so often,
// which a test can pause and trigger instead of waiting for the clock. It does
// not retry: an error of the work is the loop's owner's to handle or to end
// on. Enter at New.
package cycle

import (
	"context"
	"sync"
	"time"
)

// Loop calls a function once a period and whenever it is triggered, never
// twice at a time.
type Loop struct {
	period  time.Duration
	fn      func(context.Context) error
	trigger chan chan error

	mu     sync.Mutex // guards paused
	paused bool
}

// New makes a loop that is not running. period must be positive; the first
// call comes one period after Run.
func New(period time.Duration, fn func(context.Context) error) *Loop {
	return &Loop{period: period, fn: fn, trigger: make(chan chan error)}
}

// Run calls the function until ctx ends, which is no error, or until a
// periodic call fails; that error is returned.
func (l *Loop) Run(ctx context.Context) error {
	ticker := time.NewTicker(l.period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case reply := <-l.trigger:
			reply <- l.fn(ctx)
		case <-ticker.C:
			if l.isPaused() {
				continue
			}
			if err := l.fn(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// Trigger has the running loop call the function now, paused or not, and
// returns its error; or ctx's, if it ends first.
func (l *Loop) Trigger(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case l.trigger <- reply:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pause leaves out periodic calls until Resume.
func (l *Loop) Pause() { l.setPaused(true) }

// Resume lets periodic calls go on.
func (l *Loop) Resume() { l.setPaused(false) }

func (l *Loop) setPaused(p bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = p
}

func (l *Loop) isPaused() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused
}
