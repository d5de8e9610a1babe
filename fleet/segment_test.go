package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
)

// shards is a network whose miners take shards, and a fleet that asks them.
type shards struct {
	*fleettest.Net
	*fleet.Fleet
	places int
}

func newShards(t testing.TB, miners int, cfg fleet.Config) *shards {
	net := fleettest.New(t, miners)
	for _, m := range net.Miners {
		m.Behave(fleettest.Honest, "Tags", "Audit")
	}
	d := deps(net, net)
	d.Streams = net
	return &shards{Net: net, Fleet: fleet.New(cfg, d)}
}

func noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// spec is that of a further segment.
func (s *shards) spec(t testing.TB, data []byte, scheme erasure.Scheme) fleet.SegmentSpec {
	t.Helper()
	s.places++
	return fleet.SegmentSpec{
		Owner: fleettest.Key(t, "owner").Address(), Upload: [16]byte{1}, Index: s.places, Size: int64(len(data)),
		Scheme: scheme, Secret: envelope.ShardSecret{7}, TTL: time.Hour,
	}
}

func rootOf(data []byte) erasure.Root {
	h := erasure.NewHasher()
	h.Write(data)
	return h.Root()
}

// put stores data, which has to work.
func (s *shards) put(t testing.TB, data []byte, scheme erasure.Scheme) index.Segment {
	t.Helper()
	check := func(root erasure.Root) error {
		if root != rootOf(data) {
			return errors.New("another root")
		}
		return nil
	}
	seg, _, err := s.StoreSegment(t.Context(), s.spec(t, data, scheme), bytes.NewReader(data), check, s.Neurons())
	if err != nil {
		t.Fatal(err)
	}
	return seg
}

func (s *shards) get(ctx context.Context, seg index.Segment, offset, length int64) ([]byte, error) {
	var b bytes.Buffer
	_, err := s.FetchSegment(ctx, seg, offset, length, &b)
	return b.Bytes(), err
}

func (s *shards) check(t testing.TB, seg index.Segment, data []byte) {
	t.Helper()
	got, err := s.get(t.Context(), seg, 0, seg.Size)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("%d bytes came back, and not those of the %d", len(got), len(data))
	}
}

