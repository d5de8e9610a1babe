package index

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// On has an index live on another file system, with a small memtable so that
// few writes make pebble rotate its log, flush and compact.
func (o Options) On(fs vfs.FS) Options {
	o.fs, o.memTable, o.retry = fs, 64<<10, time.Microsecond
	return o
}
