package devchain

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/chain"
)

// snapshotEvery is how many blocks at most are replayed at a start.
const snapshotEvery = 100

// The keys: "b" and the big-endian number hold a record, "s" the newest
// snapshot of the state. Both are JSON.
const snapshotKey = "s"

func blockKey(number uint64) []byte { return binary.BigEndian.AppendUint64([]byte("b"), number) }

// store keeps blocks and snapshots in one database; one block is one atomic,
// flushed write.
type store struct {
	db  *pebble.DB
	log *fatalLog

	mu     sync.RWMutex // guards closed, and db against being closed in use
	closed bool
}

func openStore(dir string, fs vfs.FS, log *slog.Logger) (*store, error) {
	fatal := &fatalLog{log: log}
	cache := pebble.NewCache(4 << 20)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, Logger: fatal, Cache: cache, MemTableSize: 1 << 20,
		FormatMajorVersion: pebble.FormatNewest})
	if err = errors.Join(err, fatal.failure()); err != nil {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return nil, fmt.Errorf("open chain in %q: %w", dir, err)
	}
	return &store{db: db, log: fatal}, nil
}

// put keeps a block, and its state when it is time for a snapshot. After an
// error nothing may be put any more.
func (s *store) put(rec record, after *state) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	if err := set(batch, blockKey(rec.Block.Number), rec); err != nil {
		return err
	}
	if rec.Block.Number%snapshotEvery == 0 {
		if err := set(batch, []byte(snapshotKey), after); err != nil {
			return err
		}
	}
	// A failed commit is told to the logger, not returned.
	if err := errors.Join(batch.Commit(pebble.Sync), s.log.failure()); err != nil {
		return fmt.Errorf("%w: keep block %d: %w", chain.ErrUnavailable, rec.Block.Number, err)
	}
	return nil
}

func set(batch *pebble.Batch, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return batch.Set(key, text, nil)
}

// get reads a value; chain.ErrNoBlock when there is none.
func (s *store) get(key []byte, value any) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	text, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return chain.ErrNoBlock
	}
	if err != nil {
		return fmt.Errorf("%w: read: %w", chain.ErrUnavailable, err)
	}
	defer closer.Close()
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("%w: kept data: %w", chain.ErrUnavailable, err)
	}
	return nil
}

func (s *store) block(number uint64) (record, error) {
	var rec record
	if err := s.get(blockKey(number), &rec); err != nil {
		return record{}, fmt.Errorf("block %d: %w", number, err)
	}
	return rec, nil
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.db.Close(), s.log.failure())
}

// restore returns the newest kept state, or keeps and returns that of the
// genesis block.
func (s *store) restore(cfg *Config, genesis *state) (*state, error) {
	first, err := s.block(0)
	if errors.Is(err, chain.ErrNoBlock) {
		return genesis, s.put(record{Block: genesis.Head}, genesis)
	}
	if err != nil {
		return nil, err
	}
	if first.Block.Hash != genesis.Head.Hash {
		return nil, fmt.Errorf("%w: it begins with %s, the configuration with %s", ErrOtherGenesis, first.Block.Hash, genesis.Head.Hash)
	}
	var at state
	if err := s.get([]byte(snapshotKey), &at); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	for now := &at; ; {
		rec, err := s.block(now.Head.Number + 1)
		if errors.Is(err, chain.ErrNoBlock) {
			return now, nil
		}
		if err != nil {
			return nil, err
		}
		if now, err = cfg.replay(now, rec); err != nil {
			return nil, err
		}
	}
}

// fatalLog is pebble's logger. Pebble reports a failed write to Fatalf and
// expects it to end the process; this remembers the failure instead.
type fatalLog struct {
	log *slog.Logger

	mu  sync.Mutex // guards err
	err error
}

func (l *fatalLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Infof implements pebble.Logger.
func (l *fatalLog) Infof(format string, args ...any) {}

// Errorf implements pebble.Logger.
func (l *fatalLog) Errorf(format string, args ...any) {
	l.log.Error("chain store", "err", fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger.
func (l *fatalLog) Fatalf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}
