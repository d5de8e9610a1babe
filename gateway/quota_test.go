package gateway_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// putting is a segment under way, of which the gateway has read a part.
type putting struct {
	body *io.PipeWriter
	done chan error
}

// begin puts the first half of a segment, and returns when the gateway has it.
func (n *natively) begin(t *testing.T, m manifest.Manifest, i int64, data []byte) putting {
	t.Helper()
	r, w := io.Pipe()
	p := putting{w, make(chan error, 1)}
	go func() {
		put := &wire.PutSegment{Upload: m.Upload[:], Index: i, Size: int64(len(data)), Secret: m.Secret[:], TTL: 3600}
		err := n.askAs(context.WithoutCancel(t.Context()), n.owner.Address(), put, put.Size+32, r)
		r.CloseWithError(io.ErrClosedPipe)
		p.done <- err
	}()
	if _, err := w.Write(data[:len(data)/2]); err != nil {
		t.Fatal(err, <-p.done)
	}
	return p
}

// An upload counts as long as any of its first requests is under way, whichever of
// them fail.
func TestUploadCountsBeforeItIsThere(t *testing.T) {
	data := noise(70_000)
	n := newNatively(t, 9, gateway.Config{Quota: gateway.Quota{Uploads: 1}})
	one, two := n.uploadMany(t, data, 70_000), n.uploadMany(t, data, 70_000)
	two.Upload[0]++
	first, second := n.begin(t, one, 0, data), n.begin(t, one, 1, data)
	first.body.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-first.done; err == nil {
		t.Fatal("half a segment was stored")
	}
	if err := n.tryPart(t, &two, data, 0); wire.StatusOf(err) != wire.StatusTooMany {
		t.Errorf("one is on its way, and another: %v", err)
	}
	root := one.Segments[0].Root
	if _, err := io.Copy(second.body, bytes.NewReader(append(bytes.Clone(data[len(data)/2:]), root[:]...))); err != nil {
		t.Fatal(err)
	}
	if err := <-second.done; err != nil {
		t.Fatal(err)
	}
	n.putPart(t, &one, data, 0) // it is there
	if err := n.tryPart(t, &two, data, 0); wire.StatusOf(err) != wire.StatusTooMany {
		t.Fatal(err)
	}
	if err := n.ask(t, &wire.DropUpload{Upload: one.Upload[:]}, nil); err != nil {
		t.Fatal(err)
	}
	third := n.begin(t, one, 0, data)
	third.body.CloseWithError(io.ErrUnexpectedEOF)
	<-third.done
	n.putPart(t, &two, data, 0) // what failed does not count
}

// Of an upload that is one too many, no request has its way since there are others.
func TestOneUploadAtOnceIsOne(t *testing.T) {
	data := noise(1000)
	n := newNatively(t, 9, gateway.Config{MinSegment: 1, Quota: gateway.Quota{Uploads: 1}})
	n.uploadMany(t, data, 1000, 0)
	for round := range byte(20) {
		other := n.uploadMany(t, data, 250)
		other.Upload[1] = round + 1
		var work sync.WaitGroup
		for i := range 4 {
			part := other
			part.Segments = slices.Clone(other.Segments)
			work.Go(func() {
				if err := n.tryPart(t, &part, data, i); wire.StatusOf(err) != wire.StatusTooMany {
					t.Errorf("a second upload of one: %v", err)
				}
			})
		}
		work.Wait()
	}
}
