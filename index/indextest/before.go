package indextest

import (
	"context"
	"sync"

	"github.com/filetao/filetao/index"
)

// Before is a store before one of whose commits something else happens, by another
// way to the same store: a writer that is held up there. Others of its commits wait.
type Before struct {
	index.KV
	mu      sync.Mutex // guards all below
	commits int        // until then
	happens func()
}

// NewBefore has it happen once, before the commit of that number, counted from 0.
func NewBefore(kv index.KV, commit int, happens func()) *Before {
	return &Before{KV: kv, commits: commit, happens: happens}
}

// Commit implements index.KV.
func (b *Before) Commit(ctx context.Context, group string, when, then []index.Entry) error {
	b.meet()
	return b.KV.Commit(ctx, group, when, then)
}

func (b *Before) meet() {
	b.mu.Lock()
	defer b.mu.Unlock() // also when a test fails in it
	if b.commits--; b.commits == -1 {
		b.happens()
	}
}

// Happened says whether it has.
func (b *Before) Happened() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.commits < 0
}
