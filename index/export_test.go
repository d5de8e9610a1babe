package index

import (
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// On has an index live on another file system, with a small memtable so that
// few writes make pebble rotate its log, flush and compact. Under the race
// detector it does not compact: one of pebble's own checks, compiled in only
// there, then ends the process when a compaction and a flush fail at once.
func (o Options) On(fs vfs.FS) Options {
	o.FS, o.memTable, o.retry, o.noCompaction = fs, 64<<10, time.Microsecond, underRace
	return o
}

// AuditRecords counts the audit records in the store, held or not.
func (x *Index) AuditRecords(ctx context.Context) (n int, err error) {
	for _, err := range x.kv.Groups(ctx, groupsAudit) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
