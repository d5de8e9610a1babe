package devnet_test

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
)

const (
	// mostAway is how many miners are not there at a time, and mostHarmed in how
	// many shards of a segment bits are flipped. A segment that was acknowledged has
	// six shards at least, of which four are enough: what is harmed can always be
	// had, what is away as well, once it is back.
	mostAway   = 2
	mostHarmed = 2
)

// rot is a shard in which a bit was flipped.
type rot struct {
	miner int
	root  string
}

// misfortune has miners and gateways be away now and then, miners lose power, links
// be slow, and bits flip. All is well again when it returns, but for the bits.
func (s *soak) misfortune(ctx context.Context) (err error) {
	d := s.life.d
	away := map[int]func() error{} // how they come back
	defer func() {
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
		i := s.draw(s.cfg.Miners)
		if back := away[i]; back != nil {
			delete(away, i)
			if err := back(); err != nil {
				return err
			}
			continue
		}
		switch what := s.draw(12); {
		case what < 6 && len(away) < mostAway:
			if away[i], err = s.takeAway(i, what); err != nil {
				return err
			}
		case what < 8:
			d.MinerLink(i).Limit(int64(s.draw(2)) * 200_000)
		case what < 10:
			s.cutGateway(ctx, s.draw(len(s.at)))
		default:
			s.flip(i)
		}
	}
}

// takeAway has a miner stopped, without power or cut off, and returns how it comes
// back.
func (s *soak) takeAway(i, how int) (back func() error, err error) {
	d := s.life.d
	start := func() error { return d.StartMiner(s.t.Context(), i) }
	heal := func() error { d.MinerLink(i).Heal(); return nil }
	switch {
	case how < 2:
		return start, d.StopMiner(i)
	case how < 4:
		s.crashes.Add(1)
		d.MinerLink(i).Cut()
		disk := s.diskOf(filepath.Join(d.MinerDir(i), "data"))
		if err := errors.Join(s.crash(disk), d.StopMiner(i), disk.restore()); err != nil {
			return nil, err
		}
		return func() error { return errors.Join(heal(), start()) }, nil
	}
	d.MinerLink(i).Cut()
	return heal, nil
}

func (s *soak) cutGateway(ctx context.Context, i int) {
	link := s.life.d.GatewayLink(i)
	s.cuts.Add(1)
	link.Cut()
	defer link.Heal()
	select {
	case <-time.After(time.Duration(s.draw(300)) * time.Millisecond):
	case <-ctx.Done():
	}
}

func (s *soak) diskOf(dir string) *disk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disks[dir]
}

func (s *soak) crash(d *disk) error {
	return d.crash(rand.New(rand.NewPCG(uint64(s.draw(1<<62)), 0)))
}

// crashAll has all nodes lose power at once. What they do after it reaches nobody.
func (s *soak) crashAll() (err error) {
	s.crashes.Add(1)
	s.cuts.Add(1)
	d := s.life.d
	for i := range s.at {
		d.GatewayLink(i).Cut()
	}
	for i := range s.cfg.Miners {
		d.MinerLink(i).Cut()
	}
	for _, disk := range s.disks { // none comes or goes while the network runs
		err = errors.Join(err, s.crash(disk))
	}
	return err
}

// restoreAll is what the network finds when it has power again.
func (s *soak) restoreAll() {
	for _, disk := range s.disks {
		if err := disk.restore(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// flip changes a bit of a shard that a miner has, if its segment can bear it.
func (s *soak) flip(i int) {
	var all []index.Holding
	for h, err := range s.life.d.Index(0).Holdings(s.t.Context(), s.life.d.MinerHotkey(i), index.KindShard) {
		if err != nil {
			s.t.Error(err)
			return
		}
		all = append(all, h)
	}
	for range min(20, len(all)) {
		h := all[s.draw(len(all))]
		root, err := proof.ParseDigest(h.Held())
		if err != nil {
			s.t.Error(err)
			return
		}
		name := hex.EncodeToString(root[:])
		path := filepath.Join(s.life.d.MinerDir(i), "data", "content", name[:2], name)
		if s.harmed[h.Hash] < mostHarmed && s.flipIn(path) {
			s.flips.Add(1)
			s.harmed[h.Hash]++
			s.rotten[rot{i, h.Held()}] = true
			return
		}
	}
}

// flipIn says whether a bit of a file was flipped: small shards have none, and what
// is deleted meanwhile has none either.
func (s *soak) flipIn(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	var b [1]byte
	at := int64(s.draw(int(info.Size())))
	if _, err := f.ReadAt(b[:], at); err != nil {
		return false
	}
	b[0] ^= 1 << s.draw(8)
	if _, err := f.WriteAt(b[:], at); err != nil {
		s.t.Error(err)
	}
	return true
}
