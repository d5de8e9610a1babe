package repair_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
)

// ending is an index's store; before is called once, before a shard ends.
type ending struct {
	index.KV
	before func(group string)
}

func (e *ending) Commit(ctx context.Context, group string, when, then []index.Entry) error {
	for _, c := range then {
		if before := e.before; before != nil && strings.HasPrefix(c.Field, "shard:") && c.Value == nil {
			e.before = nil
			before(group)
		}
	}
	return e.KV.Commit(ctx, group, when, then)
}

// What a gateway puts again while the engine is about to end it stays.
func TestShardPutAgainDoesNotEnd(t *testing.T) {
	cfg := config()
	cfg.Parallel = 1
	b := newBench(t, 14, cfg)
	gateway, store := b.Index, &ending{KV: b.memory}
	b.Index = index.New(store)
	b.start(cfg)
	f := b.exact(t, b.put(t, 5000, fourOfEight, 24*time.Hour))
	var free []chain.Neuron
	for _, n := range b.Neurons() {
		if _, err := b.Index.Holding(t.Context(), n.Hotkey, f.seg.ID); err != nil {
			free = append(free, n)
		}
	}
	if _, err := b.fleet.RebuildSegment(t.Context(), f.seg, []int{0, 1, 2}, 24*time.Hour, free[:3]); err != nil {
		t.Fatal(err)
	}
	b.wait(time.Hour)
	var again index.Holding
	store.before = func(group string) {
		for _, h := range b.held(t, f) {
			if strings.Contains(group, string(h.Holder)) {
				again = h
			}
		}
		native := *again.Native
		native.Pledge = append(bytes.Clone(native.Pledge[:len(native.Pledge)-1]), 1)
		again.Native, again.Stored = &native, b.clock()
		if err := gateway.PutShard(t.Context(), again); err != nil {
			t.Error(err)
		}
	}
	b.pass(t)
	if again.Holder == "" {
		t.Fatal("nothing was to end")
	}
	h, err := b.Index.Holding(t.Context(), again.Holder, f.seg.ID)
	if err != nil || !h.Stored.Equal(again.Stored) {
		t.Fatalf("shard %d, which was put again meanwhile, has ended: %v", again.Number, err)
	}
	if n := b.drops(t, again.Holder); n > 0 {
		t.Fatalf("its miner is to be told to drop it")
	}
}
