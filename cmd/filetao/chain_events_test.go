package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
)

// patchy is a chain of which a node has lost the old blocks, and that goes away
// now and then.
type patchy struct {
	chain.Chain
	head, pruned uint64
	failures     int // of Events, before it answers
	asked        int
}

func (p *patchy) Head(context.Context) (chain.Block, error) { return chain.Block{Number: p.head}, nil }

// Subscribe has one block each time.
func (p *patchy) Subscribe(context.Context) (<-chan chain.Block, error) {
	p.head++
	blocks := make(chan chain.Block, 1)
	blocks <- chain.Block{Number: p.head}
	close(blocks)
	return blocks, nil
}

func (p *patchy) Events(_ context.Context, block uint64) ([]chain.Event, error) {
	p.asked++
	if block <= p.pruned {
		return nil, fmt.Errorf("%w: state of %d is gone", chain.ErrNoBlock, block)
	}
	if p.failures > 0 {
		p.failures--
		return nil, fmt.Errorf("%w: reset by peer", chain.ErrUnavailable)
	}
	return []chain.Event{{Pallet: "System", Name: fmt.Sprintf("At%d", block), Fields: json.RawMessage("[]")}}, nil
}

func TestFollowedThroughGapsAndLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, said bytes.Buffer
		c := newCLI(streams{out: &out, err: &said})
		on := &patchy{head: 100_000, pruned: 99_997, failures: 2}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.followEvents(ctx, on, &eventFilter{block: 1}, true); err != context.DeadlineExceeded {
			t.Errorf("it ended with %v", err)
		}
		if want := "99998  System.At99998  []\n99999  System.At99999  []\n100000  System.At100000  []\n"; !strings.HasPrefix(out.String(), want) {
			t.Errorf("printed %s", &out)
		}
		if !strings.Contains(said.String(), "blocks 1 to 99997 are left out") || !strings.Contains(said.String(), "reset by peer; block ") {
			t.Errorf("said %s", &said)
		}
		if on.asked > 200 {
			t.Errorf("asked for %d blocks", on.asked)
		}
	})
	c := newCLI(streams{out: io.Discard, err: io.Discard})
	if first, err := firstKept(t.Context(), &patchy{pruned: 50}, 3, 50); first != 51 || err != nil {
		t.Errorf("of a node that keeps nothing: %d, %v", first, err)
	}
	if err := c.followEvents(t.Context(), broken{}, &eventFilter{}, false); err != errBroken {
		t.Errorf("of a chain that fails otherwise: %v", err)
	}
}

var errBroken = fmt.Errorf("broken")

// broken is a chain that is of no use.
type broken struct{ chain.Chain }

func (broken) Head(context.Context) (chain.Block, error) { return chain.Block{}, errBroken }
