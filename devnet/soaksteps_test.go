package devnet_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// soakFiles is about how many files there are at a time.
const soakFiles = 300

// step does one thing with one file, and waits for what comes of it unless the users
// are killed.
func (s *soak) step(users context.Context) {
	ctx, cancel := context.WithTimeout(users, time.Minute)
	defer cancel()
	what := s.draw(100)
	if what < 30 {
		s.put(ctx)
		return
	}
	f := s.pick()
	if f == nil {
		return
	}
	defer f.Unlock()
	deletion := 82 + min(13, 10*s.there()/soakFiles)
	switch {
	case what < 60 || time.Now().Before(f.rests):
		s.get(ctx, f, true)
	case what < 67:
		s.getBroken(ctx, f)
	case what < 75:
		s.again.Add(1)
		s.putAs(ctx, f, s.gateways(), s.ttl())
	case what < deletion && f.mayBe():
		s.delete(ctx, f)
	case f.mayBe():
		s.renew(ctx, f)
	}
}

func (s *soak) there() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.files)
}

// pick locks a file. Of those that are over few are kept.
func (s *soak) pick() *soaked {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) == 0 {
		return nil
	}
	i := s.choices.IntN(len(s.files))
	f := s.files[i]
	if !f.TryLock() {
		return nil
	}
	if over := !f.mayBe() && time.Now().After(f.rests); over && len(s.files) > soakFiles && s.choices.IntN(2) == 0 {
		f.Unlock() // it was looked at, most likely
		s.files[i] = s.files[len(s.files)-1]
		s.files = s.files[:len(s.files)-1]
		return nil
	}
	return f
}

func (s *soak) keep(f *soaked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, f)
}

// ttl is some seconds, or for good.
func (s *soak) ttl() time.Duration {
	if s.draw(3) == 0 {
		return time.Duration(3+s.draw(20)) * time.Second
	}
	return forGood
}

// put stores a new file, in one of several ways.
func (s *soak) put(ctx context.Context) {
	f := &soaked{seed: uint64(s.draw(1 << 62))}
	f.Lock()
	defer f.Unlock()
	switch kind := s.draw(10); {
	case kind < 3:
		f.size = s.draw(9000)
	case kind < 7:
		f.size = s.draw(900_000)
	default:
		f.size = 1<<20 + s.draw(7<<20)
	}
	switch how := s.draw(10); {
	case how < 4 && f.size > soakSegment:
		s.putBroken(ctx, f)
	case how < 5: // by two users at once, each at a gateway of its own
		var both errgroup.Group
		first, second := s.ttl(), s.ttl()
		a, b := &soaked{seed: f.seed, size: f.size}, &soaked{seed: f.seed, size: f.size}
		both.Go(func() error { s.putAs(ctx, a, s.at[:1], first); return nil })
		s.putAs(ctx, b, s.at[1:], second)
		_ = both.Wait() // it does not fail
		f.merge(a)
		f.merge(b)
	default:
		s.putAs(ctx, f, s.gateways(), s.ttl())
	}
	if f.id != "" {
		s.keep(f)
	}
}

// merge has f be what two have made of one file.
func (f *soaked) merge(g *soaked) {
	f.must, f.may, f.rests = later(f.must, g.must), later(f.may, g.may), later(f.rests, g.rests)
	if g.id != "" {
		f.id = g.id
	}
}

// putAs stores a file's content, for the first time or again.
func (s *soak) putAs(ctx context.Context, f *soaked, at []wallet.Address, ttl time.Duration) {
	s.putWith(ctx, s.life.User, f, client.PutFileOptions{Gateways: at, TTL: ttl})
}

func (s *soak) putWith(ctx context.Context, u *node.User, f *soaked, o client.PutFileOptions) {
	o.Keys = s.life.d.UserKeys()
	data, before := f.content(), time.Now()
	stored, err := u.PutFile(ctx, client.FileSource(bytes.NewReader(data), int64(len(data))), o)
	s.puts.Add(1)
	if err != nil {
		s.unput.Add(1)
		f.mayLast(o.TTL)
		f.rests = time.Now().Add(soakRest)
		if wire.StatusOf(err) == wire.StatusBadRequest {
			s.t.Errorf("%d bytes cannot be put: %v", f.size, err)
		}
		return
	}
	s.resumed.Add(stored.Resumed)
	if f.id != "" && f.id != stored.CID {
		s.t.Errorf("the same content is %s now and was %s", stored.CID, f.id)
	}
	f.id = stored.CID
	f.lasts(before, o.TTL)
}

// broken is a context that ends when a part of what is to be done is done, as if the
// client were killed.
func broken(ctx context.Context, stage client.Stage, part int64) (context.Context, func(client.Progress), context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, func(p client.Progress) {
		if p.Stage == stage && p.Done >= part {
			cancel()
		}
	}, cancel
}

// putBroken begins to store a file; another client goes on, or nobody.
func (s *soak) putBroken(ctx context.Context, f *soaked) {
	s.givenUp.Add(1)
	o := client.PutFileOptions{Gateways: s.gateways(), TTL: s.ttl()}
	first, progress, cancel := broken(ctx, client.StageSending, int64(s.draw(f.size)))
	defer cancel()
	killed := o
	killed.Progress = progress
	s.putWith(first, s.life.User, f, killed)
	if s.draw(5) == 0 {
		return
	}
	u := s.another()
	defer s.leave(u)
	s.putWith(ctx, u, f, o)
}

