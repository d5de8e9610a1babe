package indextest

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

// ErrCrash is what a Memory ends with.
var ErrCrash = errors.New("crashed")

// Memory is an index's store in memory. It can crash at a commit: from then on, or
// from when that has been made, it does nothing any more until it is restarted.
type Memory struct {
	mu      sync.Mutex // guards all below
	groups  map[string]map[string][]byte
	commits int
	crash   int  // at the commit of that number; 0: never
	after   bool // that commit is still made
	crashed bool
	// Noted is told of commits, one at a time; it may be nil.
	Noted func(group string, then []index.Entry)
}

// NewMemory is one without anything in it.
func NewMemory() *Memory { return &Memory{groups: map[string]map[string][]byte{}} }

// Restart has it do again what it is told.
func (m *Memory) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crash, m.crashed = 0, false
}

// CrashAt has it crash at a commit, counted from now, which is made or not.
func (m *Memory) CrashAt(commit int, after bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits, m.crash, m.after = 0, commit, after
}

// HasCrashed says whether it has.
func (m *Memory) HasCrashed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crashed
}

// Get implements index.KV.
func (m *Memory) Get(ctx context.Context, group string, fields ...string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return nil, ErrCrash
	}
	values := make([][]byte, len(fields))
	for i, f := range fields {
		values[i] = bytes.Clone(m.groups[group][f])
	}
	return values, ctx.Err()
}

// Commit implements index.KV.
func (m *Memory) Commit(ctx context.Context, group string, when, then []index.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return ErrCrash
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
			return ErrCrash
		}
	}
	if m.Noted != nil {
		m.Noted(group, then)
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
		return ErrCrash
	}
	return nil
}

// Scan implements index.KV.
func (m *Memory) Scan(ctx context.Context, group, prefix string) iter.Seq2[index.Entry, error] {
	return func(yield func(index.Entry, error) bool) {
		m.mu.Lock()
		fields, crashed := maps.Clone(m.groups[group]), m.crashed
		m.mu.Unlock()
		if crashed {
			yield(index.Entry{}, ErrCrash)
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
func (m *Memory) Groups(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		names, crashed := slices.Sorted(maps.Keys(m.groups)), m.crashed
		m.mu.Unlock()
		if crashed {
			yield("", ErrCrash)
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
func (m *Memory) Close() error { return nil }
