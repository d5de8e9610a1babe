package substrate

import (
	"context"
	"fmt"

	"github.com/filetao/filetao/chain"
)

// Remote is a Client with its own Run, for a program that makes a few calls and
// ends. Close it.
type Remote struct {
	*Client
	stop context.CancelFunc
	done chan struct{}
}

// Dial connects. It fails with chain.ErrUnavailable when no endpoint can be
// used. ctx bounds the dialling only.
func Dial(ctx context.Context, cfg Config, deps Deps) (*Remote, error) {
	c, err := New(cfg, deps)
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &Remote{Client: c, stop: stop, done: make(chan struct{})}
	failed := c.failed
	go func() {
		defer close(r.done)
		_ = c.Run(life) // ends with Close only
	}()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	up := make(chan error, 1)
	go func() {
		_, err := c.ready(waiting, nil)
		up <- err
	}()
	select {
	case err = <-up:
	case <-failed:
		cancel()
		if err = <-up; err != nil && ctx.Err() == nil {
			c.mu.Lock()
			err = fmt.Errorf("%w: %w", chain.ErrUnavailable, c.why)
			c.mu.Unlock()
		}
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close ends the connection and all subscriptions.
func (r *Remote) Close() error {
	r.stop()
	<-r.done
	return nil
}
