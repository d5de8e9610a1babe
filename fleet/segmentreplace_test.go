package fleet_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// slack is how many shards less than it was acknowledged with a segment may have
// while it is put again.
const slack = 1

// six has shards of a 4-of-8 segment at six miners, which is just enough, over an
// index in memory.
func six(t *testing.T) (*shards, *indextest.Memory) {
	t.Helper()
	s, kv := newShards(t, 6, fleet.Config{Spare: -1}), indextest.NewMemory()
	s.Index = index.New(yielding{kv})
	d := deps(s.Net, s.Net)
	d.Streams = s.Net
	s.Fleet = fleet.New(fleet.Config{Spare: -1}, d)
	return s, kv
}

// yielding has writers come in between each other.
type yielding struct{ index.KV }

func (y yielding) Commit(ctx context.Context, group string, when, then []index.Entry) error {
	for range rand.IntN(50) {
		runtime.Gosched()
	}
	return y.KV.Commit(ctx, group, when, then)
}

// different is how many different shards of a segment there are by the index, which
// their miners have to have.
func (s *shards) different(t *testing.T, seg index.Segment) int {
	t.Helper()
	numbers := map[int]bool{}
	for _, h := range s.held(t, seg) {
		numbers[h.Number] = true
		if s.miner(t, h).Bytes(h.Replica) == nil {
			t.Fatalf("%s does not have shard %d", h.Holder, h.Number)
		}
	}
	return len(numbers)
}

// A put may stop anywhere while it replaces what the segment was acknowledged with.
func TestSegmentPutAgainUpToACrash(t *testing.T) {
	data, scheme := noise(6, 2000), erasure.Scheme{Data: 4, Total: 8}
	s, kv := six(t)
	for commit := range 40 {
		seg := s.put(t, data, scheme)
		kv.CrashAt(commit, commit%2 == 0)
		_, err := s.again(t, data, scheme, 0)
		kv.Restart()
		if err != nil {
			s.tell(t, time.Now().Add(time.Hour))
		}
		if n := s.different(t, seg); n < fleet.Durable(scheme)-slack {
			t.Fatalf("stopped at commit %d: %d different shards, acknowledged with %d", commit, n, fleet.Durable(scheme))
		}
		s.check(t, seg, data)
	}
}

// Two gateways may bring one segment at the same time, each with other shards for the
// same miners: what one of them acknowledges stays durable.
func TestSegmentPutTwiceAtOnce(t *testing.T) {
	data, scheme := noise(7, 2000), erasure.Scheme{Data: 4, Total: 8}
	s, _ := six(t)
	d := deps(s.Net, s.Net)
	d.Streams = s.Net
	gateways := [2]*fleet.Fleet{s.Fleet, fleet.New(fleet.Config{Spare: -1}, d)}
	for range 30 {
		spec := s.spec(t, data, scheme)
		var segs [2]index.Segment
		var errs [2]error
		var work sync.WaitGroup
		for i, f := range gateways {
			work.Go(func() {
				segs[i], _, errs[i] = f.StoreSegment(t.Context(), spec, bytes.NewReader(data), func(erasure.Root) error { return nil }, s.Neurons())
			})
		}
		work.Wait()
		s.tell(t, time.Now().Add(time.Hour))
		for i, err := range errs {
			if err != nil {
				continue
			}
			if n := s.different(t, segs[i]); n < fleet.Durable(scheme)-slack {
				t.Fatalf("%d different shards, acknowledged with %d", n, fleet.Durable(scheme))
			}
			s.check(t, segs[i], data)
		}
	}
}
