package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

var (
	// ErrNotFound says that the owner has no such data here.
	ErrNotFound = errors.New("blobstore: not found")
	// ErrFull says that there is no room for the data.
	ErrFull = errors.New("blobstore: full")
	// ErrCorrupt says that data is recorded but its content is missing, cut
	// short, unreadable or has another hash. Storing the data again mends it.
	ErrCorrupt = errors.New("blobstore: content is damaged")
	// ErrInvalid says that an owner, hash, seed, ttl or size is none, that tags
	// are empty or too many, or that data is asked for what only shards have, or
	// the other way round.
	ErrInvalid = errors.New("blobstore: not storable")
	// ErrInUse says that the store is open already, here or in another process.
	ErrInUse = errors.New("blobstore: already open")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("blobstore: closed")
	// ErrBroken says that metadata could not be written. Nothing can be
	// stored or changed until the store was closed and opened again, which
	// may need a new process.
	ErrBroken = errors.New("blobstore: broken")
)

// DefaultMinFree is how many bytes of the disk stay free unless told otherwise.
const DefaultMinFree = 256 << 20

// Config says where the bytes are and how many there may be.
type Config struct {
	// Dir is the store's folder; made if it is not there, with its parents.
	Dir string
	// Capacity is how many bytes of content there may be; 0 means that only
	// the disk sets the limit. Metadata and tags come on top of it.
	Capacity int64
	// MinFree is how many bytes of the disk are never used; 0 means
	// DefaultMinFree, less than 0 none. A full disk breaks the store.
	MinFree int64
}

// Deps are a store's surroundings.
type Deps struct {
	// Now is the clock for records that come without a time; nil: time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
	// FS is the file system; nil means the real one. Tests let it fail.
	FS vfs.FS
}

// Record is somebody's claim on a datum or a shard.
type Record struct {
	Owner  wallet.Address
	Hash   string // in decimal, as on the wire: SHA3-256 of the data; of a shard, its root
	Shard  bool   // whether Hash is the root of a shard (package erasure); set by PutShard
	Size   int64  // bytes; set by Put and PutShard
	Seed   string // current seed of the chain, see proof.CheckSeed; none of a shard
	Stored time.Time
	TTL    time.Duration // the data may be dropped at Stored + TTL; 0 means never
}

// Usage is what a store holds and can hold, in bytes.
type Usage struct {
	Bytes    int64 // of content, each datum counted once
	Objects  int64 // data
	Records  int64 // claims on them
	Capacity int64 // configured, or what the disk would have room for
	Free     int64 // how much more could be stored now
}

// stripes is the number of locks and of content folders: one of each for every
// first byte of a hash.
const stripes = 256

// Store is an open store, safe for concurrent use.
type Store struct {
	config Config
	fs     vfs.FS
	now    func() time.Time
	log    *slog.Logger
	lock   io.Closer
	meta   *database
	temps  atomic.Uint64 // numbers temporary files

	// stripe i is held by whoever changes content or records of hashes whose
	// first byte is i. At most one is held at a time.
	stripe [stripes]sync.Mutex

	lifeMu sync.Mutex // guards closed, and orders it with calls
	closed bool
	calls  sync.WaitGroup // those that are going on

	buffers sync.Pool // of *[bufferSize]byte

	roomMu   sync.Mutex // guards reserved and orders decisions about room
	reserved int64      // bytes of content on their way
}

// Open opens or makes a store. It ends what a crash interrupted, in a time that
// does not depend on how much is stored. It returns ErrInUse, or the error of
// the file system or the database.
func Open(c Config, d Deps) (*Store, error) {
	s := &Store{config: c, fs: d.FS, now: d.Now, log: d.Log}
	s.buffers.New = func() any { return new([bufferSize]byte) }
	if s.fs == nil {
		s.fs = vfs.Default
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.config.MinFree == 0 {
		s.config.MinFree = DefaultMinFree
	}
	if err := s.makeDirs(); err != nil {
		return nil, err
	}
	lock, err := s.fs.Lock(s.path("LOCK"))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInUse, c.Dir, err)
	}
	s.lock = lock
	if s.meta, err = openDatabase(s.fs, s.path("meta"), s.log); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// recover removes what a crash left half done.
