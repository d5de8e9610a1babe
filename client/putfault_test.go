package client_test

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wire"
)

// putFault has a gateway fail in some way.
type putFault func(t *testing.T, n *network, g *streamGateway)

// TestPutRepeatsWhatFails within one call: answers that say no for now, connections
// that break, gateways that start anew, segments that vanish before the commit.
func TestPutRepeatsWhatFails(t *testing.T) {
	data := text(5*testSegment + 1)
	for name, fault := range map[string]putFault{
		"503 now and then": busyNowAndThen, "bytes change on the way": changesOnTheWay, "restart": restarts,
		"answers are lost": losesAnswers, "segments vanish": losesSegments, "the answer to the commit is lost": losesCommits,
	} {
		for kind, source := range map[string]func() client.Source{"file": func() client.Source { return fileSource(data) }, "stream": func() client.Source { return client.StreamSource(bytes.NewReader(data)) }} {
			if kind == "stream" && name == "segments vanish" {
				continue // they cannot be had again
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				n, all := streaming(t, 1)
				fault(t, n, all[0])
				c := n.user(t, client.Config{Tries: 9})
				stored, err := c.PutFile(t.Context(), source(), client.PutFileOptions{Keys: keys()})
				check(t, err)
				if got := getBack(t, c, stored.CID, client.GetFileOptions{}); !bytes.Equal(got, data) {
					t.Fatalf("%d bytes came back", len(got))
				}
			})
		}
	}
}

func busyNowAndThen(_ *testing.T, _ *network, g *streamGateway) {
	var calls atomic.Int64
	g.putting = func(*wire.PutSegment, wire.Body) error {
		if calls.Add(1)%3 == 1 {
			return wire.Unavailable("busy")
		}
		return nil
	}
}

func changesOnTheWay(_ *testing.T, _ *network, g *streamGateway) {
	var calls atomic.Int64
	g.putting = func(m *wire.PutSegment, in wire.Body) error {
		if calls.Add(1) == 2 {
			return wire.Unparsable("another root")
		}
		return nil
	}
}

func restarts(t *testing.T, n *network, g *streamGateway) {
	var once atomic.Bool
	g.putting = func(m *wire.PutSegment, in wire.Body) error {
		if m.Index == 2 && once.CompareAndSwap(false, true) {
			_, err := io.CopyN(io.Discard, in.Reader, 1000)
			go func() {
				g.stop()
				g.start(t, n, 0, n.graph.Neurons[0].Axon.AddrPort().String())
			}()
			return errors.Join(wire.Unavailable("going down"), err)
		}
		return nil
	}
}

func losesAnswers(t *testing.T, _ *network, g *streamGateway) {
	g.put = func(*wire.PutSegment) error { return wire.Timeout("too late") }
	t.Cleanup(func() {
		for id, times := range g.acked {
			if times != 1 {
				t.Errorf("segment %s went %d times", id, times)
			}
		}
	})
}

func losesSegments(_ *testing.T, _ *network, g *streamGateway) {
	var once atomic.Bool
	g.committing = func(*wire.CommitObject) error {
		if once.CompareAndSwap(false, true) {
			g.mu.Lock()
			defer g.mu.Unlock()
			for _, u := range g.uploads {
				delete(u, 1)
				delete(u, 3)
			}
		}
		return nil
	}
}

func losesCommits(_ *testing.T, _ *network, g *streamGateway) {
	var calls atomic.Int64
	g.committing = func(*wire.CommitObject) error {
		if calls.Add(1) < 3 {
			return wire.Timeout("too late")
		}
		return nil
	}
}

// TestPutGoesOnInAFurtherRound with the CID where it was: whatever fails, half a
// segment is not told to it.
func TestPutGoesOnInAFurtherRound(t *testing.T) {
	data := text(40<<20 + 7)
	n, all := streaming(t, 1)
	var calls atomic.Int64
	all[0].putting = func(*wire.PutSegment, wire.Body) error {
		if n := calls.Add(1); n == 1 || n == 3 || n == 6 {
			return wire.Unavailable("busy")
		}
		return nil
	}
	c := n.user(t, client.Config{SegmentSize: 8 << 20, Tries: 1, Attempts: 5})
	stored := putFile(t, c, data, client.PutFileOptions{})
	if got := getBack(t, c, stored.CID, client.GetFileOptions{}); !bytes.Equal(got, data) || calls.Load() != 9 {
		t.Fatalf("%d bytes came back after %d segments", len(got), calls.Load())
	}
}
