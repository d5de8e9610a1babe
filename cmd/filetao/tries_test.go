package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wire"
)

// TestTriesAreToldOnce: who waits for another try says so once, and why.
func TestTriesAreToldOnce(t *testing.T) {
	var said bytes.Buffer
	c := newCLI(streams{err: &said, now: time.Now})
	log := c.triesLog().With("role", "user")
	log.Warn("gateway did not store the file", "err", errors.New("x"))
	log.Info("a segment did not arrive; sending it again", "wait", time.Second, "err", errors.New("reset"))
	if said.Len() > 0 {
		t.Fatalf("it says %q", &said)
	}
	for range 3 {
		log.Info("a segment did not arrive; sending it again", "wait", time.Second, "err", fmt.Errorf("segment 3: %w", wire.Full("too few of 4 miners may hold more")))
	}
	if got := said.String(); !strings.HasPrefix(got, "note: no room: trying again; segment 3: ") || strings.Count(got, "\n") != 1 {
		t.Fatalf("it says %q", got)
	}
	said.Reset()
	c.triesLog().Warn("no gateway did it; trying again", "wait", time.Second, "err", errors.New("none answers"))
	if got := said.String(); got != "note: no gateway did it; trying again; none answers\n" {
		t.Fatalf("it says %q", got)
	}
}

// TestInterruptedTransfersGoOn: Ctrl-C says what is there already.
func TestInterruptedTransfersGoOn(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var said bytes.Buffer
	c := newCLI(streams{err: &said, now: time.Now})
	bar, failed := c.progress("storing film"), errors.New("gateway away")
	bar.stage(client.Progress{Stage: client.StageReading, Bytes: 900 << 20, Done: 900 << 20})
	if err := c.resumable(ctx, failed, true); err != failed {
		t.Errorf("error %v", err)
	}
	stop()
	if err := c.resumable(ctx, ctx.Err(), true); err != ctx.Err() {
		t.Errorf("error %v", err)
	}
	bar.stage(client.Progress{Stage: client.StageSending, Bytes: 900 << 20, Done: 500 << 20})
	bar.stage(client.Progress{Stage: client.StageSending, Bytes: 900 << 20, Done: 448 << 20}) // the rest was under way
	if err := c.resumable(ctx, ctx.Err(), false); err != ctx.Err() {
		t.Errorf("error %v", err)
	}
	path := filepath.Join(t.TempDir(), "film")
	if err := leftBeside(ctx, ctx.Err(), path); err != ctx.Err() {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(path+".part", make([]byte, 2048), 0o600); err != nil {
		t.Fatal(err)
	}
	for err, want := range map[error]string{
		c.resumable(ctx, ctx.Err(), true): "(448.0 MiB are there)",
		leftBeside(ctx, ctx.Err(), path):  "(2.0 KiB are there)",
	} {
		said.Reset()
		if code := c.report(ctx, err, "filetao"); code != exitInterrupted || said.String() != "filetao: interrupted\nthe same command goes on from here "+want+"\n" {
			t.Errorf("exit code %d, and it says %q", code, &said)
		}
	}
}
