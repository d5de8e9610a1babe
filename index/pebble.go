package index

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of the embedded store. The zero Options are the defaults.
type Options struct {
	Cache    int64        // bytes of block cache; 0: 64 MiB
	MinFree  int64        // bytes of the disk that Room leaves free; 0: 256 MiB, less: none
	ReadOnly bool         // for inspection; needs the folder to itself all the same
	Log      *slog.Logger // nil: discard
	FS       vfs.FS       // nil: the real one; tests: in memory, failing, crashing

	memTable uint64        // tests: small, so that it is flushed often
	retry    time.Duration // tests: short

	noCompaction bool // tests: see On
}

const (
	defaultCache    = 64 << 20
	defaultMemTable = 16 << 20
	defaultMinFree  = 256 << 20
	defaultRetry    = time.Second
	maxUnflushed    = 1 << 30 // bytes in memtables at which writes wait
	bloomBits       = 10      // per key: 1 % false positives
)

// Open opens the embedded store in a folder, which it makes readable to its
// user only, for this process alone: ErrLocked if another one has it.
func Open(dir string, o Options) (*Index, error) {
	kv, err := openPebble(dir, o)
	if err != nil {
		return nil, err
	}
	return New(kv), nil
}

// pebbleKV is a KV in a folder. Keys are group, zero byte, field.
type pebbleKV struct {
	failure *failure
	fs      vfs.FS
	dir     string
	minFree int64
	seed    maphash.Seed
	groups  [64]sync.Mutex // by group: from reading the conditions to the commit

	mu sync.RWMutex // guards db: held for reading while it is in use
	db *pebble.DB   // nil once closed
}

func openPebble(dir string, o Options) (*pebbleKV, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	kv := &pebbleKV{
		failure: &failure{log: o.Log, retry: cmp.Or(o.retry, defaultRetry), ended: make(chan struct{})}, seed: maphash.MakeSeed(),
		fs: o.FS, dir: dir, minFree: cmp.Or(o.MinFree, defaultMinFree),
	}
	if !o.ReadOnly {
		if err := o.FS.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("open index: %w", err)
		}
	}
	db, err := pebble.Open(dir, pebbleOptions(o, kv.failure))
	if err != nil {
		if errors.Is(err, syscall.EAGAIN) || strings.Contains(err.Error(), "lock held by current process") {
			err = fmt.Errorf("%w: %w", ErrLocked, err)
		}
		return nil, fmt.Errorf("open index in %s: %w", dir, err)
	}
	if err := kv.failure.get(); err != nil {
		return nil, errors.Join(fmt.Errorf("open index in %s: %w", dir, err), db.Close())
	}
	kv.db = db
	return kv, nil
}

