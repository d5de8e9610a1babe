package devnet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// rotten is the miner whose store loses bits; it has no other misfortune.
const rotten = 0

// misfortune has two miners at most be away at a time, the gateway now and then, a
// link be slow, and bits flip. All is well again when it returns.
func (s *soak) misfortune(ctx context.Context) (err error) {
	d := s.member.d
	away := map[int]func() error{} // how they come back
	defer func() {
		d.GatewayLink().Heal()
		for _, back := range away {
			err = errors.Join(err, back())
		}
		for i := range s.cfg.Miners {
			d.MinerLink(i).Limit(0)
		}
	}()
	for {
		select {
		case <-time.After(time.Duration(50+s.draw(400)) * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
		s.misfortunes.Add(1)
		i := 1 + s.draw(s.cfg.Miners-1)
		switch what := s.draw(10); {
		case away[i] != nil:
			if err := away[i](); err != nil {
				return err
			}
			delete(away, i)
		case what < 3 && len(away) < 2:
			if err := d.StopMiner(i); err != nil {
				return err
			}
			away[i] = func() error { return d.StartMiner(s.t.Context(), i) }
		case what < 5 && len(away) < 2:
			d.MinerLink(i).Cut()
			away[i] = func() error { d.MinerLink(i).Heal(); return nil }
		case what < 6:
			d.MinerLink(i).Limit(int64(s.draw(2)) * 200_000)
		case what < 7:
			s.cuts.Add(1)
			d.GatewayLink().Cut()
			select {
			case <-time.After(time.Duration(s.draw(300)) * time.Millisecond):
			case <-ctx.Done():
			}
			d.GatewayLink().Heal()
		case what < 8:
			s.flip(filepath.Join(d.MinerDir(rotten), "data", "content"))
		}
	}
}

// flip changes a bit of a file in a folder, if there is one.
func (s *soak) flip(dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) == 0 {
		return
	}
	f, err := os.OpenFile(files[s.draw(len(files))], os.O_RDWR, 0)
	if err != nil {
		return // deleted meanwhile
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return
	}
	var b [1]byte
	at := rand.Int64N(info.Size())
	if _, err := f.ReadAt(b[:], at); err != nil {
		return
	}
	b[0] ^= 1 << rand.IntN(8)
	if _, err := f.WriteAt(b[:], at); err != nil {
		s.t.Error(err)
	}
}

// holdings are the roots of the shards that miners have, or are to have.
type holdings map[int]map[string]int64

// settle has everything end that nobody needs, and notes what the index has left.
func (s *soak) settle() {
	engine := keeper(s.t, s.member.d)
	for range 3 {
		if err := errors.Join(engine.Look(s.t.Context()), engine.Upkeep(s.t.Context()), engine.Sweep(s.t.Context()), engine.TellDrops(s.t.Context())); err != nil {
			s.t.Error(err)
		}
	}
	s.held = holdings{}
	x := s.member.d.Index(0)
	for i := range s.cfg.Miners {
		s.held[i] = map[string]int64{}
		for h, err := range x.Holdings(s.t.Context(), s.member.d.MinerHotkey(i), index.KindShard) {
			if err != nil {
				s.t.Fatal(err)
			}
			if !h.Expired(time.Now()) {
				s.held[i][h.Replica] = h.Size
			}
		}
		for drop, err := range x.Drops(s.t.Context(), s.member.d.MinerHotkey(i)) {
			s.t.Errorf("miner %d has not been told to drop %v, %v", i, drop, err)
		}
	}
}

// agree holds the miners' stores against what the index had.
func (s *soak) agree() {
	owner := s.member.d.ValidatorKey(0).Address()
	var wanted, surplus int64
	for i := range s.cfg.Miners {
		there, err := s.stored(i, owner)
		if err != nil {
			s.t.Error(err)
			continue
		}
		for root, size := range s.held[i] {
			wanted += size
			if _, ok := there[root]; !ok && i != rotten {
				s.t.Errorf("miner %d does not have shard %s of %d bytes, which it has signed for", i, root, size)
			}
			delete(there, root)
		}
		for _, size := range there {
			surplus += size
		}
	}
	s.t.Logf("miners are to have %d bytes, and have %d more", wanted, surplus)
	// A miner that could not be told that a put has failed keeps the shard to the
	// end of its time.
	if limit := wanted/5 + 8<<20; surplus > limit {
		s.t.Errorf("miners have %d bytes that the index does not know of, more than %d", surplus, limit)
	}
}

// stored are the shards in a miner's store whose time is not over.
func (s *soak) stored(i int, owner wallet.Address) (_ map[string]int64, err error) {
	store, err := blobstore.Open(blobstore.Config{Dir: filepath.Join(s.member.d.MinerDir(i), "data")}, blobstore.Deps{Now: time.Now})
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
