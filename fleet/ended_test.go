package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/wire"
)

// pair is two gateways over one index and the same miners, of which the one is held
// up at one of its commits while the other one does something.
type pair struct {
	*shards // the other one, and the index as it sees it
	slow    *fleet.Fleet
	kv      *indextest.Before
}

func newPair(t *testing.T, miners, commit int, happens func(*pair)) *pair {
	t.Helper()
	cfg, memory := fleet.Config{Spare: -1}, indextest.NewMemory()
	p := &pair{shards: newShards(t, miners, cfg)}
	make := func(x *index.Index) *fleet.Fleet {
		d := deps(p.Net, p.Net)
		d.Streams, d.Index = p.Net, x
		return fleet.New(cfg, d)
	}
	p.kv = indextest.NewBefore(memory, commit, func() { happens(p) })
	p.Index = index.New(memory)
	p.Fleet, p.slow = make(p.Index), make(index.New(p.kv))
	return p
}

// bring has a gateway put what is to be the same segment each time.
func (p *pair) bring(t *testing.T, f *fleet.Fleet, data []byte, scheme erasure.Scheme, to []chain.Neuron) (index.Segment, error) {
	t.Helper()
	p.places = 0
	seg, _, err := f.StoreSegment(t.Context(), p.spec(t, data, scheme), bytes.NewReader(data), func(erasure.Root) error { return nil }, to)
	return seg, err
}

// delete is what becomes of a segment whose upload is dropped, up to its miners.
func (p *pair) delete(t *testing.T, seg index.Segment) {
	t.Helper()
	gone, err := p.Index.DropUpload(t.Context(), seg.Owner, seg.Upload)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Index.EndSegments(t.Context(), gone, time.Hour); err != nil {
		t.Fatal(err)
	}
	p.tell(t, time.Now())
}

// whole checks a segment that was acknowledged: it gives the data back, and whatever
// shards the index counts on are there.
func (p *pair) whole(t *testing.T, seg index.Segment, data []byte) {
	t.Helper()
	if n := p.different(t, seg); n < fleet.Durable(seg.Scheme) {
		t.Fatalf("%d different shards of %v", n, seg.Scheme)
	}
	p.check(t, seg, data)
}

// A put has its receipts and is held up at one of its commits, while another one of
// the same segment is acknowledged, deleted and told to the miners, and perhaps put
// again: what the index counts on is there, whatever the held up one makes of it,
// and it can be put again at once.
func TestSegmentDeletedWhileAnotherPutRecordsIt(t *testing.T) {
	ended := 0
	for _, c := range []struct {
		miners int
		scheme erasure.Scheme
	}{{1, erasure.Scheme{Data: 1, Total: 1}}, {8, erasure.Scheme{Data: 4, Total: 8}}} {
		for commit := range 4 + 2*c.miners {
			for _, anew := range []bool{false, true} {
				t.Run(fmt.Sprint(c.scheme, commit, anew), func(t *testing.T) {
					if deletedWhile(t, c.miners, c.scheme, commit, anew) {
						ended++
					}
				})
			}
		}
	}
	if ended < 4 {
		t.Fatalf("%d puts of a segment that has ended meanwhile", ended)
	}
}

func deletedWhile(t *testing.T, miners int, scheme erasure.Scheme, commit int, anew bool) (ended bool) {
	data := noise(8, 2000)
	p := newPair(t, miners, commit, func(p *pair) {
		seg, err := p.bring(t, p.Fleet, data, scheme, p.Neurons())
		if err != nil {
			t.Fatal(err)
		}
		p.delete(t, seg)
		if !anew {
			return
		}
		if _, err := p.bring(t, p.Fleet, data, scheme, p.Neurons()); err != nil {
			t.Fatal(err)
		}
	})
	_, err := p.bring(t, p.slow, data, scheme, p.Neurons())
	if !p.kv.Happened() {
		t.Fatal("the put has fewer commits")
	}
	if err != nil && !errors.Is(err, fleet.ErrShort) {
		t.Fatal(err)
	}
	ended = errors.Is(err, index.ErrEnded)
	if seg, known := p.only(t); known && (anew || err == nil) {
		p.whole(t, seg, data)
	}
	p.tell(t, time.Now().Add(time.Hour))
	if seg, known := p.only(t); known && anew {
		p.whole(t, seg, data)
	}
	seg, err := p.bring(t, p.slow, data, scheme, p.Neurons())
	if err != nil {
		t.Fatal(err)
	}
	p.tell(t, time.Now().Add(time.Hour))
	p.whole(t, seg, data)
	return ended
}

