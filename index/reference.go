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
	prefix string // prefixFile, prefixHolder, prefixObject or prefixUpload
	name   string // the CID, the holder's address, or the pair of the owner's and an object's CID or upload's ID
	token  string
}

func parseReference(field string) (reference, error) {
	parts := strings.Split(field, ":")
	if len(parts) != 3 {
		return reference{}, fmt.Errorf("%w: field %.160q", ErrCorrupt, field)
	}
	r := reference{prefix: parts[0] + ":", name: parts[1], token: parts[2]}
	switch r.prefix {
	case prefixFile, prefixHolder, prefixObject, prefixUpload:
		if checkToken(r.token) == nil {
			return r, nil
		}
	}
	return reference{}, fmt.Errorf("%w: field %.160q", ErrCorrupt, field)
}

// readReference reads an entry that is a reference.
func readReference(group string, entry Entry) (reference, referenceRecord, error) {
	ref, err := parseReference(entry.Field)
	if err != nil {
		return ref, referenceRecord{}, fmt.Errorf("%s: %w", group, err)
	}
	record, err := decode[referenceRecord](entry.Value)
	if err != nil {
		return ref, record, fmt.Errorf("%s in %s: %w", entry.Field, group, err)
	}
	return ref, record, nil
}
