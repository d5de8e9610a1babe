package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// failure is why one gateway did not do it.
type failure struct {
	gateway wallet.Address
	err     error
}

// failures is the error of a request that every gateway asked has failed.
type failures []failure

func (f failures) Error() string {
	texts := make([]string, len(f))
	for i, one := range f {
		texts[i] = fmt.Sprintf("gateway %s: %v", one.gateway, one.err)
	}
	return strings.Join(texts, "; ")
}

// Unwrap lets errors.Is and wire.StatusOf see every gateway's answer.
func (f failures) Unwrap() []error {
	errs := make([]error, len(f))
	for i, one := range f {
		errs[i] = one.err
	}
	return errs
}

// all says whether every gateway answered with that status.
func (f failures) all(status int) bool {
	for _, one := range f {
		if wire.StatusOf(one.err) != status {
			return false
		}
	}
	return len(f) > 0
}

// passing says whether waiting may mend it: a gateway that is busy, full, slow
// or away, not one that says no.
func passing(err error) bool {
	var list failures
	if !errors.As(err, &list) {
		return errors.Is(err, errSilent)
	}
	for _, one := range list {
		switch status := wire.StatusOf(one.err); {
		case errors.Is(one.err, ErrWrongData):
		case status == wire.StatusTimeout, status == wire.StatusTooMany,
			status == wire.StatusUnparsable, status >= wire.StatusInternal:
			return true
		}
	}
	return false
}

// rounds repeats a round while its failures look passing, waiting longer each
// time, and returns the last round's error.
func (c *Client) rounds(ctx context.Context, round func(context.Context) error) error {
	wait := c.cfg.Backoff
	for n := 1; ; n++ {
		err := round(ctx)
		if err != nil {
			c.seen.forget()
		}
		if err == nil || n >= c.cfg.Attempts || !passing(err) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		c.log.Warn("no gateway did it; trying again", "round", n, "of", c.cfg.Attempts, "wait", wait, "err", err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		}
		wait *= 2
	}
}

// hedged asks the peers in turn, the next one when one has failed or has taken
// hedge. It returns the first good answer, ends what is still under way, waits
// for it and drops what comes of it. With none it returns failures, or ctx's
// error.
func hedged[T any](ctx context.Context, peers []wire.Peer, hedge time.Duration, ask func(context.Context, wire.Peer) (T, error), drop func(T)) (good T, err error) {
	type answer struct {
		peer  wire.Peer
		value T
		err   error
	}
	inner, cancel := context.WithCancel(ctx)
	answers := make(chan answer, len(peers))
	next, running := 0, 0
	start := func() {
		peer := peers[next]
		next, running = next+1, running+1
		go func() {
			value, err := ask(inner, peer)
			answers <- answer{peer, value, err}
		}()
	}
	defer func() {
		cancel()
		for range running {
			if a := <-answers; a.err == nil {
				drop(a.value)
			}
		}
	}()
	var failed failures
	timer := time.NewTimer(hedge)
	defer timer.Stop()
	for {
		if running == 0 {
			if next == len(peers) || ctx.Err() != nil {
				break
			}
			start()
			timer.Reset(hedge)
		}
		select {
		case a := <-answers:
			running--
			if a.err == nil {
				return a.value, nil
			}
			failed = append(failed, failure{a.peer.Hotkey, a.err})
		case <-timer.C:
			if next < len(peers) {
				start()
				timer.Reset(hedge)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return good, errors.Join(err, failed)
	}
	return good, failed
}