func (s *Store) recover() error {
	if err := s.emptyTemp(); err != nil {
		return err
	}
	n, err := s.sweepIntents()
	if n > 0 {
		s.log.Info("removed data whose storing or removal had been interrupted", "objects", n)
	}
	return err
}

// Close waits for calls that are going on and closes the store; others fail from
// here on. Readers that are open can be read on.
func (s *Store) Close() error {
	s.lifeMu.Lock()
	closed := s.closed
	s.closed = true
	s.lifeMu.Unlock()
	if closed {
		return ErrClosed
	}
	s.calls.Wait()
	return errors.Join(s.meta.close(), s.lock.Close())
}

// Failed is closed when the store breaks: see ErrBroken.
func (s *Store) Failed() <-chan struct{} { return s.meta.failure.happened }

// enter keeps the store open until leave is called. A call may make others.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.lifeMu.Lock()
	defer s.lifeMu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.calls.Add(1)
	return s.calls.Done, nil
}

// hold locks the hash's stripe.
func (s *Store) hold(h proof.Digest) (release func()) {
	m := &s.stripe[h[0]]
	m.Lock()
	return m.Unlock
}

// Stat returns a claim: ErrNotFound, ErrInvalid.
func (s *Store) Stat(ctx context.Context, owner wallet.Address, hash string) (Record, error) {
	k, err := parseID(owner, hash)
	if err != nil {
		return Record{}, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return Record{}, err
	}
	defer leave()
	r, err := s.find(k)
	return r.public(k), err
}

// find returns the record or ErrNotFound.
func (s *Store) find(k id) (record, error) {
	r, found, err := s.meta.record(k)
	if err == nil && !found {
		err = fmt.Errorf("%w: %s of %s", ErrNotFound, k.hash, wallet.AddressOf(k.owner))
	}
	return r, err
}

// Usage says what is stored and what there is room for; no room if the file
// system does not say.
func (s *Store) Usage() Usage {
	s.roomMu.Lock()
	defer s.roomMu.Unlock()
	sum, free, _, err := s.room()
	if err != nil {
		s.log.Warn("room for data is not known", "err", err)
	}
	u := Usage{Bytes: sum.bytes, Objects: sum.objects, Records: sum.records, Capacity: s.config.Capacity, Free: free}
	if u.Capacity == 0 {
		u.Capacity = u.Bytes + u.Free
	}
	return u
}

// reserve makes room for that many bytes, until they are counted or given up
// and release is called. It returns ErrFull.
func (s *Store) reserve(size int64) (release func(), err error) {
	s.roomMu.Lock()
	defer s.roomMu.Unlock()
	sum, free, _, err := s.room()
	if err != nil {
		return nil, err
	}
	if size > free {
		return nil, fmt.Errorf("%w: %d bytes do not fit beside %d, %d are free", ErrFull, size, sum.bytes, free)
	}
	s.reserved += size
	return func() {
		s.roomMu.Lock()
		defer s.roomMu.Unlock()
		s.reserved -= size
	}, nil
}

// spare returns ErrFull if the disk has no room for that many bytes beside
// content. They are not reserved: MinFree is what many at a time draw on.
func (s *Store) spare(size int64) error {
	s.roomMu.Lock()
	defer s.roomMu.Unlock()
	_, _, disk, err := s.room()
	if err == nil && size > disk {
		err = fmt.Errorf("%w: %d bytes of tags do not fit on the disk, %d are free", ErrFull, size, disk)
	}
	return err
}

// room returns the totals, how many bytes more of content could be taken, and
// how many of any kind the disk has room for. Bytes that are being written may
// be counted twice, never left out. roomMu is held.
func (s *Store) room() (sum totals, content, disk int64, err error) {
	sum = s.meta.usage()
	usage, err := s.fs.GetDiskUsage(s.config.Dir)
	if err != nil {
		return sum, 0, 0, fmt.Errorf("blobstore: free space: %w", err)
	}
	disk = int64(min(usage.AvailBytes, math.MaxInt64)) - max(s.config.MinFree, 0) - s.reserved
	content = disk
	if s.config.Capacity > 0 {
		content = min(content, s.config.Capacity-sum.bytes-s.reserved)
	}
	return sum, max(content, 0), max(disk, 0), nil
}
