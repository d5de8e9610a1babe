package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// levelTrace is below slog's lowest level, levelNone above its highest.
const (
	levelTrace = slog.LevelDebug - 4
	levelNone  = slog.LevelError + 4
)

// serves marks the commands that run on and therefore log. All others say by
// themselves how they did, so that their parts' warnings would say it twice.
func serves(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{"serves": ""}
	return cmd
}

func isServing(cmd *cobra.Command) bool {
	_, ok := cmd.Annotations["serves"]
	return ok
}

// logHandler is what a command logs to: standard error.
func (c *cli) logHandler(cmd *cobra.Command) slog.Handler {
	level := levelNone
	if isServing(cmd) {
		level = slog.LevelInfo
	}
	switch {
	case c.trace:
		level = levelTrace
	case c.debug:
		level = slog.LevelDebug
	}
	if f, ok := c.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return newTerminalHandler(f, level)
	}
	return slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level})
}

// terminalHandler writes log records for a person: the time of day, the level
// if it is not INFO, the message, what belongs to it. The attributes that a node
// has on every record are left out: one terminal, one node.
type terminalHandler struct {
	out   io.Writer
	mu    *sync.Mutex // guards text
	text  *bytes.Buffer
	attrs slog.Handler // writes a record's attributes to text
}

func newTerminalHandler(out io.Writer, level slog.Level) *terminalHandler {
	text := new(bytes.Buffer)
	return &terminalHandler{out, new(sync.Mutex), text, slog.NewTextHandler(text, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return a
		},
	})}
}

func (h *terminalHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.attrs.Enabled(ctx, l)
}

func (h *terminalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Reset()
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	level := ""
	if r.Level != slog.LevelInfo {
		level = r.Level.String() + " "
	}
	_, err := fmt.Fprintf(h.out, "%s %s%s  %s", r.Time.Format(time.TimeOnly), level, r.Message, h.text)
	return err
}

func (h *terminalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var kept []slog.Attr
	for _, a := range attrs {
		if a.Key != "role" && a.Key != "hotkey" {
			kept = append(kept, a)
		}
	}
	with := *h
	with.attrs = h.attrs.WithAttrs(kept)
	return &with
}

func (h *terminalHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.attrs = h.attrs.WithGroup(name)
	return &with
}
