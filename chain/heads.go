package chain

import (
	"context"
	"fmt"
	"sync"
)

// Heads is the newest block and those who wait for it: what an implementation
// of Chain builds Subscribe on. A waiter keeps its own place, so a slow one
// holds nothing and nobody up.
type Heads struct {
	mu      sync.Mutex // guards all below
	head    Block
	known   bool
	closed  bool
	changed chan struct{} // closed and replaced at every change
}

// NewHeads knows no block yet.
func NewHeads() *Heads { return &Heads{changed: make(chan struct{})} }

// Set makes b the newest block, unless one as high is known.
func (h *Heads) Set(b Block) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.known || b.Number > h.head.Number {
		h.change(b)
	}
}

// Reset makes b the newest block whatever is known: the chain was begun anew,
// or what was known was no block.
func (h *Heads) Reset(b Block) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.change(b)
}

func (h *Heads) change(b Block) {
	if h.closed {
		return
	}
	h.head, h.known = b, true
	close(h.changed)
	h.changed = make(chan struct{})
}

// Close ends all waiting, now and later.
func (h *Heads) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.changed)
	}
}

// Latest is the newest block, false before the first.
func (h *Heads) Latest() (Block, bool) {
	b, known, _, _ := h.look()
	return b, known
}

func (h *Heads) look() (b Block, known, closed bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.head, h.known, h.closed, h.changed
}

// Wait returns the newest block once its number is at least number. It fails
// with the context's error, and with ErrUnavailable after Close.
func (h *Heads) Wait(ctx context.Context, number uint64) (Block, error) {
	for {
		b, known, closed, changed := h.look()
		switch {
		case closed:
			return Block{}, fmt.Errorf("%w: closed", ErrUnavailable)
		case known && b.Number >= number:
			return b, nil
		}
		select {
		case <-ctx.Done():
			return Block{}, ctx.Err()
		case <-changed:
		}
	}
}

// Deliver sends every block from number next on, ascending, fetching those that
// are no longer the newest. It returns when ctx ends, the heads are closed or a
// fetch fails.
func (h *Heads) Deliver(ctx context.Context, next uint64, out chan<- Block, fetch func(context.Context, uint64) (Block, error)) error {
	for ; ; next++ {
		b, err := h.Wait(ctx, next)
		if err != nil {
			return err
		}
		if b.Number != next {
			if b, err = fetch(ctx, next); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case out <- b:
		}
	}
}

// offer sends the newest block from number next on; while the receiver is busy
// a newer one takes its place. One below what was sent comes after a Reset only.
func (h *Heads) offer(ctx context.Context, next uint64, out chan<- Block) {
	for {
		b, known, closed, changed := h.look()
		if closed {
			return
		}
		to := out
		if !known || b.Number+1 == next {
			to = nil // nothing new
		}
		select {
		case <-ctx.Done():
			return
		case to <- b:
			next = b.Number + 1
		case <-changed:
		}
	}
}
