package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/wire"
)

// storm is two gateways over one index that do everything at once with few segments.
type storm struct {
	*shards
	t      *testing.T
	fleets [2]*fleet.Fleet
	data   [][]byte
}

// losing loses some requests, and some answers.
type losing struct{ wire.Streamer }

func (l losing) Open(ctx context.Context, to wire.Peer, msg wire.Message, in wire.Body) (*wire.Answer, error) {
	chance := rand.IntN(100)
	if chance < 8 {
		return nil, wire.Unavailable("lost on its way")
	}
	a, err := l.Streamer.Open(ctx, to, msg, in)
	for range rand.IntN(2000) {
		runtime.Gosched()
	}
	if _, put := msg.(*wire.PutShard); err == nil && put && chance < 16 {
		return nil, errors.Join(wire.Unavailable("the answer was lost"), a.Close())
	}
	return a, err
}

func newStorm(t *testing.T) *storm {
	s := &storm{shards: newShards(t, 9, fleet.Config{}), t: t}
	memory := yielding{indextest.NewMemory()}
	s.Index = index.New(memory)
	for i := range s.fleets {
		d := deps(s.Net, s.Net)
		d.Streams, d.Index = losing{s.Net}, index.New(memory)
		s.fleets[i] = fleet.New(fleet.Config{Patience: 20 * time.Millisecond, Spare: rand.IntN(2)}, d)
	}
	s.Fleet = s.fleets[0]
	for i := range 3 {
		s.data = append(s.data, noise(uint64(i), 500+i))
	}
	return s
}

// Whatever is done at once, and wherever it is cut off: once it is over miners have
// what the index counts on; and when all is deleted they have nothing any more. What somebody who works may count on yet miners are told
// to drop when the work is over, which is what a drop's time is for.
func TestMinersHaveWhatIsCountedOn(t *testing.T) {
	s := newStorm(t)
	for range 100 {
		drops := s.drops()
		var work sync.WaitGroup
		for range 2 + rand.IntN(7) {
			work.Go(s.do)
		}
		var told sync.WaitGroup
		ended := make(chan struct{})
		told.Go(func() { s.tell(drops, ended) })
		work.Wait()
		close(ended)
		told.Wait()
		s.whole()
		if rand.IntN(4) == 0 {
			if _, err := s.Index.Sweep(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			s.whole()
		}
		if t.Failed() {
			return
		}
	}
	s.empty()
}

// empty deletes everything.
func (s *storm) empty() {
	s.t.Helper()
	for which := range s.data {
		if seg, _ := s.find(which); seg.ID != "" {
			s.delete(seg)
		}
	}
	if _, err := s.Index.Sweep(s.t.Context(), 0); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	close(ended)
	for range 10 { // of what a miner has instead it is told the next time
		s.tell(s.drops(), ended)
	}
	for _, m := range s.Miners {
		if has := m.Holds(); len(has) > 0 {
			s.t.Errorf("%s has %d shards that nobody knows of", m.Hotkey(), len(has))
		}
	}
}

func (s *storm) delete(seg index.Segment) {
	gone, err := s.Index.DropUpload(s.t.Context(), seg.Owner, seg.Upload)
	if err == nil {
		_, _, err = s.Index.EndSegments(s.t.Context(), gone, time.Hour)
	}
	s.excuse("delete", err)
}

// do does something with a segment.
func (s *storm) do() {
	ctx, f := s.t.Context(), s.fleets[rand.IntN(2)]
	if rand.IntN(4) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(5_000_000)))
		defer cancel()
	}
	which := rand.IntN(len(s.data))
	if rand.IntN(2) == 0 {
		spec := fleet.SegmentSpec{
			Owner: fleettest.Key(s.t, "owner").Address(), Upload: [16]byte{byte(which)}, Size: int64(len(s.data[which])),
			Scheme: erasure.Scheme{Data: 3, Total: 6}, Secret: envelope.ShardSecret{7}, TTL: time.Hour,
		}
		_, _, err := f.StoreSegment(ctx, spec, bytes.NewReader(s.data[which]), func(erasure.Root) error { return nil }, s.some(9))
		s.excuse("put", err)
		return
	}
	seg, held := s.find(which)
	if len(held) == 0 {
		return
	}
	switch h := held[rand.IntN(len(held))]; rand.IntN(10) {
	case 0:
		_, err := f.RebuildSegment(ctx, seg, []int{rand.IntN(9)}, time.Hour, s.some(2))
		s.excuse("rebuild", err)
	case 1:
		_, err := f.MoveShard(ctx, seg, h, time.Hour, s.some(2))
		s.excuse("move", err)
	case 2:
		_, err := f.RenewSegment(ctx, seg.ID, 2*time.Hour)
		s.excuse("renew", err)
	case 3, 4, 5:
		if err := s.Index.DropSeen(s.t.Context(), h, f.Settled(h)); err != nil {
			s.t.Error(err)
		}
	default:
		s.delete(seg)
	}
}

// excuse takes errors that say that something did not come about.
func (s *storm) excuse(what string, err error) {
	for _, is := range []error{fleet.ErrShort, fleet.ErrLost, index.ErrNotFound, context.DeadlineExceeded} {
		if errors.Is(err, is) {
			return
		}
	}
	if err != nil && wire.StatusOf(err) != wire.StatusNotFound { // a shard was dropped meanwhile
		s.t.Errorf("%s: %v", what, err)
	}
}

// some are so many miners, by chance.
func (s *storm) some(n int) []chain.Neuron {
	all := slices.Clone(s.Neurons())
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:n]
}

// find is a segment with its shards, as the index has them now.
func (s *storm) find(which int) (index.Segment, []index.Holding) {
	for seg, err := range s.Index.AllSegments(s.t.Context()) {
		if err != nil {
			s.t.Error(err)
			break
		}
		if seg.Size != int64(len(s.data[which])) {
			continue
		}
		held, err := s.Index.Shards(s.t.Context(), seg.ID)
		if err != nil {
			s.t.Error(err)
		}
		return seg, held
	}
	return index.Segment{}, nil
}

// drops are all there are.
func (s *storm) drops() (all []index.Drop) {
	for _, m := range s.Miners {
		for d, err := range s.Index.Drops(s.t.Context(), m.Hotkey()) {
			if err != nil {
				s.t.Fatal(err)
			}
			all = append(all, d)
		}
	}
	return all
}

// tell tells miners of drops whose time has come, and, until something has ended, of
// those that have none.
func (s *storm) tell(due []index.Drop, ended <-chan struct{}) {
	for {
		for _, d := range due {
			if err := s.Fleet.Drop(s.t.Context(), d); err != nil {
				s.t.Error(err)
			}
		}
		select {
		case <-ended:
			return
		default:
		}
		due = nil
		for _, d := range s.drops() {
			if d.Due(time.Now()) {
				due = append(due, d)
			}
		}
	}
}

// whole checks that all shards that the index counts on are there.
func (s *storm) whole() {
	s.t.Helper()
	for _, m := range s.Miners {
		for h, err := range s.Index.Holdings(s.t.Context(), m.Hotkey(), index.KindShard) {
			if err != nil {
				s.t.Fatal(err)
			}
			if m.Bytes(h.Replica) == nil {
				s.t.Errorf("%s does not have shard %d of %s", m.Hotkey(), h.Number, h.Hash)
			}
		}
	}
}
