package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/validator/plots"
)

func TestWhereEventsAreKept(t *testing.T) {
	for _, c := range []struct {
		words string
		want  *events.Config
	}{
		{"", &events.Config{Path: "dir/events.jsonl", FileSize: 64 << 20, Files: 8, TierBlocks: 60}},
		{"--events.file e.log --neuron.events_retention_size 2GB", &events.Config{Path: "e.log", FileSize: 250e6, Files: 8, TierBlocks: 60}},
		{"--neuron.dont_save_events", nil},
	} {
		var e eventFlags
		cmd := group("x", "")
		e.add(cmd)
		if err := cmd.ParseFlags(strings.Fields(c.words)); err != nil {
			t.Fatal(err)
		}
		if got := e.config("dir"); (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%q: %+v, want %+v", c.words, got, c.want)
		}
	}
}

// TestCtrlCEndsAPlot leaves no chart half written, and no other file.
func TestCtrlCEndsAPlot(t *testing.T) {
	path, out := filepath.Join(t.TempDir(), events.FileName), t.TempDir()
	line := strings.Repeat(`{"task_name":"store","block":5,"moving_averaged_scores":[1]}`+"\n", 300)
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newCLI(streams{out: io.Discard, err: io.Discard, now: time.Now})
	err := c.plot(ctx, &plotFlags{events: path, out: out}, []plots.Format{plots.SVG})
	if left, _ := os.ReadDir(out); !errors.Is(err, context.Canceled) || len(left) > 0 {
		t.Fatalf("%v; %v", err, left)
	}
}
