package index_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/filetao/filetao/index"
)

// mortal is a store in memory that takes so many commits and then dies, until it
// is revived: what a process leaves behind that was killed between two of them.
type mortal struct {
	mu     sync.Mutex // guards all below
	groups map[string]map[string][]byte
	left   int  // commits until it dies; < 0: it does not
	last   bool // the commit that it dies of is made all the same
	dead   bool

	before func(group string, then []index.Entry) // if not nil, is called before a commit
}

var errKilled = errors.New("killed")

func (m *mortal) Get(_ context.Context, group string, fields ...string) (values [][]byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return nil, errKilled
	}
	for _, f := range fields {
		values = append(values, m.groups[group][f])
	}
	return values, nil
}

func (m *mortal) Commit(_ context.Context, group string, when, then []index.Entry) error {
	if m.before != nil {
		m.before(group, then)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errKilled
	}
	for _, e := range when {
		if now, ok := m.groups[group][e.Field]; ok != (e.Value != nil) || string(now) != string(e.Value) {
			return index.ErrConflict
		}
	}
	if len(then) == 0 {
		return nil
	}
	if m.dead = m.left == 0; m.dead && !m.last {
		return errKilled
	}
	m.left--
	fields := m.groups[group]
	if fields == nil {
		fields = map[string][]byte{}
		m.groups[group] = fields
	}
	for _, e := range then {
		if fields[e.Field] = e.Value; e.Value == nil {
			delete(fields, e.Field)
		}
	}
	if len(fields) == 0 {
		delete(m.groups, group)
	}
	if m.dead {
		return errKilled
	}
	return nil
}

func (m *mortal) Scan(_ context.Context, group, prefix string) iter.Seq2[index.Entry, error] {
	return func(yield func(index.Entry, error) bool) {
		m.mu.Lock()
		all, dead := maps.Clone(m.groups[group]), m.dead
		m.mu.Unlock()
		if dead {
			yield(index.Entry{}, errKilled)
			return
		}
		for _, field := range slices.Sorted(maps.Keys(all)) {
			if strings.HasPrefix(field, prefix) && !yield(index.Entry{Field: field, Value: all[field]}, nil) {
				return
			}
		}
	}
}

func (m *mortal) Groups(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		all, dead := slices.Sorted(maps.Keys(m.groups)), m.dead
		m.mu.Unlock()
		if dead {
			yield("", errKilled)
			return
		}
		for _, group := range all {
			if strings.HasPrefix(group, prefix) && !yield(group, nil) {
				return
			}
		}
	}
}

func (m *mortal) Close() error { return nil }

// revive has the store live on, until it has taken so many commits.
func (m *mortal) revive(left int, last bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left, m.last, m.dead = left, last, false
}
