package fleet_test

import (
	"context"
	"testing"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
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
