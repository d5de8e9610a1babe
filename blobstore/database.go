package blobstore

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/proof"
)

const (
	cacheBytes    = 16 << 20
	memtableBytes = 4 << 20
	openFiles     = 256
)

// database is the metadata with its totals.
type database struct {
	db      *pebble.DB
	failure *failure

	mu  sync.Mutex // guards sum; held while a batch takes its place in the order
	sum totals     // as of the last batch
}

func openDatabase(fs vfs.FS, dir string, log *slog.Logger) (*database, error) {
	f := &failure{log: log, happened: make(chan struct{})}
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	opts := &pebble.Options{
		FS: fs, Cache: cache, MemTableSize: memtableBytes, MaxOpenFiles: openFiles,
		FormatMajorVersion: pebble.FormatNewest, Logger: f,
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("blobstore: metadata: %w", err)
	}
	d := &database{db: db, failure: f}
	if err := d.start(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// start checks the format, or sets it in a new database or an older one, and
// reads the totals.
func (d *database) start() error {
	version, found, err := d.get([]byte{tagVersion})
	if err != nil {
		return err
	}
	if !found {
		return d.setVersion(d.db.NewBatch())
	}
	if len(version) != 1 || version[0] < oldestFormat || version[0] > formatVersion {
		return fmt.Errorf("%w: format %v, this program knows %d", errFormat, version, formatVersion)
	}
	text, found, err := d.get([]byte{tagUsage})
	if err != nil || !found {
		return errors.Join(err, fmt.Errorf("%w: no totals", errFormat))
	}
	if d.sum, err = decodeTotals(text); err != nil || version[0] == formatVersion {
		return err
	}
	return d.upgrade(version[0])
}

// setVersion has programs that do not know the present format refuse it.
func (d *database) setVersion(b *pebble.Batch) error {
	b.Set([]byte{tagVersion}, []byte{formatVersion}, nil)
	return d.commit(b, totals{})
}

// upgrade makes the list of what is damaged, which the oldest format had not.
// All else stays as it is.
func (d *database) upgrade(from byte) error {
	if from >= listedFormat {
		return d.setVersion(d.db.NewBatch())
	}
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tagContent}, UpperBound: []byte{tagContent + 1}})
	if err != nil {
		return fmt.Errorf("blobstore: metadata: %w", err)
	}
	b := d.db.NewBatch()
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var c content
		if c, err = decodeContent(it.Value()); c.damaged {
			b.Set(append([]byte{tagDamaged}, it.Key()[1:]...), nil, nil)
		}
	}
	if err := errors.Join(err, it.Close()); err != nil {
		return fmt.Errorf("blobstore: metadata: %w", err)
	}
	return d.setVersion(b)
}

// close is to be called when nothing else is going on.
func (d *database) close() error {
	if d.failure.stuck() {
		return d.failure.error() // Pebble's locks are held for ever
	}
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("blobstore: closing metadata: %w", err)
	}
	return nil
}

// get returns a copy of a value.
func (d *database) get(key []byte) ([]byte, bool, error) {
	v, closer, err := d.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("blobstore: metadata: %w", err)
	}
	own := append([]byte(nil), v...)
	return own, true, closer.Close()
}

func (d *database) record(k id) (r record, found bool, err error) {
	v, found, err := d.get(k.record())
	if err == nil && found {
		r, err = decodeRecord(v)
	}
	return r, found, err
}

func (d *database) content(h proof.Digest) (c content, found bool, err error) {
	v, found, err := d.get(contentKey(h))
	if err == nil && found {
		c, err = decodeContent(v)
	}
	return c, found, err
}

// keys returns up to limit keys from lower (inclusive) to upper (exclusive).
func (d *database) keys(lower, upper []byte, limit int) ([][]byte, error) {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("blobstore: metadata: %w", err)
	}
	var keys [][]byte
	for ok := it.First(); ok && len(keys) < limit; ok = it.Next() {
		keys = append(keys, append([]byte(nil), it.Key()...))
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("blobstore: metadata: %w", err)
	}
	return keys, nil
}

// commit applies a batch with the change of the totals that comes with it, and
// returns when it is on disk.
func (d *database) commit(b *pebble.Batch, change totals) error {
	if err := d.enqueue(b, change, true); err != nil {
		return err
	}
	if err := b.SyncWait(); err != nil {
		return d.failure.fail(err)
	}
	return nil
}

// commitLater applies a batch like commit. It is on disk once any later batch
// is, or flush has returned.
func (d *database) commitLater(b *pebble.Batch, change totals) error {
	return d.enqueue(b, change, false)
}

// flush puts all batches on disk.
func (d *database) flush() error {
	b := d.db.NewBatch()
	b.LogData(nil, nil)
	return d.commit(b, totals{})
}

func (d *database) enqueue(b *pebble.Batch, change totals, durable bool) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failure.error(); err != nil {
		return err
	}
	// Pebble panics when its log cannot go on, with its own locks held.
	defer func() {
		if p := recover(); p != nil {
			err = d.failure.panicked(p)
		}
	}()
	sum := d.sum.plus(change)
	b.Set([]byte{tagUsage}, sum.encode(), nil)
	if durable {
		err = d.db.ApplyNoSyncWait(b, pebble.Sync)
	} else {
		err = d.db.Apply(b, pebble.NoSync)
	}
	if err != nil {
		return d.failure.fail(err)
	}
	if err := d.failure.error(); err != nil {
		return err // said through the logger only
	}
	d.sum = sum
	return nil
}

func (d *database) usage() totals {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sum
}

// failure remembers that the database cannot be written any more. It is
// Pebble's logger, because Pebble reports some of that by Fatalf alone and
// ends the process otherwise.
type failure struct {
	log      *slog.Logger
	happened chan struct{} // closed at the first failure

	mu     sync.Mutex // guards the rest
	err    error
	locks  bool      // Pebble's locks were left held
	warned time.Time // last time Pebble's warnings were heard
}

// fail notes the failure if it is the first, and returns the first.
func (f *failure) fail(cause error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fmt.Errorf("%w: %w", ErrBroken, cause)
		close(f.happened)
	}
	return f.err
}

func (f *failure) panicked(p any) error {
	err := f.fail(fmt.Errorf("metadata: %v", p))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.locks = true
	return err
}

func (f *failure) error() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *failure) stuck() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.locks
}

// Infof is Pebble's chatter.
func (f *failure) Infof(format string, args ...any) {
	f.log.Debug("metadata", "pebble", fmt.Sprintf(format, args...))
}

// Errorf is what Pebble retries by itself, without a pause: a full disk would
// fill the log.
func (f *failure) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.warned) < time.Second {
		return
	}
	f.warned = time.Now()
	f.log.Warn("metadata: trying again", "pebble", fmt.Sprintf(format, args...))
}

// Fatalf is where Pebble would end the process.
func (f *failure) Fatalf(format string, args ...any) {
	_ = f.fail(fmt.Errorf(format, args...))
	f.log.Error("metadata: the store is broken until it is opened again", "pebble", fmt.Sprintf(format, args...))
}