func (s *shards) held(t testing.TB, seg index.Segment) []index.Holding {
	t.Helper()
	held, err := s.Index.Shards(t.Context(), seg.ID)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// miner is who has that shard.
func (s *shards) miner(t testing.TB, h index.Holding) *fleettest.Miner {
	t.Helper()
	for _, m := range s.Miners {
		if m.Hotkey() == h.Holder {
			return m
		}
	}
	t.Fatal("nobody")
	return nil
}

func TestSegmentsOfAllSizesComeBack(t *testing.T) {
	schemes := []erasure.Scheme{{Data: 1, Total: 1}, {Data: 1, Total: 3}, {Data: 4, Total: 8}, {Data: 3, Total: 3}}
	sizes := []int{1, 2, 100, erasure.Block - 1, erasure.Block, erasure.Block + 1, 4*erasure.Block - 1, 4 * erasure.Block, 9*erasure.Block + 77, 3 << 20}
	s := newShards(t, 10, fleet.Config{})
	for _, scheme := range schemes {
		for i, size := range sizes {
			data := noise(uint64(i), size)
			seg := s.put(t, data, scheme)
			s.check(t, seg, data)
			if held := len(s.held(t, seg)); held < scheme.Total || held > scheme.Total+1 {
				t.Fatalf("%v: %d shards are held", scheme, held)
			}
			from := rand.Int64N(seg.Size)
			length := rand.Int64N(seg.Size - from + 1)
			part, err := s.get(t.Context(), seg, from, length)
			if err != nil || !bytes.Equal(part, data[from:from+length]) {
				t.Fatalf("%v, %d bytes: part %d+%d: %v", scheme, size, from, length, err)
			}
		}
	}
}

// Any four of eight may be lost in any way.
func TestSegmentSurvivesItsMiners(t *testing.T) {
	data := noise(1, 1<<20+5)
	for _, as := range []fleettest.Behaviour{fleettest.Failing, fleettest.Liar, fleettest.Stuck, fleettest.Silent, fleettest.Busy} {
		t.Run(fmt.Sprint(as), func(t *testing.T) {
			s := newShards(t, 8, fleet.Config{SegmentHedge: 20 * time.Millisecond})
			seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
			held := s.held(t, seg)
			rand.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
			for _, h := range held[:4] {
				s.miner(t, h).Behave(as, "GetShard")
			}
			s.check(t, seg, data)
			s.miner(t, held[4]).Behave(fleettest.Failing, "GetShard")
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if got, err := s.get(ctx, seg, 0, seg.Size); err == nil || !bytes.HasPrefix(data, got) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// A put goes on with others whatever some miners do, and records only those that
// have signed.
func TestSegmentIsPutWithoutTheBad(t *testing.T) {
	data := noise(2, 2<<20)
	for _, as := range []fleettest.Behaviour{fleettest.Failing, fleettest.Busy, fleettest.Reference, fleettest.Stuck, fleettest.Silent} {
		t.Run(fmt.Sprint(as), func(t *testing.T) {
			s := newShards(t, 11, fleet.Config{Patience: 100 * time.Millisecond, Spare: 3})
			for _, m := range s.Miners[:3] {
				m.Behave(as, "PutShard")
			}
			seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
			held := s.held(t, seg)
			if len(held) != 8 {
				t.Fatalf("%d shards", len(held))
			}
			for _, h := range held {
				if m := s.miner(t, h); m == s.Miners[0] || m == s.Miners[1] || m == s.Miners[2] {
					t.Fatal("a bad miner is in the index")
				}
			}
			s.check(t, seg, data)
		})
	}
}

func TestSegmentThatDoesNotComeAboutLeavesNothing(t *testing.T) {
	data := noise(3, 300_000)
	scheme := erasure.Scheme{Data: 4, Total: 8}
	accept := func(erasure.Root) error { return nil }
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		in    io.Reader
		check func(erasure.Root) error
		bad   int
		want  error
	}{
		"cut off":         {bytes.NewReader(data[:len(data)-1]), accept, 0, io.ErrUnexpectedEOF},
		"another root":    {bytes.NewReader(data), func(erasure.Root) error { return refused }, 0, refused},
		"too few miners":  {bytes.NewReader(data), accept, 5, fleet.ErrShort},
		"unsigned shards": {bytes.NewReader(data), accept, -5, fleet.ErrShort},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShards(t, 10, fleet.Config{})
			for _, m := range s.Miners[:max(c.bad, -c.bad)] {
				m.Behave(map[bool]fleettest.Behaviour{true: fleettest.Failing, false: fleettest.Liar}[c.bad > 0], "PutShard")
			}
			_, _, err := s.StoreSegment(t.Context(), s.spec(t, data, scheme), c.in, c.check, s.Neurons())
			if !errors.Is(err, c.want) {
				t.Fatal(err)
			}
			s.tell(t, time.Now().Add(time.Hour))
			for _, m := range s.Miners[max(0, -c.bad):] {
				if len(m.Holds()) > 0 {
					t.Errorf("a miner still holds %v", m.Holds())
				}
			}
			for seg, err := range s.Index.AllSegments(t.Context()) {
				t.Fatal(seg, err)
			}
		})
	}
}

// A shard is audited as a replica is, natively and by being read.
func TestShardsAreAudited(t *testing.T) {
	s := newShards(t, 8, fleet.Config{})
	seg := s.put(t, noise(4, 900_000), erasure.Scheme{Data: 4, Total: 8})
	for _, task := range []fleet.Task{fleet.TaskChallenge, fleet.TaskRetrieve} {
		for i, h := range s.held(t, seg) {
			n, _ := s.Metagraph().ByHotkey(h.Holder)
			ask := func() fleet.Outcome {
				q, err := s.Question(t.Context(), n, h, chain.Block{Number: 9}, task)
				if err != nil {
					t.Fatal(err)
				}
				if q.Native() != (task == fleet.TaskChallenge) {
					t.Fatalf("asked natively: %v", q.Native())
				}
				return s.Ask(t.Context(), n, q)
			}
			if o := ask(); !o.OK() {
				t.Fatal(o.Err)
			}
			bytes := s.miner(t, h).Bytes(h.Replica)
			for j := range bytes { // all of it: few blocks are drawn
				bytes[j] ^= byte(i + 1)
			}
			if o := ask(); o.OK() || o.Void || !o.Came {
				t.Fatalf("%s passes over other bytes: %+v", task, o)
			}
			for j := range bytes {
				bytes[j] ^= byte(i + 1)
			}
			if task == fleet.TaskChallenge {
				break // its key is known now
			}
		}
	}
}

func TestRebuildSegment(t *testing.T) {
	data := noise(5, 1_000_001)
	s := newShards(t, 14, fleet.Config{})
	seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
	held := s.held(t, seg)
	var lost []int
	for _, h := range held[:4] {
		lost = append(lost, h.Number)
		s.miner(t, h).Behave(fleettest.Failing)
		if err := s.Index.DropShard(t.Context(), h.Holder, seg.ID); err != nil {
			t.Fatal(err)
		}
	}
	var free []chain.Neuron
	for _, n := range s.Neurons() {
		if _, err := s.Index.Holding(t.Context(), n.Hotkey, seg.ID); errors.Is(err, index.ErrNotFound) && s.Miners[n.UID-1].Asked("PutShard") == 0 {
			free = append(free, n)
		}
	}
	if _, err := s.RebuildSegment(t.Context(), seg, lost, time.Hour, free); err != nil {
		t.Fatal(err)
	}
	for _, h := range held[4:] { // only the new ones are left, and one more
		if len(s.held(t, seg)) > 4 {
			s.miner(t, h).Behave(fleettest.Failing)
			if err := s.Index.DropShard(t.Context(), h.Holder, seg.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.check(t, seg, data)
}

func TestRenewSegment(t *testing.T) {
	s := newShards(t, 8, fleet.Config{})
	seg := s.put(t, noise(6, 5000), erasure.Scheme{Data: 4, Total: 8})
	s.Miners[0].Behave(fleettest.Failing, "RenewShard")
	n, err := s.RenewSegment(t.Context(), seg.ID, 5*time.Hour)
	if n != 7 || err == nil {
		t.Fatal(n, err)
	}
	longer := 0
	for _, h := range s.held(t, seg) {
		if h.TTL == 5*time.Hour {
			longer++
		}
	}
	if longer != 7 {
		t.Fatalf("%d shards are kept longer", longer)
	}
}

// A segment that is put again, and fails this time, is not lost by that.
func TestSegmentPutAgain(t *testing.T) {
	data := noise(7, 500_000)
	s := newShards(t, 9, fleet.Config{})
	seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
	s.places-- // the same place again
	for i, m := range s.Miners {
		if i%2 == 0 {
			m.Behave(fleettest.Failing, "PutShard")
		}
	}
	_, _, err := s.StoreSegment(t.Context(), s.spec(t, data, seg.Scheme), bytes.NewReader(data), func(erasure.Root) error { return nil }, s.Neurons())
	if !errors.Is(err, fleet.ErrShort) {
		t.Fatal(err)
	}
	s.check(t, seg, data)
	for _, m := range s.Miners {
		m.Behave(fleettest.Honest, "PutShard")
	}
	s.places--
	for range 3 { // whatever shards miners get now
		n := s.Neurons()
		rand.Shuffle(len(n), func(i, j int) { n[i], n[j] = n[j], n[i] })
		again, _, err := s.StoreSegment(t.Context(), s.spec(t, data, seg.Scheme), bytes.NewReader(data), func(erasure.Root) error { return nil }, n)
		if err != nil || again.ID != seg.ID {
			t.Fatal(err)
		}
		s.places--
		s.check(t, seg, data)
	}
}

// More miners stand still than can be spared: fewer shards do, of a segment that
// they keep from being read, and of one that they have all of.
func TestSegmentIsPutWithoutTheStuck(t *testing.T) {
	for _, size := range []int{8 << 20, 300_000} {
		s := newShards(t, 9, fleet.Config{Patience: 20 * time.Millisecond, Spare: 1})
		for _, m := range s.Miners[:3] {
			m.Behave(fleettest.Stuck, "PutShard")
		}
		data := noise(3, size)
		seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
		if held := s.held(t, seg); len(held) < 4 || len(held) > 6 {
			t.Errorf("%d bytes: %d shards", size, len(held))
		}
		s.check(t, seg, data)
	}
}

// A miner may have kept what it did not acknowledge.
func TestUnacknowledgedShardsAreDropped(t *testing.T) {
	s := newShards(t, 9, fleet.Config{})
	s.Miners[2].Behave(fleettest.Liar, "PutShard")
	seg := s.put(t, noise(8, 300_000), erasure.Scheme{Data: 4, Total: 8})
	for i, m := range s.Miners {
		for d, err := range s.Index.Drops(t.Context(), m.Hotkey()) {
			if err != nil || i != 2 || len(m.Holds()) != 1 || m.Holds()[0] != d.Replica {
				t.Fatal(i, d, err)
			}
			if err := s.Drop(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if left := s.Miners[2].Holds(); len(left) != 0 || len(s.held(t, seg)) != 8 {
		t.Fatal(left)
	}
}

// What miners have not acknowledged may be what they have acknowledged another time,
// and a file counts on.
func TestUnacknowledgedShardsAreNotDroppedIfTheyAreCountedOn(t *testing.T) {
	data := noise(9, 300_000)
	s := newShards(t, 8, fleet.Config{})
	seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
	s.places-- // the same place again
	for _, m := range s.Miners {
		m.Behave(fleettest.Liar, "PutShard")
	}
	_, _, err := s.StoreSegment(t.Context(), s.spec(t, data, seg.Scheme), bytes.NewReader(data), func(erasure.Root) error { return nil }, s.Neurons())
	if !errors.Is(err, fleet.ErrShort) {
		t.Fatal(err)
	}
	s.tell(t, time.Now().Add(time.Hour))
	for _, m := range s.Miners {
		for h, err := range s.Index.Holdings(t.Context(), m.Hotkey(), index.KindShard) {
			if err != nil || !slices.Contains(m.Holds(), h.Held()) {
				t.Errorf("%s was told to drop shard %d, which the index counts on, %v", m.Hotkey(), h.Number, err)
			}
		}
	}
	s.check(t, seg, data)
}
