package substrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

const (
	// maxVersions is how many blocks' versions are remembered, maxRuntimes how
	// many runtimes: a parsed one takes some megabytes.
	maxVersions = 4096
	maxRuntimes = 3
)

// version tells runtimes apart.
type version struct {
	Name        string `json:"specName"`
	Spec        uint32 `json:"specVersion"`
	Transaction uint32 `json:"transactionVersion"`
}

// runtime is a runtime's description of itself.
type runtime struct {
	*scale.Metadata
	version
}

// runtimes are those that one node has told of: what it says of them is believed
// for what it says itself. What a block's state holds is known from the block:
// nothing is assumed of the newest one.
type runtimes struct {
	library *library
	loading chan struct{} // holds one token: one metadata is loaded at a time

	mu       sync.Mutex // guards all below
	versions map[chain.Hash]version
	known    map[version]*runtime
	doubted  bool
}

func newRuntimes(l *library) *runtimes {
	return &runtimes{library: l, loading: make(chan struct{}, 1), versions: map[chain.Hash]version{}, known: map[version]*runtime{}}
}

// doubt forgets a runtime that a node's answers do not fit, once: it may speak
// for several.
func (r *runtimes) doubt(rt *runtime) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.doubted {
		r.doubted = true
		delete(r.known, rt.version)
	}
}

func (r *runtimes) lookup(hash chain.Hash) (v version, known bool, rt *runtime) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, known = r.versions[hash]
	return v, known, r.known[v]
}

// at is the runtime in the state after a block: the one that makes the next
// block and answers state_call.
func (r *runtimes) at(ctx context.Context, s *session, hash chain.Hash) (*runtime, error) {
	v, known, rt := r.lookup(hash)
	if !known {
		var err error
		if v, err = s.version(ctx, hash); err != nil {
			return nil, err
		}
		r.mu.Lock()
		if len(r.versions) >= maxVersions {
			clear(r.versions)
		}
		r.versions[hash] = v
		rt = r.known[v]
		r.mu.Unlock()
	}
	if rt != nil {
		return rt, nil
	}
	return r.load(ctx, s, hash, v)
}

// load fetches a runtime's metadata, once for all who wait for it.
func (r *runtimes) load(ctx context.Context, s *session, hash chain.Hash, v version) (*runtime, error) {
	select {
	case r.loading <- struct{}{}:
		defer func() { <-r.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if _, _, rt := r.lookup(hash); rt != nil {
		return rt, nil
	}
	m, err := r.fetch(ctx, s, hash, v)
	if err != nil {
		return nil, fmt.Errorf("runtime %s %d: %w", v.Name, v.Spec, err)
	}
	rt := &runtime{Metadata: m, version: v}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxRuntimes {
		clear(r.known)
	}
	r.known[v] = rt
	return rt, nil
}

// version is that of the runtime in the state after a block, the newest if none
// is named.
func (s *session) version(ctx context.Context, hash ...any) (v version, err error) {
	err = s.call(ctx, &v, "state_getRuntimeVersion", hash...)
	if err == nil && len(v.Name) > maxSpecName {
		err = fmt.Errorf("%w: %w: a runtime's name of %d bytes", chain.ErrUnavailable, errProtocol, len(v.Name))
	}
	return v, err
}

// fetch takes metadata of version 15 where the runtime has it, because only that
// describes runtime APIs, and 14 where not.
func (r *runtimes) fetch(ctx context.Context, s *session, hash chain.Hash, v version) (*scale.Metadata, error) {
	var refused *rpcError
	var raw hexBytes
	err := s.call(ctx, &raw, "state_call", "Metadata_metadata_at_version", hexBytes{15, 0, 0, 0}, hash)
	switch {
	case err == nil:
		// Option<Vec<u8>>
		if len(raw) > 1 && raw[0] == 1 {
			if n, body, err := scale.DecodeCompact(raw[1:]); err == nil && n == uint64(len(body)) {
				if m, err := r.library.metadata(v, body); err == nil {
					return m, nil
				}
			}
		}
	case !errors.As(err, &refused):
		return nil, err
	}
	if err := s.call(ctx, &raw, "state_getMetadata", hash); err != nil {
		return nil, err
	}
	return r.library.metadata(v, raw)
}

// library holds parsed metadata for the connections to come, which all ask anew.
type library struct {
	log *slog.Logger

	mu     sync.Mutex // guards both maps
	parsed map[[32]byte]*scale.Metadata
	told   map[version][32]byte // what was last said of a version
}

func newLibrary(log *slog.Logger) *library {
	return &library{log: log, parsed: map[[32]byte]*scale.Metadata{}, told: map[version][32]byte{}}
}

// metadata parses what a node says of a version, unless it was parsed before.
// Nodes that say different things are told of: one of them lies.
func (l *library) metadata(v version, raw []byte) (*scale.Metadata, error) {
	hash := blake2b.Sum256(raw)
	l.mu.Lock()
	defer l.mu.Unlock()
	m, known := l.parsed[hash]
	if !known {
		var err error
		if m, err = scale.ParseMetadata(raw); err != nil {
			return nil, fmt.Errorf("%w: %w", chain.ErrUnavailable, err)
		}
		if len(l.parsed) >= maxRuntimes {
			clear(l.parsed)
		}
		l.parsed[hash] = m
	}
	if before, told := l.told[v]; told && before != hash {
		l.log.Warn("nodes describe a runtime differently", "runtime", v.Name, "version", v.Spec)
	}
	if len(l.told) >= maxRuntimes {
		clear(l.told)
	}
	l.told[v] = hash
	return m, nil
}
