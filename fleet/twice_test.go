package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wire"
)

// While shards move two miners have the same, which is one shard and not two.
func TestSegmentOfWhichShardsAreThereTwiceComesBack(t *testing.T) {
	for name, as := range map[string]fleettest.Behaviour{"both good": fleettest.Honest, "one lost": fleettest.Failing, "one stuck": fleettest.Stuck} {
		t.Run(name, func(t *testing.T) {
			data := noise(1, 12<<20)
			s := newShards(t, 12, fleet.Config{SegmentHedge: 20 * time.Millisecond})
			seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
			held := s.held(t, seg)
			for _, h := range held[:3] {
				holds := map[string]bool{}
				for _, h := range s.held(t, seg) {
					holds[string(h.Holder)] = true
				}
				free := s.Neurons()[:0:0]
				for _, n := range s.Neurons() {
					if !holds[string(n.Hotkey)] {
						free = append(free, n)
					}
				}
				if _, err := s.MoveShard(t.Context(), seg, h, time.Hour, free); err != nil {
					t.Fatal(err)
				}
				s.miner(t, h).Behave(as, "GetShard")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			got, err := s.get(ctx, seg, 0, seg.Size)
			if err != nil || len(got) != len(data) {
				t.Fatalf("%d bytes: %v", len(got), err)
			}
		})
	}
}

// again puts what is there once more, at miners in another order.
func (s *shards) again(t testing.TB, data []byte, scheme erasure.Scheme, seed int) (index.Segment, error) {
	t.Helper()
	s.places--
	n := s.Neurons()
	n = append(n[seed%len(n):len(n):len(n)], n[:seed%len(n)]...)
	seg, _, err := s.StoreSegment(t.Context(), s.spec(t, data, scheme), bytes.NewReader(data), func(erasure.Root) error { return nil }, n)
	return seg, err
}

// Who puts what was lost again has it, whatever the index says of miners that have
// lost their shards.
func TestSegmentThatWasLostIsPutAgain(t *testing.T) {
	for _, lost := range []int{0, 1, 5, 8} {
		data := noise(1, 300_000)
		s := newShards(t, 8, fleet.Config{Spare: -1})
		seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
		for _, h := range s.held(t, seg)[:lost] {
			if _, err := s.Net.Call(t.Context(), wire.Peer{Hotkey: h.Holder}, &wire.Delete{DataHash: h.Replica}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.again(t, data, seg.Scheme, 3); err != nil {
			t.Fatal(err)
		}
		s.check(t, seg, data)
		numbers := map[int]bool{}
		for _, h := range s.held(t, seg) {
			numbers[h.Number] = true
			if s.miner(t, h).Bytes(h.Replica) == nil {
				t.Fatalf("%d lost: shard %d is in the index, and %s does not have it", lost, h.Number, h.Holder)
			}
		}
		if len(numbers) != 8 {
			t.Fatalf("%d lost: %d different shards", lost, len(numbers))
		}
	}
}

// A file that is put again when there are more miners than there were keeps its
// scheme: the first try is told so, and the next one knows.
func TestSegmentPutAgainCodedOtherwise(t *testing.T) {
	data := noise(2, 300_000)
	s := newShards(t, 10, fleet.Config{})
	seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
	if _, err := s.Index.DropUpload(t.Context(), seg.Owner, seg.Upload); err != nil { // as a commit ends it
		t.Fatal(err)
	}
	before := 0
	for _, m := range s.Miners {
		before += len(m.Holds())
	}
	if _, err := s.again(t, data, erasure.Scheme{Data: 2, Total: 6}, 0); !errors.Is(err, fleet.ErrShort) {
		t.Fatal(err)
	}
	s.tell(t, time.Now().Add(time.Hour))
	after := 0
	for _, m := range s.Miners {
		after += len(m.Holds())
	}
	if after != before {
		t.Fatalf("%d shards at miners, %d before", after, before)
	}
	_, parts, err := s.Index.Upload(t.Context(), seg.Owner, seg.Upload)
	if err != nil || len(parts) != 1 || parts[0].Scheme != seg.Scheme {
		t.Fatal(parts, err)
	}
	if _, err := s.again(t, data, seg.Scheme, 0); err != nil {
		t.Fatal(err)
	}
	s.check(t, seg, data)
}

// What a miner is told to drop, and is given again before it hears of it, it keeps;
// unless it is older than such conditions.
func TestShardThatIsPutAgainIsNotDropped(t *testing.T) {
	data := noise(3, 200_000)
	scheme := erasure.Scheme{Data: 1, Total: 1}
	s := newShards(t, 1, fleet.Config{})
	seg := s.put(t, data, scheme)
	late := s.drop(t, s.held(t, seg)[0])
	if _, err := s.again(t, data, scheme, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Fleet.Drop(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	s.check(t, seg, data)
	if err := s.Fleet.Drop(t.Context(), s.drop(t, s.held(t, seg)[0])); err != nil || len(s.Miners[0].Holds()) > 0 {
		t.Fatal(err, s.Miners[0].Holds())
	}
	if _, err := s.again(t, data, scheme, 0); err != nil {
		t.Fatal(err)
	}
	s.Miners[0].Behave(fleettest.Reference, "DropShard")
	if err := s.Fleet.Drop(t.Context(), s.drop(t, s.held(t, seg)[0])); err != nil || len(s.Miners[0].Holds()) > 0 {
		t.Fatal(err, s.Miners[0].Holds())
	}
}

// A put that brings a shard again and comes to nothing leaves the miner with another
// pledge than the one that the index counts on, and then ends: the miner is told of its
// own when nobody can be about to count on that one.
func TestShardThatIsLeftIsDroppedLater(t *testing.T) {
	data, scheme := noise(5, 2000), erasure.Scheme{Data: 1, Total: 1}
	for name, c := range map[string]struct {
		lists fleettest.Behaviour
		left  int
	}{"by its pledge": {fleettest.Honest, 0}, "a miner without lists": {fleettest.Reference, 1}} {
		t.Run(name, func(t *testing.T) {
			s := newShards(t, 1, fleet.Config{})
			m := s.Miners[0]
			seg := s.put(t, data, scheme)
			m.Behave(fleettest.Liar, "PutShard")
			if _, err := s.again(t, data, scheme, 0); !errors.Is(err, fleet.ErrShort) {
				t.Fatal(err)
			}
			m.Behave(c.lists, "ListShards")
			h := s.held(t, seg)[0]
			s.drop(t, h)
			s.tell(t, time.Now())
			if n := len(m.Holds()); n != 1 {
				t.Fatalf("%d shards, and somebody may count on the one", n)
			}
			d, err := s.Index.Drop(t.Context(), h.Holder, h.Replica)
			if c.left == 0 && (err != nil || d.Due(time.Now()) || bytes.Equal(d.Pledge, h.Native.Pledge)) {
				t.Fatalf("%+v, %v", d, err)
			}
			s.tell(t, time.Now().Add(time.Hour))
			if n := len(m.Holds()); n != c.left {
				t.Errorf("%d shards are left", n)
			}
			if d, err := s.Index.Drop(t.Context(), h.Holder, h.Replica); !errors.Is(err, index.ErrNotFound) {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}

// drop ends a holding and returns what is left of it.
func (s *shards) drop(t testing.TB, h index.Holding) (drop index.Drop) {
	t.Helper()
	if err := s.Index.DropShard(t.Context(), h.Holder, h.Hash); err != nil {
		t.Fatal(err)
	}
	for d, err := range s.Index.Drops(t.Context(), h.Holder) {
		if err != nil || d.Replica != h.Replica {
			t.Fatal(d, err)
		}
		drop = d
	}
	return drop
}

// The pledges that miners have are those in the index, also after a put that failed.
func TestPledgesAfterAPutThatFailed(t *testing.T) {
	data := noise(4, 200_000)
	s := newShards(t, 8, fleet.Config{})
	seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
	for _, m := range s.Miners[:5] {
		m.Behave(fleettest.Failing, "PutShard")
	}
	for seed := range 8 {
		if _, err := s.again(t, data, seg.Scheme, seed); !errors.Is(err, fleet.ErrShort) {
			t.Fatal(err)
		}
		for _, h := range s.held(t, seg) {
			n, _ := s.Metagraph().ByHotkey(h.Holder)
			if o := s.Challenge(t.Context(), n, h); !o.OK() {
				t.Fatal(o.Err)
			}
		}
	}
}

// tell tells miners to drop what is due at a time.
func (s *shards) tell(t testing.TB, now time.Time) {
	t.Helper()
	for _, m := range s.Miners {
		for d, err := range s.Index.Drops(t.Context(), m.Hotkey()) {
			if err == nil && d.Due(now) {
				err = s.Fleet.Drop(t.Context(), d)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Two gateways bring the same segment: the one whose pledges came last gives up,
// while what the other has been given receipts for is not in the index yet.
func TestPutThatFailsLeavesAnotherOneItsShards(t *testing.T) {
	for name, as := range map[string]fleettest.Behaviour{"others fail": fleettest.Failing, "others do not answer": fleettest.Liar} {
		t.Run(name, func(t *testing.T) {
			data := noise(5, 200_000)
			s := newShards(t, 8, fleet.Config{})
			seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
			signed := s.held(t, seg)
			for _, h := range signed {
				if err := s.Index.RemoveHolding(t.Context(), h.Holder, h.Hash); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range s.Miners[:5] {
				m.Behave(as, "PutShard")
			}
			if _, err := s.again(t, data, seg.Scheme, 0); !errors.Is(err, fleet.ErrShort) {
				t.Fatal(err)
			}
			s.tell(t, time.Now())
			for _, h := range signed {
				if err := s.Index.PutShard(t.Context(), h); err != nil {
					t.Fatal(err)
				}
			}
			s.tell(t, time.Now().Add(time.Hour))
			for _, h := range signed {
				if s.miner(t, h).Bytes(h.Replica) == nil {
					t.Errorf("%s does not have shard %d any more, which it has signed for", h.Holder, h.Number)
				}
			}
			s.check(t, seg, data)
		})
	}
}
