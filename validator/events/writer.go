package events

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/validator"
)

// Config says where events go and how many are kept.
type Config struct {
	// Path is the file that is written; its folder must exist.
	Path string
	// FileSize is the size in bytes from which a file is full: it gets a number
	// and a new one begins. It is at least that of a line.
	FileSize int64
	// Files is how many files there are at most, with the one that is written;
	// at least one.
	Files int
	// TierBlocks is how many blocks lie between two lines with tiers. Every file
	// has some near its beginning.
	TierBlocks uint64
}

// DefaultConfig keeps the last 512 MiB.
func DefaultConfig(path string) Config {
	return Config{Path: path, FileSize: 64 << 20, Files: 8, TierBlocks: 60}
}

// Deps are the parts a Writer works with.
type Deps struct {
	// Tiers are the miners' tiers by UID, now; nil: no line has any.
	Tiers func(context.Context) ([]string, error)
	Log   *slog.Logger // may be nil
}

// queued is how many events wait at most for a slow disk.
const queued = 256

// tierTimeout bounds asking for tiers.
const tierTimeout = 10 * time.Second

// maxMessage is how much of a status message is kept, in bytes.
const maxMessage = 256

// file is what a Writer needs of the file it writes.
type file interface {
	Write([]byte) (int, error)
	Sync() error
	Close() error
}

// Writer appends events to a log. A validator cannot tell whether that works:
// events that cannot be written are counted, and the first of a row is logged.
type Writer struct {
	cfg   Config
	deps  Deps
	open  func(path string) (f file, size int64, err error)
	queue chan validator.Event
	lost  atomic.Uint64

	// Of Run, and of Close after it.
	f        file // nil: to be opened
	size     int64
	failing  bool
	tiersAt  uint64 // the block at which tiers were asked for last
	hasTiers bool   // since the file began, and there were any
}

// New makes a writer. Nothing is opened before Run.
func New(cfg Config, deps Deps) *Writer {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	cfg.FileSize, cfg.Files = max(cfg.FileSize, MaxLine), max(cfg.Files, 1)
	return &Writer{cfg: cfg, deps: deps, open: openFile, queue: make(chan validator.Event, queued)}
}

// Observe takes an event, which must not change any more. It never waits.
func (w *Writer) Observe(e validator.Event) {
	select {
	case w.queue <- e:
	default:
		w.lost.Add(1)
	}
}

// Lost is how many events could not be written so far.
func (w *Writer) Lost() uint64 { return w.lost.Load() }

// Run writes what is observed until ctx ends. It does not fail.
func (w *Writer) Run(ctx context.Context) error {
	for {
		select {
		case e := <-w.queue:
			w.write(ctx, e)
		case <-ctx.Done():
			return nil
		}
	}
}

// Close writes what is left, once Run has returned and nobody observes any more,
// and closes the file.
func (w *Writer) Close() error {
	for {
		select {
		case e := <-w.queue:
			w.append(Line{Event: e})
			continue
		default:
		}
		if w.f == nil {
			return nil
		}
		err := w.f.Sync()
		if closing := w.f.Close(); err == nil {
			err = closing
		}
		w.f = nil
		return err
	}
}

func (w *Writer) write(ctx context.Context, e validator.Event) {
	l := Line{Event: e}
	if w.deps.Tiers != nil && (!w.hasTiers || e.Block >= w.tiersAt+w.cfg.TierBlocks || e.Block < w.tiersAt) {
		within, cancel := context.WithTimeout(ctx, tierTimeout)
		tiers, err := w.deps.Tiers(within)
		cancel()
		if err != nil {
			w.deps.Log.Debug("no tiers for an event", "err", err)
		}
		l.Tiers, w.tiersAt = tiers, e.Block
		w.hasTiers = err != nil || slices.ContainsFunc(tiers, func(t string) bool { return t != "" })
	}
	w.append(l)
}

// append writes a line, or counts it as lost.
func (w *Writer) append(l Line) {
	if err := w.try(l); err != nil {
		w.lost.Add(1)
		if !w.failing {
			w.deps.Log.Error("events are not written", "file", w.cfg.Path, "err", err)
		}
		w.failing = true
		return
	}
	if w.failing {
		w.deps.Log.Info("events are written again", "file", w.cfg.Path, "lost", w.Lost())
	}
	w.failing = false
}

func (w *Writer) try(l Line) error {
	text, err := encode(l)
	if err != nil {
		return err
	}
	if w.f == nil {
		if w.f, w.size, err = w.open(w.cfg.Path); err != nil {
			w.f = nil
			return err
		}
	}
	if w.size > 0 && w.size+int64(len(text)) > w.cfg.FileSize {
		if err := w.rotate(); err != nil {
			return fmt.Errorf("begin a new file: %w", err)
		}
	}
	n, err := w.f.Write(text)
	w.size += int64(n)
	if err != nil {
		_ = w.f.Close() // opening it again mends the line
		w.f = nil
	}
	return err
}

func encode(l Line) ([]byte, error) {
	if slices.ContainsFunc(l.StatusMessages, func(s string) bool { return len(s) > maxMessage }) {
		l.StatusMessages = slices.Clone(l.StatusMessages)
		for i, s := range l.StatusMessages {
			l.StatusMessages[i] = s[:min(len(s), maxMessage)]
		}
	}
	text, err := json.Marshal(l)
	if err == nil && len(text) >= MaxLine {
		err = fmt.Errorf("an event of %d bytes", len(text))
	}
	return append(text, '\n'), err
}

// rotate gives the full file its number, drops the oldest and opens a new one.
// It may be stopped anywhere.
func (w *Writer) rotate() error {
	err := w.f.Sync()
	if closing := w.f.Close(); err == nil {
		err = closing
	}
	w.f = nil
	if err != nil {
		return err
	}
	numbers, err := fullFiles(w.cfg.Path)
	if err != nil {
		return err
	}
	next := uint64(1)
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	if err := os.Rename(w.cfg.Path, full(w.cfg.Path, next)); err != nil {
		return err
	}
	w.hasTiers = false
	numbers = append(numbers, next)
	for _, n := range numbers[:max(0, len(numbers)-(w.cfg.Files-1))] {
		if err := os.Remove(full(w.cfg.Path, n)); err != nil {
			return err
		}
	}
	if err := durable.SyncDir(filepath.Dir(w.cfg.Path)); err != nil {
		return err
	}
	w.f, w.size, err = w.open(w.cfg.Path)
	if err != nil {
		w.f = nil
	}
	return err
}
