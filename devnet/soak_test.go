package devnet_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// TestSoak puts, gets, renews, shortens and deletes files at random, through two
// gateways over one index. Files have many segments; gets are of parts, too; clients
// die and others go on; contents are put again with other times. Meanwhile miners
// are stopped, lose power and come back, links are cut and slow, bits are flipped in
// all stores, and the whole network is restarted or loses power in the middle of its
// work. Nothing that was acknowledged is lost or changed, nothing deleted or expired
// comes back, and in the end miners have what the index says.
//
// FILETAO_SOAK=20m go test -run Soak ./devnet -timeout 60m
func TestSoak(t *testing.T) {
	length := 12 * time.Second
	if s := os.Getenv("FILETAO_SOAK"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	s := newSoak(t)
	lives := max(3, int(length/(45*time.Second)))
	for life := range lives {
		last := life == lives-1
		d, stop := startStoppable(t, s.cfg)
		s.connect(d)
		s.verify(life, 100)
		crash := !last && life%4 != 3
		s.live(length/time.Duration(lives), crash)
		if !crash {
			s.verify(life, 200)
		}
		if last {
			s.verify(life, len(s.files))
			s.settle()
		}
		s.disconnect()
		stop()
		if crash {
			s.restoreAll()
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	s.agree()
	s.tell()
}

// soak is the files as they should be.
type soak struct {
	t    *testing.T
	cfg  devnet.Config
	dir  string // of what is fetched
	life *member
	at   []wallet.Address // the gateways

	mu      sync.Mutex // guards what follows
	choices *rand.Rand
	files   []*soaked
	disks   map[string]*disk // by folder
	harmed  map[string]int   // by segment: how many shards bits were flipped in
	rotten  map[rot]bool

	puts, unput, again, givenUp, resumed, gets, ungot, deletes, renewals, misfortunes, flips, crashes atomic.Int64
	cuts                                                                                              atomic.Int64 // of what is between users and gateways
}

// soakSegment is the length of segments: short, so that files have many, and yet such
// that their shards are files of their own.
const soakSegment = 384 << 10

func newSoak(t *testing.T) *soak {
	s := &soak{
		t: t, cfg: shards(), dir: t.TempDir(), choices: seeded(t),
		disks: map[string]*disk{}, harmed: map[string]int{}, rotten: map[rot]bool{},
	}
	s.cfg.Dir, s.cfg.GatewayLink, s.cfg.Gateways = filepath.Join(t.TempDir(), "net"), true, 2
	s.cfg.Gateway.MinSegment = soakSegment
	s.cfg.Client = client.Config{SegmentSize: soakSegment, Backoff: 100 * time.Millisecond}
	s.cfg.Disk = func(dir string) vfs.FS {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.disks[dir] == nil {
			s.disks[dir] = newDisk(dir)
		}
		return s.disks[dir]
	}
	return s
}

// connect takes a network and a client of it.
func (s *soak) connect(d *devnet.Devnet) {
	s.at = []wallet.Address{d.GatewayHotkey(0), d.GatewayHotkey(1)}
	s.life = &member{d: d, gateway: s.at[0]}
	s.life.User = s.another()
}

// another is a client that knows nothing of what others did.
func (s *soak) another() *node.User {
	u, err := s.life.d.User(s.t.Context())
	if err != nil {
		s.t.Error(err)
	}
	return u
}

func (s *soak) leave(u *node.User) {
	if err := u.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *soak) disconnect() { s.leave(s.life.User) }

// draw is a number below n.
func (s *soak) draw(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.choices.IntN(n)
}

// gateways are both, in either order, or one.
func (s *soak) gateways() []wallet.Address {
	switch s.draw(4) {
	case 0:
		return []wallet.Address{s.at[0], s.at[1]}
	case 1:
		return []wallet.Address{s.at[1], s.at[0]}
	case 2:
		return []wallet.Address{s.at[1]}
	}
	return []wallet.Address{s.at[0]}
}

// live is one life of the network. If that ends in a crash, it is in the middle of
// what is going on, and ends the users, too; else what has begun is waited for, so
// that it is known what came of it.
func (s *soak) live(length time.Duration, crash bool) {
	working, tire := context.WithCancel(s.t.Context())
	defer tire()
	users, kill := context.WithCancel(s.t.Context())
	defer kill()
	var work errgroup.Group
	for range 6 {
		work.Go(func() error {
			for working.Err() == nil {
				s.step(users)
			}
			return nil
		})
	}
	work.Go(func() error {
		defer tire()
		ctx, cancel := context.WithTimeout(s.t.Context(), length)
		defer cancel()
		err := s.misfortune(ctx)
		if err == nil && crash {
			err = s.crashAll()
			kill()
		}
		return err
	})
	if err := work.Wait(); err != nil {
		s.t.Error(err)
	}
}

// verify looks at some of the files once everything runs again.
func (s *soak) verify(life, most int) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Minute)
	defer cancel()
	var work errgroup.Group
	work.SetLimit(4)
	s.mu.Lock()
	some := make([]*soaked, 0, most)
	for _, i := range s.choices.Perm(len(s.files))[:min(most, len(s.files))] {
		some = append(some, s.files[i])
	}
	s.mu.Unlock()
	for _, f := range some {
		work.Go(func() error {
			f.Lock()
			defer f.Unlock()
			s.get(ctx, f, false)
			return nil
		})
	}
	_ = work.Wait() // what was wrong has been said
	s.t.Logf("life %d: %d of %d files looked at", life, len(some), len(s.files))
}

func (s *soak) tell() {
	s.t.Logf("%d puts (%d failed), %d of them again, %d given up half-way, %d gets (%d could not be answered), %d bytes resumed, %d deletions, %d renewals",
		s.puts.Load(), s.unput.Load(), s.again.Load(), s.givenUp.Load(), s.gets.Load(), s.ungot.Load(), s.resumed.Load(), s.deletes.Load(), s.renewals.Load())
	s.t.Logf("%d misfortunes, %d crashes and %d flipped bits among them; %d files", s.misfortunes.Load(), s.crashes.Load(), s.flips.Load(), len(s.files))
}

// soaked is one file. It is locked while something is done with it.
type soaked struct {
	sync.Mutex
	id    string // its CID
	seed  uint64
	size  int
	must  time.Time // until when it is there
	may   time.Time // from when on it is not
	rests time.Time // until then nothing is done that changes it: what was given up may still be going on
}

const (
	soakSlack = 2 * time.Second
	soakRest  = 15 * time.Second
	forGood   = 30 * 24 * time.Hour // what outlives the test
)

func (f *soaked) content() []byte {
	return randomBytes(rand.New(rand.NewPCG(f.seed, 1)), f.size)
}

func (f *soaked) mustBe() bool { return time.Until(f.must) > soakSlack }
func (f *soaked) mayBe() bool  { return time.Until(f.may) > -soakSlack }

// lasts says that a put or a renewal was acknowledged.
func (f *soaked) lasts(from time.Time, ttl time.Duration) {
	f.must = later(f.must, from.Add(ttl))
	f.mayLast(ttl)
}

// mayLast says that one may have been, up to now.
func (f *soaked) mayLast(ttl time.Duration) { f.may = later(f.may, time.Now().Add(ttl)) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// same says whether a part of a file is what came.
func (f *soaked) same(got []byte, r *client.Range) bool {
	want := f.content()
	if r != nil {
		want = want[r.Offset:min(r.Offset+r.Length, int64(len(want)))]
	}
	return bytes.Equal(got, want)
}
