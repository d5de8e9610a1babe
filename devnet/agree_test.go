package devnet_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// holdings are shards that miners have, or are to have, by their roots.
type holdings map[int]map[string]index.Holding

// settle has everything end that nobody needs.
func (s *soak) settle() {
	engine, x := keeper(s.t, s.life.d), s.life.d.Index(0)
	round := func() {
		if err := errors.Join(engine.Look(s.t.Context()), engine.Upkeep(s.t.Context()), engine.Sweep(s.t.Context()), engine.TellDrops(s.t.Context())); err != nil {
			s.t.Error(err)
		}
	}
	for range 3 {
		round()
	}
	now := time.Now()
	for i := 0; i < 100 && s.undropped(x, now) > 0; i++ {
		round()
	}
	if n := s.undropped(x, now); n > 0 {
		s.t.Errorf("miners have not been told to drop %d shards", n)
	}
}

// undropped is how many shards that had ended at a time miners might have been told
// to drop then, and have not been.
func (s *soak) undropped(x *index.Index, now time.Time) (n int) {
	for i := range s.cfg.Miners {
		for d, err := range x.Drops(s.t.Context(), s.life.d.MinerHotkey(i)) {
			if err != nil {
				s.t.Fatal(err)
			}
			if d.Since.Before(now) && d.Due(now) {
				n++
			}
		}
	}
	return n
}

// lookTime is more than it takes to look at all stores.
const lookTime = time.Minute

// promised is what the index says that miners have, once nothing runs any more, and
// what they may have beside it: they are not told yet to drop it, or drop it by
// themselves while their stores are looked at, one after the other. (Repair has
// shards of files that are over soon kept for a minute.)
func (s *soak) promised() (held, left holdings, err error) {
	x, err := index.Open(filepath.Join(s.life.d.ValidatorDir(), "index"), index.Options{})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	held, left = holdings{}, holdings{}
	over := time.Now().Add(lookTime)
	for i := range s.cfg.Miners {
		held[i], left[i] = map[string]index.Holding{}, map[string]index.Holding{}
		for d, err := range x.Drops(s.t.Context(), s.life.d.MinerHotkey(i)) {
			if err != nil {
				return nil, nil, err
			}
			left[i][d.Replica] = index.Holding{}
		}
		for h, err := range x.Holdings(s.t.Context(), s.life.d.MinerHotkey(i), index.KindShard) {
			if err != nil {
				return nil, nil, err
			}
			if h.Expired(over) {
				left[i][h.Replica] = h
			} else {
				held[i][h.Replica] = h
			}
		}
	}
	return held, left, nil
}

// agree holds the miners' stores against the index.
func (s *soak) agree() {
	held, left, err := s.promised()
	if err != nil {
		s.t.Fatal(err)
	}
	owner := s.life.d.ValidatorKey(0).Address()
	var wanted, surplus int64
	for i := range s.cfg.Miners {
		there, err := s.stored(i, owner)
		if err != nil {
			s.t.Error(err)
			continue
		}
		for root, h := range held[i] {
			wanted += h.Size
			if _, ok := there[root]; !ok && !s.rotten[rot{i, root}] {
				s.t.Errorf("miner %d does not have shard %s, which it has signed for: %+v", i, root, h)
			}
			delete(there, root)
		}
		for root, size := range there {
			if _, ok := left[i][root]; !ok {
				surplus += size
			}
		}
	}
	s.t.Logf("miners are to have %d bytes, and have %d more", wanted, surplus)
	// A miner that could not be told that a put has failed keeps the shard to the
	// end of its time, and so do all for what was on its way when power was lost.
	if limit := wanted/5 + 8<<20 + s.crashes.Load()<<20; surplus > limit {
		s.t.Errorf("miners have %d bytes that the index does not know of, more than %d", surplus, limit)
	}
}

// stored are the shards in a miner's store whose time is not over.
func (s *soak) stored(i int, owner wallet.Address) (_ map[string]int64, err error) {
	store, err := blobstore.Open(blobstore.Config{Dir: filepath.Join(s.life.d.MinerDir(i), "data")}, blobstore.Deps{Now: time.Now})
	if err != nil {
		return nil, fmt.Errorf("miner %d: %w", i, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	there := map[string]int64{}
	for after := ""; ; {
		page, err := store.Shards(s.t.Context(), owner, blobstore.ShardQuery{After: after, Limit: 1000})
		if err != nil || len(page) == 0 {
			return there, err
		}
		for _, l := range page {
			if after = l.Hash; l.Stored.Add(l.TTL).After(time.Now()) {
				there[l.Hash] = l.Size
			}
		}
	}
}
