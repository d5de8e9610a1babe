// Package sim plays a network of miners and validators on a clock of its own
// and reports who climbs, who earns and who is found out. Scores, tiers,
// capacity, weights and draws are the product's code and numbers (packages
// incentive, pysample; validator.DefaultConfig, fleet.DefaultConfig); no byte is
// stored and no proof computed: whether a miner passes is drawn from the proven
// bounds. What validators do around it (asking again, replacing who fails,
// dropping random data, checkpoints) is written down here once more, without
// sockets. It is no load test and no model of the chain's economy. Enter at Run.
package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/validator"
)

// Config says what to play.
type Config struct {
	// Miners, Validators and Days are how many; there are LeastPerKind miners or
	// more for every kind that plays.
	Miners, Validators, Days int
	// Seed decides everything.
	Seed uint64
	// Profile is the incentive's; "" is the default.
	Profile string
	// Cheaters are the kinds that play beside the honest; nil means all of
	// them (see Cheaters).
	Cheaters []string
	// Workers is how many validators are played side by side, which changes no
	// number; 0 means as many as there are processors.
	Workers int
	// Progress is told how many of all parts are done, one call at a time. It may
	// be nil.
	Progress func(done, all int)

	rules   incentive.Rules
	product validator.Config
	fleet   fleet.Config
}

// DefaultConfig is a network of the size of the real one, for a month.
func DefaultConfig() Config {
	return Config{Miners: 192, Validators: 64, Days: 30, Profile: incentive.DefaultProfile}
}

// Bounds of a Config.
const (
	MaxMiners, MaxValidators, MaxDays = 4096, 1024, 365
	LeastPerKind                      = 3
)

// ErrConfig says that a Config cannot be played.
var ErrConfig = errors.New("cannot be simulated")

func (c Config) checked() (Config, error) {
	kinds, err := chosen(c.Cheaters)
	if err != nil {
		return c, err
	}
	if c.Profile == "" {
		c.Profile = incentive.DefaultProfile
	}
	if c.rules, err = incentive.Profile(c.Profile); err != nil {
		return c, err
	}
	least := LeastPerKind * len(kinds)
	for _, v := range []struct {
		what            string
		n, least, limit int
	}{
		{"miners", c.Miners, least, MaxMiners}, {"validators", c.Validators, 1, MaxValidators}, {"days", c.Days, 1, MaxDays},
	} {
		if v.n < v.least || v.n > v.limit {
			err := fmt.Errorf("%w: %d %s, want %d to %d", ErrConfig, v.n, v.what, v.least, v.limit)
			if v.what == "miners" && v.n < v.least {
				err = fmt.Errorf("%w: %d of each of %d kinds; fewer cheaters want fewer miners, none %d",
					err, LeastPerKind, len(kinds), LeastPerKind*(len(Kinds())-len(Cheaters())))
			}
			return c, err
		}
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	c.product, c.fleet = validator.DefaultConfig(), fleet.DefaultConfig()
	c.product.Rules = c.rules
	return c, nil
}

// each is how many miners of every kind there are but of the steady, who are
// the rest.
func (c Config) each() int { return max(1, c.Miners/48) }

// Run plays a Config. The same Config gives the same Report, whatever Workers
// and Progress are. It fails with ErrConfig, ErrKind or incentive.ErrProfile
// before it starts, and with ctx's error when that ends.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	w, err := newWorld(cfg)
	if err != nil {
		return nil, err
	}
	p := &parts{all: cfg.Days * (cfg.Validators + 1), tell: cfg.Progress}
	perDay := w.steps() / cfg.Days
	if err := each(ctx, cfg.Workers, cfg.Days, func(day int) error {
		w.draw(day*perDay, (day+1)*perDay)
		p.add(1)
		return ctx.Err()
	}); err != nil {
		return nil, err
	}
	views := make([]*view, cfg.Validators)
	if err := each(ctx, cfg.Workers, cfg.Validators, func(i int) error {
		views[i] = newView(w, i)
		for day := range cfg.Days {
			if err := views[i].play(day*perDay, (day+1)*perDay); err != nil {
				return err
			}
			p.add(1)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		views[i].end()
		return nil
	}); err != nil {
		return nil, err
	}
	return newReport(w, views), nil
}

// parts counts what is done.
type parts struct {
	mu        sync.Mutex // guards done, and calls of tell
	done, all int
	tell      func(done, all int)
}

func (p *parts) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done += n; p.tell != nil {
		p.tell(p.done, p.all)
	}
}

// each calls do for every i below n, so many at a time, and returns when all
// calls have. After an error no further one begins.
func each(ctx context.Context, workers, n int, do func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
