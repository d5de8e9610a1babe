// Package lifecycle runs the named parts of a program together: they start in
// the order in which they were added, the first that fails (or the end of the
// context) stops all, and what was opened is closed in reverse order. It does
// not restart parts: a part that should survive a fault handles it itself.
// Enter at Group.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// Group is a set of parts with one life. It is filled by one goroutine and run
// once.
type Group struct {
	log     *slog.Logger
	parts   []part
	closers []closer
}

type part struct {
	name string
	run  func(context.Context) error
}

type closer struct {
	name  string
	close func() error
}

// New makes an empty group. A nil log discards.
func New(log *slog.Logger) *Group {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Group{log: log}
}

// Add names a part. Its run must return soon after its context ends; nil or
// the context's own error then counts as an orderly end. A run that returns
// nil earlier ends alone, one that returns an error ends the group.
func (g *Group) Add(name string, run func(context.Context) error) {
	g.parts = append(g.parts, part{name, run})
}

// AddCloser names something to close once every part has ended.
func (g *Group) AddCloser(name string, close func() error) {
	g.closers = append(g.closers, closer{name, close})
}

// Run starts the parts and blocks until all have ended and all closers have
// been called. It returns the first part's error and every closer's, each with
// its name; the end of ctx alone is not an error.
func (g *Group) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	results := make(chan result)
	for _, p := range g.parts {
		g.log.Debug("part starts", "part", p.name)
		go func() { results <- result{p.name, p.run(inner)} }()
	}
	var first error
	for range g.parts {
		r := <-results
		g.log.Debug("part ended", "part", r.name, "err", r.err)
		if r.err != nil && !(inner.Err() != nil && errors.Is(r.err, inner.Err())) && first == nil {
			first = fmt.Errorf("%s: %w", r.name, r.err)
			cancel()
		}
	}
	return errors.Join(first, g.Close())
}

// Close calls the closers in reverse order without running any part: for a
// graph whose building failed half way. Run calls it itself.
func (g *Group) Close() error {
	var errs []error
	for _, c := range slices.Backward(g.closers) {
		if err := c.close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	g.closers = nil
	return errors.Join(errs...)
}
