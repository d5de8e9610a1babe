package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	t        *testing.T
	kv       index.KV
	gateways [2]*mortal
	data     [][]byte
}

// mortal is a gateway, and the index as it has it, until it is killed: then nothing
// that it does has an effect any more.
type mortal struct {
	index.KV
	fleet *fleet.Fleet
	index *index.Index
	dead  atomic.Bool
}

var errKilled = errors.New("killed")

func (m *mortal) Commit(ctx context.Context, group string, when, then []index.Entry) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.KV.Commit(ctx, group, when, then)
}

func (m *mortal) Get(ctx context.Context, group string, fields ...string) ([][]byte, error) {
	if m.dead.Load() {
		return nil, errKilled
	}
	return m.KV.Get(ctx, group, fields...)
}

// kill kills a gateway at some time.
func (m *mortal) kill() {
	for range rand.IntN(20_000) {
		runtime.Gosched()
	}
	m.dead.Store(true)
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
	s := &storm{shards: newShards(t, 9, fleet.Config{}), t: t, kv: yielding{indextest.NewMemory()}}
	s.Index = index.New(s.kv)
	s.Fleet = newFleet(s.Net, fleet.Config{})
	for i := range 3 {
		s.data = append(s.data, noise(uint64(i), 500+i))
	}
	return s
}

// start starts the gateways that do not run.
func (s *storm) start() {
	for i, m := range s.gateways {
		if m != nil && !m.dead.Load() {
			continue
		}
		m = &mortal{KV: s.kv}
		m.index = index.New(m)
		d := deps(s.Net, s.Net)
		d.Streams, d.Index = losing{s.Net}, m.index
		m.fleet = fleet.New(fleet.Config{Patience: 20 * time.Millisecond, Spare: rand.IntN(2)}, d)
		s.gateways[i] = m
	}
}

// Whatever is done at once, and wherever it is cut off: once it is over miners have
// what the index counts on. When all is deleted then they have nothing any more, but
// for what those were about to note who were killed. What somebody who works may count
// on yet miners are told to drop when the work is over, which is what a drop's time
// is for.
func TestMinersHaveWhatIsCountedOn(t *testing.T) {
	for _, deadly := range []bool{false, true} {
		t.Run(fmt.Sprint("killed: ", deadly), func(t *testing.T) {
			s := newStorm(t)
			for range 60 {
				s.all(deadly)
				s.whole()
				if rand.IntN(4) == 0 {
					s.sweep()
					s.whole()
				}
				if t.Failed() {
					return
				}
			}
			if s.empty(); deadly {
				return
			}
			for _, m := range s.Miners {
				if has := m.Holds(); len(has) > 0 {
					t.Errorf("%s has %d shards that nobody knows of", m.Hotkey(), len(has))
				}
			}
		})
	}
}

// all has much be done at once.
func (s *storm) all(deadly bool) {
	s.start()
	drops, ended := s.drops(), make(chan struct{})
	var work, told sync.WaitGroup
	for range 2 + rand.IntN(7) {
		work.Go(s.do)
	}
	if deadly {
		work.Go(s.gateways[rand.IntN(2)].kill)
	}
	told.Go(func() { s.tell(drops, ended) })
	work.Wait()
	close(ended)
	told.Wait()
}

func (s *storm) sweep() {
	if _, err := s.Index.Sweep(s.t.Context(), 0); err != nil {
		s.t.Fatal(err)
	}
}

// empty deletes everything.
func (s *storm) empty() {
	s.t.Helper()
	for which := range s.data {
		if seg, _ := s.find(which); seg.ID != "" {
			s.delete(s.Index, seg)
		}
	}
	s.sweep()
	ended := make(chan struct{})
	close(ended)
	for range 10 { // of what a miner has instead it is told the next time
		s.tell(s.drops(), ended)
	}
}

func (s *storm) delete(x *index.Index, seg index.Segment) {
	gone, err := x.DropUpload(s.t.Context(), seg.Owner, seg.Upload)
	if err == nil {
		_, _, err = x.EndSegments(s.t.Context(), gone, time.Hour)
	}
	s.excuse("delete", err)
}

// do does something with a segment.
func (s *storm) do() {
	ctx, m := s.t.Context(), s.gateways[rand.IntN(2)]
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
		_, _, err := m.fleet.StoreSegment(ctx, spec, bytes.NewReader(s.data[which]), func(erasure.Root) error { return nil }, s.some(9))
		s.excuse("put", err)
		return
	}
	seg, held := s.find(which)
	if len(held) == 0 {
		return
	}
	switch h := held[rand.IntN(len(held))]; rand.IntN(10) {
	case 0:
		_, err := m.fleet.RebuildSegment(ctx, seg, []int{rand.IntN(9)}, time.Hour, s.some(2))
		s.excuse("rebuild", err)
	case 1:
		_, err := m.fleet.MoveShard(ctx, seg, h, time.Hour, s.some(2))
		s.excuse("move", err)
	case 2:
		_, err := m.fleet.RenewSegment(ctx, seg.ID, 2*time.Hour)
		s.excuse("renew", err)
	case 3, 4, 5:
		s.excuse("drop", m.index.DropSeen(s.t.Context(), h, m.fleet.Settled(h)))
	default:
		s.delete(m.index, seg)
	}
}

// excuse takes errors that say that something did not come about.
func (s *storm) excuse(what string, err error) {
	for _, is := range []error{fleet.ErrShort, fleet.ErrLost, index.ErrNotFound, context.DeadlineExceeded, errKilled} {
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