func pebbleOptions(o Options, f *failure) *pebble.Options {
	options := &pebble.Options{
		FS:           &guardFS{o.FS, f},
		CacheSize:    cmp.Or(o.Cache, defaultCache),
		MemTableSize: cmp.Or(o.memTable, defaultMemTable),
		// A writer that waits for room waits for ever if the disk fails. So none
		// does: failure refuses writes long before these are reached.
		MemTableStopWritesThreshold: int(maxUnflushed / cmp.Or(o.memTable, defaultMemTable)),
		L0StopWritesThreshold:       1000,
		FormatMajorVersion:          pebble.FormatNewest,
		ReadOnly:                    o.ReadOnly,
		DisableAutomaticCompactions: o.noCompaction,
		ErrorIfNotExists:            o.ReadOnly,
		Logger:                      pebbleLogger{f},
		EventListener:               f.listener(),
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	return options
}

// open returns the database, which stays open until done is called.
func (p *pebbleKV) open(ctx context.Context) (db *pebble.DB, done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	p.mu.RLock()
	if p.db == nil {
		p.mu.RUnlock()
		return nil, nil, ErrClosed
	}
	return p.db, p.mu.RUnlock, nil
}

// Close closes the database.
func (p *pebbleKV) Close() error {
	p.failure.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.db == nil {
		return ErrClosed
	}
	err := p.db.Close()
	p.db = nil
	return err
}

// room is ErrFull if less of the disk is free than is to stay so.
func (p *pebbleKV) room() error {
	usage, err := p.fs.GetDiskUsage(p.dir)
	if err != nil || p.minFree < 0 || usage.AvailBytes >= uint64(p.minFree) {
		return nil // what the system does not tell shows when it is written
	}
	return fmt.Errorf("%w: %d MiB are free and %d are to stay so", ErrFull, usage.AvailBytes>>20, p.minFree>>20)
}

func pebbleKey(group, field string) []byte { return []byte(group + "\x00" + field) }

// Get reads from one snapshot.
func (p *pebbleKV) Get(ctx context.Context, group string, fields ...string) ([][]byte, error) {
	db, done, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var from pebble.Reader = db
	if len(fields) > 1 {
		snapshot := db.NewSnapshot()
		defer snapshot.Close()
		from = snapshot
	}
	values := make([][]byte, len(fields))
	for i, field := range fields {
		if values[i], err = pebbleGet(from, pebbleKey(group, field)); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func pebbleGet(from pebble.Reader, key []byte) ([]byte, error) {
	data, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value := append([]byte{}, data...)
	return value, closer.Close()
}

// Commit writes one batch, which is visible before it is synced: to wait for the
// disk, the group is left to others, so that their batches are synced with it.
// What they found on it is lost if it is.
func (p *pebbleKV) Commit(ctx context.Context, group string, when, then []Entry) error {
	db, done, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	batch, err := p.apply(db, group, when, then)
	if batch == nil {
		return err
	}
	if err := errors.Join(batch.SyncWait(), batch.Close()); err != nil {
		return err
	}
	return p.failure.get()
}

// apply makes the changes of a Commit, which are not synced yet; no batch if
// there is nothing to wait for.
func (p *pebbleKV) apply(db *pebble.DB, group string, when, then []Entry) (*pebble.Batch, error) {
	turn := &p.groups[maphash.String(p.seed, group)%uint64(len(p.groups))]
	turn.Lock()
	defer turn.Unlock()
	for _, e := range when {
		value, err := pebbleGet(db, pebbleKey(group, e.Field))
		if err != nil {
			return nil, err
		}
		if (value == nil) != (e.Value == nil) || !bytes.Equal(value, e.Value) {
			return nil, ErrConflict
		}
	}
	if len(then) == 0 {
		return nil, nil
	}
	if err := p.failure.get(); err != nil {
		return nil, err
	}
	batch := db.NewBatch()
	for _, e := range then {
		key, err := pebbleKey(group, e.Field), error(nil)
		if e.Value == nil {
			err = batch.Delete(key, nil)
		} else {
			err = batch.Set(key, e.Value, nil)
		}
		if err != nil {
			return nil, errors.Join(err, batch.Close())
		}
	}
	if err := db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		return nil, errors.Join(err, batch.Close())
	}
	return batch, nil
}

// page is how many entries are read before they are handed out.
const page = 256

// Scan reads page by page, so that no iterator stays open while the caller
// works.
func (p *pebbleKV) Scan(ctx context.Context, group, prefix string) iter.Seq2[Entry, error] {
	cut := len(group) + 1
	return func(yield func(Entry, error) bool) {
		p.pages(ctx, pebbleKey(group, prefix), nil, func(key, value []byte) bool {
			return yield(Entry{string(key[cut:]), value}, nil)
		}, func(err error) { yield(Entry{}, err) })
	}
}

// Page reads from the first key on that may be in it.
func (p *pebbleKV) Page(ctx context.Context, group, prefix, after string, limit int) ([]Entry, error) {
	from := pebbleKey(group, prefix)
	if after != "" {
		from = append(pebbleKey(group, prefix+after), 0)
	}
	keys, values, err := p.page(ctx, from, pebbleKey(group, prefix), nil, limit)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(keys))
	for i, key := range keys {
		entries[i] = Entry{string(key[len(group)+1:]), values[i]}
	}
	return entries, nil
}

// Groups skips from group to group.
func (p *pebbleKV) Groups(ctx context.Context, prefix string) iter.Seq2[string, error] {
	name := func(key []byte) []byte {
		name, _, _ := bytes.Cut(key, []byte{0})
		return name
	}
	skip := func(key []byte) []byte { return append(slices.Clone(name(key)), 1) }
	return func(yield func(string, error) bool) {
		p.pages(ctx, []byte(prefix), skip, func(key, _ []byte) bool {
			return yield(string(name(key)), nil)
		}, func(err error) { yield("", err) })
	}
}

// pages calls each for the keys with a prefix, ascending; after a key goes the
// next one, or the first from skip(key) on.
func (p *pebbleKV) pages(ctx context.Context, prefix []byte, skip func([]byte) []byte, each func(key, value []byte) bool, fail func(error)) {
	from := prefix
	for {
		keys, values, err := p.page(ctx, from, prefix, skip, page)
		if err != nil {
			fail(err)
			return
		}
		for i := range keys {
			if !each(keys[i], values[i]) {
				return
			}
		}
		if len(keys) < page {
			return
		}
		last := keys[len(keys)-1]
		if skip != nil {
			from = skip(last)
		} else {
			from = append(last, 0)
		}
	}
}

func (p *pebbleKV) page(ctx context.Context, from, prefix []byte, skip func([]byte) []byte, limit int) (keys, values [][]byte, err error) {
	db, done, err := p.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(prefix)})
	if err != nil {
		return nil, nil, err
	}
	for ok := it.First(); ok && len(keys) < limit; {
		keys = append(keys, slices.Clone(it.Key()))
		if skip != nil {
			values = append(values, nil)
			ok = it.SeekGE(skip(it.Key()))
			continue
		}
		values = append(values, append([]byte{}, it.Value()...))
		ok = it.Next()
	}
	return keys, values, errors.Join(it.Error(), it.Close())
}

// after is the first key beyond all that begin with prefix, whose last byte is
// never 255.
func after(prefix []byte) []byte {
	end := slices.Clone(prefix)
	end[len(end)-1]++
	return end
}