// only is the one segment in the index, if there is one.
func (p *pair) only(t *testing.T) (index.Segment, bool) {
	t.Helper()
	for seg, err := range p.Index.AllSegments(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		return seg, true
	}
	return index.Segment{}, false
}

// The same for a shard that is being moved or made anew: here its new miner is given
// it by another put, and told to drop it.
func TestSegmentDeletedWhileItIsMended(t *testing.T) {
	data, scheme := noise(9, 2000), erasure.Scheme{Data: 1, Total: 1}
	mends := map[string]func(p *pair, seg index.Segment, h index.Holding) error{
		"moved": func(p *pair, seg index.Segment, h index.Holding) error {
			_, err := p.slow.MoveShard(t.Context(), seg, h, time.Hour, p.Neurons()[1:])
			return err
		},
		"made anew": func(p *pair, seg index.Segment, h index.Holding) error {
			_, err := p.slow.RebuildSegment(t.Context(), seg, []int{0}, time.Hour, p.Neurons()[1:])
			return err
		},
	}
	ended := 0
	for name, mend := range mends {
		for commit := range 4 {
			t.Run(fmt.Sprint(name, commit), func(t *testing.T) {
				p := newPair(t, 2, commit, func(p *pair) {
					seg, _ := p.only(t)
					for _, at := range []int{1, 0} { // the last one stays
						p.delete(t, seg)
						if _, err := p.bring(t, p.Fleet, data, scheme, p.Neurons()[at:at+1]); err != nil {
							t.Fatal(err)
						}
					}
				})
				seg, err := p.bring(t, p.Fleet, data, scheme, p.Neurons()[:1])
				if err != nil {
					t.Fatal(err)
				}
				// What is made after the end is good: what is counted is up to then.
				if err := mend(p, seg, p.held(t, seg)[0]); errors.Is(err, index.ErrEnded) && errors.Is(err, fleet.ErrShort) {
					ended++
				} else if err != nil {
					t.Fatal(err)
				}
				p.whole(t, seg, data)
				p.tell(t, time.Now().Add(time.Hour))
				p.whole(t, seg, data)
			})
		}
	}
	if ended == 0 {
		t.Fatal("no shard was made of a segment that has ended meanwhile")
	}
}

// Of a shard that another one replaces the miner is not told yet: a put that is held
// up may count on it.
func TestShardThatIsReplacedIsNotDroppedYet(t *testing.T) {
	data := noise(10, 2000)
	s := newShards(t, 8, fleet.Config{Spare: -1})
	seg := s.put(t, data, erasure.Scheme{Data: 4, Total: 8})
	if _, err := s.again(t, data, seg.Scheme, 3); err != nil {
		t.Fatal(err)
	}
	replaced := 0
	for _, m := range s.Miners {
		for d, err := range s.Index.Drops(t.Context(), m.Hotkey()) {
			if err != nil {
				t.Fatal(err)
			}
			if replaced++; d.Due(time.Now()) || !d.Due(time.Now().Add(time.Hour)) {
				t.Fatalf("the miner is told from %v on", d.After)
			}
		}
	}
	if replaced == 0 {
		t.Fatal("nothing was replaced")
	}
}

// renewing has something happen after a miner has signed to keep a shard for longer.
type renewing struct {
	wire.Transport
	happens func()
}

func (r renewing) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	x, err := r.Transport.Call(ctx, to, msg)
	if _, ok := msg.(*wire.RenewShard); ok {
		r.happens()
	}
	return x, err
}

// A shard that is dropped while its miner is asked to keep it stays so.
func TestShardDroppedWhileItIsRenewed(t *testing.T) {
	s := newShards(t, 1, fleet.Config{})
	seg := s.put(t, noise(11, 2000), erasure.Scheme{Data: 1, Total: 1})
	d := deps(s.Net, renewing{s.Net, func() {
		if err := s.Index.DropShard(t.Context(), s.Miners[0].Hotkey(), seg.ID); err != nil {
			t.Error(err)
		}
		s.tell(t, time.Now())
	}})
	d.Streams = s.Net
	n, err := fleet.New(fleet.Config{}, d).RenewSegment(t.Context(), seg.ID, 2*time.Hour)
	if n != 0 || !errors.Is(err, index.ErrNotFound) {
		t.Fatal(n, err)
	}
	if held := s.held(t, seg); len(held) > 0 {
		t.Fatalf("the index counts on shard %d, which %s was told to drop", held[0].Number, held[0].Holder)
	}
}
