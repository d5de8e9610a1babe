package repair_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/filetao/filetao/index"
)

// errCrash is what a memory ends with.
var errCrash = errors.New("crashed")

// memory is an index's store in memory. It can crash at a commit: from then on, or
// from when that has been made, it does nothing any more until it is restarted.
type memory struct {
	mu      sync.Mutex // guards all below
	groups  map[string]map[string][]byte
	commits int
	crash   int  // at the commit of that number; 0: never
	after   bool // that commit is still made
	crashed bool
	noted   func(group string, then []index.Entry) // told of commits; may be nil
}

func newMemory() *memory { return &memory{groups: map[string]map[string][]byte{}} }

func (m *memory) restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crash, m.crashed = 0, false
}

func (m *memory) crashAt(commit int, after bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits, m.crash, m.after = 0, commit, after
}

func (m *memory) hasCrashed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crashed
}

// Get implements index.KV.
func (m *memory) Get(ctx context.Context, group string, fields ...string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return nil, errCrash
	}
	values := make([][]byte, len(fields))
	for i, f := range fields {
		values[i] = bytes.Clone(m.groups[group][f])
	}
	return values, ctx.Err()
}

// Commit implements index.KV.
func (m *memory) Commit(ctx context.Context, group string, when, then []index.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return errCrash
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, e := range when {
		if v := m.groups[group][e.Field]; !bytes.Equal(v, e.Value) || (v == nil) != (e.Value == nil) {
			return index.ErrConflict
		}
	}
	if m.commits++; m.commits == m.crash {
		m.crashed = true
		if !m.after {
			return errCrash
		}
	}
	if m.noted != nil {
		m.noted(group, then)
	}
	g := m.groups[group]
	if g == nil {
		g = map[string][]byte{}
		m.groups[group] = g
	}
	for _, e := range then {
		if e.Value == nil {
			delete(g, e.Field)
		} else {
			g[e.Field] = bytes.Clone(e.Value)
		}
	}
	if len(g) == 0 {
		delete(m.groups, group)
	}
	if m.crashed {
		return errCrash
	}
	return nil
}

// Scan implements index.KV.
func (m *memory) Scan(ctx context.Context, group, prefix string) iter.Seq2[index.Entry, error] {
	return func(yield func(index.Entry, error) bool) {
		m.mu.Lock()
		fields, crashed := maps.Clone(m.groups[group]), m.crashed
		m.mu.Unlock()
		if crashed {
			yield(index.Entry{}, errCrash)
			return
		}
		for _, f := range slices.Sorted(maps.Keys(fields)) {
			if strings.HasPrefix(f, prefix) && !yield(index.Entry{Field: f, Value: bytes.Clone(fields[f])}, nil) {
				return
			}
		}
	}
}

// Groups implements index.KV.
func (m *memory) Groups(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		names, crashed := slices.Sorted(maps.Keys(m.groups)), m.crashed
		m.mu.Unlock()
		if crashed {
			yield("", errCrash)
			return
		}
		for _, name := range names {
			if strings.HasPrefix(name, prefix) && !yield(name, nil) {
				return
			}
		}
	}
}

// Close implements index.KV.
func (m *memory) Close() error { return nil }
