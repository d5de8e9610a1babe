package index

import (
	"context"
	"errors"
	"iter"
)

var (
	// ErrNotFound: there is no such file, owner, holding, record, question or
	// state.
	ErrNotFound = errors.New("index: not found")
	// ErrConflict: another writer changed what a commit was founded on. Index
	// tries again and returns it only when that never ends, and where another
	// question is pending.
	ErrConflict = errors.New("index: changed by another writer")
	// ErrEnded: a segment has ended since its Life was looked at. Who puts it begins
	// again, with shards that miners sign for anew.
	ErrEnded = errors.New("index: the segment has ended meanwhile")
	// ErrInvalid: the caller's value cannot be stored (bad hash, address, CID,
	// size, name or text).
	ErrInvalid = errors.New("index: invalid value")
	// ErrCorrupt: what is stored cannot be read as what it should be.
	ErrCorrupt = errors.New("index: stored value is damaged")
	// ErrLocked: the folder is in use by another process, or twice in this one.
	ErrLocked = errors.New("index: in use by another process")
	// ErrFull: there is no room on the store's disk, or less than is to stay free.
	ErrFull = errors.New("index: disk full")
	// ErrFailed: the store took a write error and refuses further writes until
	// it is opened again. Reads go on as far as they can.
	ErrFailed = errors.New("index: store failed")
	// ErrClosed: the index has been closed.
	ErrClosed = errors.New("index: closed")
)

// Entry is one field of a group and its value.
type Entry struct {
	Field string
	Value []byte // nil: no such field (as a condition), delete it (as a change)
}

// KV is a store of groups, each a map of fields to values. It is all that a
// backend has to offer; safe for concurrent use, within a process and, where
// the store is shared, between processes. Group names hold no zero byte and no
// characters special to a glob; a group without fields does not exist. Every
// error that is none of this package's is the store's own, and after one from
// Commit the change may or may not have happened.
type KV interface {
	// Get returns the values of a group's fields as they stood at one moment,
	// nil for those that do not exist. The values are the caller's to keep.
	Get(ctx context.Context, group string, fields ...string) ([][]byte, error)
	// Commit makes all changes in then, or none: ErrConflict when one of the
	// entries in when is not the present state. Without changes it only tells
	// whether they are. What it changed has reached the disk (or,
	// with Redis, the server) when it returns.
	Commit(ctx context.Context, group string, when, then []Entry) error
	// Scan yields the entries whose field begins with prefix, in no promised
	// order, each at least once if it is there all the while. It is no
	// snapshot: changing the group meanwhile is allowed.
	Scan(ctx context.Context, group, prefix string) iter.Seq2[Entry, error]
	// Groups yields the names that begin with prefix, as Scan does.
	Groups(ctx context.Context, prefix string) iter.Seq2[string, error]
	// Close releases the store. Everything after it is ErrClosed.
	Close() error
}
