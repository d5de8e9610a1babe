package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/filetao/filetao/wire"
)

// triesLog is the log for a client of a command that says by itself how it did:
// that something is tried again is said once, since it may take minutes. With
// --logging.debug the log says it.
func (c *cli) triesLog() *slog.Logger {
	if c.debug || c.trace {
		return c.log
	}
	return slog.New(&triesHandler{c.log.Handler(), new(sync.Once), func(why string) {
		if c.bar != nil && c.bar.out != nil {
			c.bar.say(why)
			return
		}
		fmt.Fprintln(c.err, "note: "+why)
	}})
}

// triesHandler tells of the first record about a wait for another try.
type triesHandler struct {
	slog.Handler
	once *sync.Once
	tell func(why string)
}

func (h *triesHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.Handler.Enabled(ctx, l)
}

func (h *triesHandler) Handle(ctx context.Context, r slog.Record) error {
	var err error
	waits := false
	r.Attrs(func(a slog.Attr) bool {
		if e, ok := a.Value.Any().(error); ok && a.Key == "err" {
			err = e
		}
		waits = waits || a.Key == "wait"
		return true
	})
	switch full := wire.StatusOf(err) == wire.StatusFull; {
	case waits && full:
		h.once.Do(func() { h.tell(fit("no room: trying again; "+err.Error(), 400)) })
	case waits && err != nil && r.Level >= slog.LevelWarn:
		h.once.Do(func() { h.tell(fit(r.Message+"; "+err.Error(), 400)) })
	}
	if h.Handler.Enabled(ctx, r.Level) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

func (h *triesHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &triesHandler{h.Handler.WithAttrs(attrs), h.once, h.tell}
}

func (h *triesHandler) WithGroup(name string) slog.Handler {
	return &triesHandler{h.Handler.WithGroup(name), h.once, h.tell}
}