// get holds a file, or a part of it, against what it must be. During misfortunes it
// need not be answered.
func (s *soak) get(ctx context.Context, f *soaked, excused bool) {
	o := client.GetFileOptions{Keys: s.life.d.UserKeys(), Gateways: s.gateways()}
	if f.size > 0 && s.draw(3) == 0 {
		o.Range = &client.Range{Offset: int64(s.draw(f.size)), Length: int64(1 + s.draw(f.size))}
	}
	var err error
	for range 3 {
		may := f.mayBe()
		var b bytes.Buffer
		_, err = s.life.GetTo(ctx, f.id, &b, o)
		if s.judge(f, may, b.Bytes(), o.Range, err) || excused {
			return
		}
	}
	if f.mustBe() {
		s.t.Errorf("%s of %d bytes: %v", f.id, f.size, err)
	}
}

// judge says whether an answer settles it.
func (s *soak) judge(f *soaked, may bool, got []byte, r *client.Range, err error) bool {
	s.gets.Add(1)
	switch must := f.mustBe(); { // which time has made less
	case err == nil && !may:
		s.t.Errorf("%s was deleted or is over since %v, and came back", f.id, f.may)
	case err == nil && !f.same(got, r):
		s.t.Errorf("%s: %d bytes of %+v came back, not those of %d that were stored", f.id, len(got), r, f.size)
	case err == nil:
	case errors.Is(err, client.ErrNotFound) && must:
		s.t.Errorf("%s of %d bytes was acknowledged and is not there: %v", f.id, f.size, err)
	case errors.Is(err, client.ErrNotFound):
	case errors.Is(err, client.ErrWrongKey):
		s.t.Errorf("%s of %d bytes: %v", f.id, f.size, err)
	default:
		s.ungot.Add(1)
		return false
	}
	return true
}

// getBroken fetches a part of a file; another client goes on.
func (s *soak) getBroken(ctx context.Context, f *soaked) {
	s.givenUp.Add(1)
	path := filepath.Join(s.dir, strconv.FormatUint(f.seed, 36))
	defer func() {
		for _, p := range []string{path, path + ".part"} {
			if err := os.RemoveAll(p); err != nil {
				s.t.Error(err)
			}
		}
	}()
	o := client.GetFileOptions{Keys: s.life.d.UserKeys(), Gateways: s.gateways()}
	first, progress, cancel := broken(ctx, client.StageFetching, int64(s.draw(f.size+1)))
	defer cancel()
	killed := o
	killed.Progress = progress
	_, _ = s.life.GetFile(first, f.id, path, killed) // what counts is what the next one makes of it
	u := s.another()
	defer s.leave(u)
	may := f.mayBe()
	whole, err := u.GetFile(ctx, f.id, path, o)
	var got []byte
	if err == nil {
		s.resumed.Add(whole.Resumed)
		got, err = os.ReadFile(path)
	}
	s.judge(f, may, got, nil, err)
}

func (s *soak) delete(ctx context.Context, f *soaked) {
	cuts := s.cuts.Load()
	err := s.life.Delete(ctx, f.id, client.DeleteOptions{Gateways: s.gateways()})
	s.deletes.Add(1)
	switch {
	case err == nil, errors.Is(err, client.ErrNotFound) && s.cuts.Load() > cuts: // the first answer was lost
		f.must, f.may = time.Time{}, time.Time{}
		return
	case errors.Is(err, client.ErrNotFound) && f.mustBe():
		s.t.Errorf("%s was acknowledged and cannot be deleted: %v", f.id, err)
	case errors.Is(err, client.ErrNotFound):
	default:
		f.rests = time.Now().Add(soakRest)
	}
	f.must = time.Time{}
}

func (s *soak) renew(ctx context.Context, f *soaked) {
	ttl, shorten := time.Duration(10+s.draw(40))*time.Second, s.draw(3) == 0
	renew := s.life.Renew
	if shorten {
		renew = s.life.Shorten
	}
	before := time.Now()
	until, err := renew(ctx, f.id, ttl, client.AskOptions{Gateways: s.gateways()})
	s.renewals.Add(1)
	if shorten && f.must.After(before.Add(ttl)) {
		f.must = before.Add(ttl) // whatever came of it
	}
	switch {
	case err == nil && shorten:
		f.must, f.may = before.Add(ttl), time.Now().Add(ttl)
	case err == nil:
		f.lasts(before, ttl)
	case errors.Is(err, client.ErrNotFound) && f.mustBe(), wire.StatusOf(err) == wire.StatusBadRequest:
		s.t.Errorf("%s was acknowledged and cannot be renewed: %v", f.id, err)
	default:
		f.mayLast(ttl)
		f.rests = time.Now().Add(soakRest)
	}
	if err == nil && (until.Before(f.must.Add(-soakSlack)) || until.After(f.may.Add(soakSlack))) {
		s.t.Errorf("%s is renewed until %v, and is to end between %v and %v", f.id, until, f.must, f.may)
	}
}
