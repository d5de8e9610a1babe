package index

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// refer writes a reference to a truth that is about to be committed.
func (x *Index) refer(ctx context.Context, group, field string, size int64) error {
	data, err := encode(referenceRecord{V: version, Size: size, Since: stamp(time.Now())})
	if err != nil {
		return err
	}
	return x.kv.Commit(ctx, group, nil, []Entry{{field, data}})
}

// unrefer takes away a reference whose truth is gone, or never came to be.
func (x *Index) unrefer(ctx context.Context, group, field string) error {
	return x.kv.Commit(ctx, group, nil, []Entry{{Field: field}})
}

// reference is a field of a datum's group, taken apart.
type reference struct {
	prefix string // prefixFile or prefixHolder
	name   string // the CID or the holder's address
	token  string
}

func parseReference(field string) (reference, error) {
	parts := strings.Split(field, ":")
	if len(parts) != 3 {
		return reference{}, fmt.Errorf("%w: field %.160q", ErrCorrupt, field)
	}
	r := reference{prefix: parts[0] + ":", name: parts[1], token: parts[2]}
	if r.prefix != prefixFile && r.prefix != prefixHolder || checkToken(r.token) != nil {
		return reference{}, fmt.Errorf("%w: field %.160q", ErrCorrupt, field)
	}
	return r, nil
}

// Sweep takes away references without a truth, and audit records without a
// holding, that are older than age: what crashed or failed writers left behind.
// They are never shown, so it is only about space; age must be well above the longest time a Put may take (an hour
// is plenty). It returns how many it took away.
func (x *Index) Sweep(ctx context.Context, age time.Duration) (int, error) {
	swept := 0
	for kind, groups := range map[Kind]string{User: groupsChunk, Random: groupsRandom} {
		for group, err := range x.kv.Groups(ctx, groups) {
			if err != nil {
				return swept, err
			}
			n, err := x.sweepDatum(ctx, kind, group, age)
			swept += n
			if err != nil {
				return swept, err
			}
		}
	}
	n, err := x.sweepAudits(ctx, age)
	return swept + n, err
}

func (x *Index) sweepDatum(ctx context.Context, kind Kind, group string, age time.Duration) (int, error) {
	swept := 0
	for entry, err := range x.kv.Scan(ctx, group, "") {
		if err != nil {
			return swept, err
		}
		ref, err := parseReference(entry.Field)
		if err != nil {
			return swept, fmt.Errorf("%s: %w", group, err)
		}
		record, err := decode[referenceRecord](entry.Value)
		if err != nil {
			return swept, fmt.Errorf("%s in %s: %w", entry.Field, group, err)
		}
		if time.Since(record.Since) < age {
			continue
		}
		var live bool
		if ref.prefix == prefixFile {
			live, err = x.fileLives(ctx, ref)
		} else {
			live, err = x.holdingLives(ctx, ref, kind, tagOf(group))
		}
		if err != nil {
			return swept, err
		}
		if !live {
			if err := x.unrefer(ctx, group, entry.Field); err != nil {
				return swept, err
			}
			swept++
		}
	}
	return swept, nil
}
