package devnet_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// TestSoak puts, gets, renews and deletes files at random while miners are killed
// and come back, links are cut and slow, bits are flipped in a store and the whole
// network is restarted. Nothing that was acknowledged is lost or changed, nothing
// deleted or expired comes back, and in the end miners have what the index says.
//
// FILETAO_SOAK=20m go test -run Soak ./devnet -timeout 60m
func TestSoak(t *testing.T) {
	length := 8 * time.Second
	if s := os.Getenv("FILETAO_SOAK"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	phases := max(2, int(length/(5*time.Minute)))
	cfg := shards()
	cfg.Dir, cfg.GatewayLink = filepath.Join(t.TempDir(), "net"), true
	s := &soak{t: t, cfg: cfg, choices: seeded(t), files: map[string]*soaked{}}
	for phase := range phases {
		d, stop := startStoppable(t, cfg)
		s.phase(d, length/time.Duration(phases))
		s.verify(phase)
		if phase == phases-1 {
			s.settle()
		}
		s.disconnect()
		stop()
		if t.Failed() {
			t.FailNow()
		}
	}
	s.agree()
	t.Logf("%d puts (%d failed), %d gets (%d could not be answered), %d deletions, %d renewals, %d misfortunes; %d files at the end",
		s.puts.Load(), s.unput.Load(), s.gets.Load(), s.ungot.Load(), s.deletes.Load(), s.renewals.Load(), s.misfortunes.Load(), len(s.files))
}

// soak is the files as they should be.
type soak struct {
	t      *testing.T
	cfg    devnet.Config
	member *member // of the phase

	mu      sync.Mutex // guards what follows
	choices *rand.Rand
	files   map[string]*soaked
	ids     []string
	held    holdings // by the index, at the end

	puts, unput, gets, ungot, deletes, renewals, misfortunes, cuts atomic.Int64 // cuts are those of the gateway's link
}

// soaked is one file. It is locked while something is done with it.
type soaked struct {
	sync.Mutex
	seed    uint64
	size    int
	gone    bool
	doubt   bool      // a deletion or renewal that failed may have been done
	expires time.Time // zero: after the test
}

func (f *soaked) content() []byte {
	return randomBytes(rand.New(rand.NewPCG(f.seed, 1)), f.size)
}

// state is what must come of a get: the file, nothing, or either.
func (f *soaked) state() (must, may bool) {
	const slack = 2 * time.Second
	switch {
	case f.gone:
		return false, false
	case f.doubt:
		return false, true
	case f.expires.IsZero():
		return true, true
	}
	left := time.Until(f.expires)
	return left > slack, left > -slack
}

func (s *soak) disconnect() {
	if err := s.member.Close(); err != nil {
		s.t.Error(err)
	}
}

// draw is a number below n.
func (s *soak) draw(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.choices.IntN(n)
}

// phase is one life of the network.
func (s *soak) phase(d *devnet.Devnet, length time.Duration) {
	u, err := d.User(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	_, gateway := d.GatewayAxon()
	s.member = &member{u, d, gateway}
	ctx, cancel := context.WithTimeout(s.t.Context(), length)
	defer cancel()
	var work errgroup.Group
	for range 6 {
		work.Go(func() error {
			for ctx.Err() == nil {
				s.step()
			}
			return nil
		})
	}
	work.Go(func() error { return s.misfortune(ctx) })
	if err := work.Wait(); err != nil {
		s.t.Error(err)
	}
}

// step does one thing with one file. It is not broken off by the end of the phase,
// so that it is known what came of it.
func (s *soak) step() {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	what := s.draw(100)
	if what < 40 {
		s.put(ctx)
		return
	}
	id, f := s.pick()
	if f == nil {
		return
	}
	defer f.Unlock()
	switch {
	case what < 80 || f.gone:
		s.get(ctx, id, f, true)
	case what < 93:
		s.delete(ctx, id, f)
	default:
		s.renew(ctx, id, f)
	}
}

// pick locks a file.
func (s *soak) pick() (string, *soaked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) == 0 {
		return "", nil
	}
	id := s.ids[s.choices.IntN(len(s.ids))]
	if f := s.files[id]; f.TryLock() {
		return id, f
	}
	return "", nil
}

func (s *soak) put(ctx context.Context) {
	f := &soaked{seed: uint64(s.draw(1 << 62))}
	var ttl time.Duration
	switch kind := s.draw(10); {
	case kind < 4:
		f.size = s.draw(9000)
	case kind < 9:
		f.size = s.draw(600_000)
	default:
		f.size = 1<<20 + s.draw(4<<20)
	}
	if s.draw(4) == 0 {
		ttl = time.Duration(3+s.draw(10)) * time.Second
		f.expires = time.Now().Add(ttl)
	}
	data := f.content()
	stored, err := s.member.PutFile(ctx, client.FileSource(bytes.NewReader(data), int64(len(data))), client.PutFileOptions{
		Keys: s.member.d.UserKeys(), Gateways: []wallet.Address{s.member.gateway}, TTL: ttl,
	})
	s.puts.Add(1)
	if err != nil {
		s.unput.Add(1)
		return
	}
	if ttl > 0 {
		f.expires = time.Now().Add(ttl)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[stored.CID] = f
	s.ids = append(s.ids, stored.CID)
}

// get holds a file against what it must be. During misfortunes it need not be
// answered.
func (s *soak) get(ctx context.Context, id string, f *soaked, excused bool) {
	_, may := f.state()
	got, err := s.member.get(ctx, id)
	must, _ := f.state() // which time has made less
	s.gets.Add(1)
	switch {
	case err == nil && !may:
		s.t.Errorf("%s was deleted (%v) or is over (%v), and came back", id, f.gone, f.expires)
	case err == nil && !bytes.Equal(got, f.content()):
		s.t.Errorf("%s: %d bytes came back, not those %d that were stored", id, len(got), f.size)
	case err == nil:
	case errors.Is(err, client.ErrNotFound) && must:
		s.t.Errorf("%s of %d bytes was acknowledged and is not there: %v", id, f.size, err)
	case errors.Is(err, client.ErrNotFound):
	case errors.Is(err, client.ErrWrongKey) || must && !excused:
		s.t.Errorf("%s of %d bytes: %v", id, f.size, err)
	default:
		s.ungot.Add(1)
	}
}

func (s *soak) delete(ctx context.Context, id string, f *soaked) {
	cuts := s.cuts.Load()
	err := s.member.Delete(ctx, id, client.DeleteOptions{Gateways: []wallet.Address{s.member.gateway}})
	must, _ := f.state()
	s.deletes.Add(1)
	switch {
	case err == nil:
		f.gone = true
	case errors.Is(err, client.ErrNotFound) && s.cuts.Load() > cuts:
		f.gone = true // it was asked again, since the first answer was lost
	case errors.Is(err, client.ErrNotFound) && must:
		s.t.Errorf("%s was acknowledged and cannot be deleted: %v", id, err)
	default:
		f.doubt = true
	}
}

func (s *soak) renew(ctx context.Context, id string, f *soaked) {
	ttl := time.Duration(20+s.draw(40)) * time.Second
	before := time.Now()
	_, err := s.member.Renew(ctx, id, ttl, client.AskOptions{Gateways: []wallet.Address{s.member.gateway}})
	must, _ := f.state()
	s.renewals.Add(1)
	switch {
	case err == nil:
		f.expires = before.Add(ttl)
	case errors.Is(err, client.ErrNotFound) && must, wire.StatusOf(err) == wire.StatusBadRequest:
		s.t.Errorf("%s was acknowledged and cannot be renewed: %v", id, err)
	default:
		f.doubt = true
	}
}

// verify looks at all files once everything runs again.
func (s *soak) verify(phase int) {
	deadline, cancel := context.WithTimeout(s.t.Context(), 10*time.Minute)
	defer cancel()
	var work errgroup.Group
	work.SetLimit(4)
	for id, f := range s.files {
		work.Go(func() error {
			f.Lock()
			defer f.Unlock()
			s.get(deadline, id, f, false)
			return nil
		})
	}
	_ = work.Wait() // what was wrong has been said
	s.t.Logf("phase %d: %d files looked at", phase, len(s.files))
}
