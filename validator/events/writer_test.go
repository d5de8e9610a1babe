package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/validator"
)

// event is the event of a block, with as long a message as is kept.
func event(block uint64) validator.Event {
	return validator.Event{
		Task: validator.TaskChallenge, Block: block, UIDs: []chain.UID{1, 3}, Successful: []bool{true, false},
		CompletionTimes: []float64{0.25, 30}, StatusMessages: []string{"Success", strings.Repeat("x", maxMessage)},
		StatusCodes: []int{200, 408}, Rewards: []float64{0.6, 0}, StepLength: 30.5, BestUID: 1, BestHotkey: "5Grw",
		Scores: []float64{0, 0.5, 0, 0.1},
	}
}

// read reads a whole log.
func read(t *testing.T, path string) (lines []Line, skipped int) {
	t.Helper()
	l, err := Open(path)
	if errors.Is(err, ErrNone) {
		return nil, 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for line, err := range l.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if l.Read() != l.Size() {
		t.Fatalf("%d of %d bytes read", l.Read(), l.Size())
	}
	return lines, l.Skipped()
}

func blocks(lines []Line) (all []uint64) {
	for _, l := range lines {
		all = append(all, l.Block)
	}
	return all
}

// wantBlocks fails unless the log has the events from first to last, once each.
func wantBlocks(t *testing.T, path string, first, last uint64) {
	t.Helper()
	lines, skipped := read(t, path)
	want := first
	for _, l := range lines {
		if l.Block != want {
			t.Fatalf("blocks %v, want %d to %d", blocks(lines), first, last)
		}
		want++
	}
	if want != last+1 || skipped > 0 {
		t.Fatalf("blocks %v and %d skipped, want %d to %d", blocks(lines), skipped, first, last)
	}
}

// writeAll has a writer of its own write events and end.
func writeAll(t *testing.T, w *Writer, first, last uint64) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	for b := first; b <= last; b++ {
		w.Observe(event(b))
		if (b-first)%queued == queued-1 || b == last {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEventsAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	tiers := []string{"", "Bronze", "", "Super Saiyan"}
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		w := New(DefaultConfig(path), Deps{Tiers: func(context.Context) ([]string, error) {
			asked++
			return tiers, nil
		}})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.Run(ctx) }()
		for b := uint64(10); b <= 130; b += 30 {
			w.Observe(event(b))
		}
		synctest.Wait()
		stop()
		synctest.Wait()
		w.Observe(event(131)) // a task that ended late
		if err := w.Close(); err != nil || asked != 3 || w.Lost() != 0 {
			t.Fatalf("%v; tiers were asked for %d times, %d lost", err, asked, w.Lost())
		}
	})
	lines, skipped := read(t, path)
	if len(lines) != 6 || skipped != 0 {
		t.Fatalf("%d lines, %d skipped", len(lines), skipped)
	}
	for i, l := range lines {
		want := Line{Event: event(l.Block)}
		if i%2 == 0 && i < 5 { // blocks 10, 70, 130
			want.Tiers = tiers
		}
		if got, want := fmt.Sprintf("%+v", l), fmt.Sprintf("%+v", want); got != want {
			t.Errorf("line %d is\n%s\nwant\n%s", i, got, want)
		}
	}
}

// TestLinesHaveTheReferencesNames keeps the format of docs/formats.md.
func TestLinesHaveTheReferencesNames(t *testing.T) {
	e := event(7)
	e.StatusMessages[1] += "longer than what is kept"
	text, err := encode(Line{Event: e, Tiers: []string{"Gold"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"task_name":"challenge","block":7,"uids":[1,3],"successful":[true,false],"completion_times":[0.25,30],` +
		`"task_status_messages":["Success","` + strings.Repeat("x", maxMessage) + `"],"task_status_codes":[200,408],"rewards":[0.6,0],` +
		`"step_length":30.5,"best_uid":1,"best_hotkey":"5Grw","moving_averaged_scores":[0,0.5,0,0.1],"tiers":["Gold"]}` + "\n"
	if string(text) != want {
		t.Fatalf("line\n%s\nwant\n%s", text, want)
	}
	if !strings.HasPrefix(want, string(lineStart)) {
		t.Fatalf("lines do not begin with %s", lineStart)
	}
}

func TestFullFilesAreNumberedAndTheOldestDropped(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.log")
	text, err := encode(Line{Event: event(1000)})
	if err != nil {
		t.Fatal(err)
	}
	perFile := MaxLine / len(text)
	w := New(Config{Path: path, FileSize: 1, Files: 3}, Deps{}) // files of MaxLine
	last := uint64(1000 + 4*perFile)
	writeAll(t, w, 1000, last)
	wantBlocks(t, path, uint64(1000+2*perFile), last)
	for name, want := range map[string]bool{
		"mine.log": true, "mine-000004.log": true, "mine-000003.log": true, "mine-000002.log": false, "mine-000001.log": false,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		} else if want && info.Size() > MaxLine {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
	// With fewer files to keep the superfluous ones go at the next turn.
	w = New(Config{Path: path, FileSize: 1, Files: 1}, Deps{})
	writeAll(t, w, last+1, last+uint64(perFile))
	if left, _ := fullFiles(path); len(left) > 0 {
		t.Errorf("full files %v are left", left)
	}
	lines, _ := read(t, path)
	wantBlocks(t, path, lines[0].Block, last+uint64(perFile))
}

// TestObserveNeverWaits has nobody write.
func TestObserveNeverWaits(t *testing.T) {
	w := New(DefaultConfig(filepath.Join(t.TempDir(), FileName)), Deps{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for b := range uint64(queued) {
				w.Observe(event(b))
			}
		})
	}
	all.Wait()
	if w.Lost() != 3*queued {
		t.Fatalf("%d lost, want %d", w.Lost(), 3*queued)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, _ := read(t, w.cfg.Path); len(lines) != queued {
		t.Fatalf("%d lines", len(lines))
	}
}

// TestReadingWhileWriting reads a log again and again while it is written and
// its files get their numbers: whatever is read is without gaps.
func TestReadingWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	w := New(Config{Path: path, FileSize: 1, Files: 50}, Deps{})
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = w.Run(ctx) })
	all.Go(func() {
		defer stop()
		for b := uint64(1); b <= 8000; {
			if len(w.queue) < queued {
				w.Observe(event(b))
				b++
			}
		}
	})
	for ctx.Err() == nil {
		if lines, skipped := read(t, path); skipped > 0 || len(lines) > 0 && int(lines[len(lines)-1].Block) != len(lines) {
			t.Errorf("%d lines to block %d, %d skipped", len(lines), lines[len(lines)-1].Block, skipped)
		}
	}
	all.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantBlocks(t, path, 1, 8000)
}

// TestALineWithoutTiers has an index that cannot be asked.
func TestALineWithoutTiers(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	w := New(DefaultConfig(path), Deps{Tiers: func(context.Context) ([]string, error) { return nil, errors.New("no index") }})
	w.write(t.Context(), event(1))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantBlocks(t, path, 1, 1)
}

// logs counts log records by level.
type logs map[slog.Level]int

func (l logs) Enabled(context.Context, slog.Level) bool      { return true }
func (l logs) Handle(_ context.Context, r slog.Record) error { l[r.Level]++; return nil }
func (l logs) WithAttrs([]slog.Attr) slog.Handler            { return l }
func (l logs) WithGroup(string) slog.Handler                 { return l }
