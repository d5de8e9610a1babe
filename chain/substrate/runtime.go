package substrate

import (
	"context"
	"errors"
	"fmt"
	"sync"

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

// runtimes are those met so far. What a block's state holds is known from the
// block itself: nothing is assumed of the newest one.
type runtimes struct {
	loading chan struct{} // holds one token: one metadata is loaded at a time

	mu       sync.Mutex // guards both maps
	versions map[chain.Hash]version
	known    map[version]*runtime
}

func newRuntimes() *runtimes {
	return &runtimes{loading: make(chan struct{}, 1), versions: map[chain.Hash]version{}, known: map[version]*runtime{}}
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
		if err := s.call(ctx, &v, "state_getRuntimeVersion", hash); err != nil {
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
	m, err := fetchMetadata(ctx, s, hash)
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

// fetchMetadata is version 15 where the runtime has it, because only that
// describes runtime APIs, and 14 where not.
func fetchMetadata(ctx context.Context, s *session, hash chain.Hash) (*scale.Metadata, error) {
	var refused *rpcError
	var raw hexBytes
	err := s.call(ctx, &raw, "state_call", "Metadata_metadata_at_version", hexBytes{15, 0, 0, 0}, hash)
	switch {
	case err == nil:
		// Option<Vec<u8>>
		if len(raw) > 1 && raw[0] == 1 {
			if n, body, err := scale.DecodeCompact(raw[1:]); err == nil && n == uint64(len(body)) {
				if m, err := scale.ParseMetadata(body); err == nil {
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
	m, err := scale.ParseMetadata(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", chain.ErrUnavailable, err)
	}
	return m, nil
}
