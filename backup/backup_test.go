package backup

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/manifest/pack"
)

// bench is a backup over an index in memory and miners.
type bench struct {
	*fleettest.Net
	*Backup
	ix    *index.Index
	owner index.ObjectName
	log   strings.Builder
}

// run runs a test in a time of its own. The network's index on disk is not in it.
func run(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	net := fleettest.New(t, 3)
	synctest.Test(t, func(t *testing.T) { test(t, newBench(t, net)) })
}

func newBench(t *testing.T, net *fleettest.Net) *bench {
	t.Helper()
	b := &bench{Net: net, ix: index.New(indextest.NewMemory())}
	for _, m := range b.Miners {
		m.Behave(fleettest.Honest, "Tags", "Audit")
	}
	b.owner.Owner = fleettest.Key(t, "owner").Address()
	b.restart()
	return b
}

func (b *bench) restart() {
	f := fleet.New(fleet.Config{Start: 1 << 40}, fleet.Deps{Transport: b.Net, Streams: b.Net, Index: b.ix, Metagraph: b.Metagraph, Key: b.Asker})
	b.Backup = New(Config{PackSize: 8 << 10, Merge: 4}, Deps{Fleet: f, Index: b.ix, Key: b.Asker, Log: slog.New(slog.NewTextHandler(&b.log, nil))})
}

// put puts an object of some bytes.
func (b *bench) put(t *testing.T, n, size int, ttl time.Duration) index.Object {
	t.Helper()
	o := index.Object{
		Owner: b.owner.Owner, CID: cid.Sum(binary.BigEndian.AppendUint32(nil, uint32(n))), Stored: time.Now(), TTL: ttl,
		Manifest: make([]byte, size), Signature: make([]byte, index.SignatureSize),
	}
	if _, err := b.ix.PutObject(t.Context(), o, nil); err != nil {
		t.Fatal(err)
	}
	return o
}

func (b *bench) pass(t *testing.T) {
	t.Helper()
	if err := b.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// kept are the objects that the packs have, by CID, the latest of each.
func (b *bench) kept(t *testing.T) map[string]pack.Record {
	t.Helper()
	all, err := b.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	latest := map[string]pack.Record{}
	for i, k := range all {
		p, err := b.read(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range p.Others {
			if n >= k.number {
				t.Errorf("pack %d names %d", k.number, n)
			}
		}
		if i == len(all)-1 && len(p.Others) != len(all)-1 {
			t.Errorf("the last pack names %d of %d others", len(p.Others), len(all)-1)
		}
		for _, r := range p.Records {
			latest[r.CID] = r
		}
	}
	return latest
}

func (b *bench) status(t *testing.T) Status {
	t.Helper()
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func elapse(d time.Duration) { <-time.After(d) }

func TestSmallPacksArePutTogether(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		most := 0
		for n := range 60 {
			b.put(t, n, 300, time.Hour*1000)
			b.pass(t)
			elapse(time.Minute)
			most = max(most, b.status(t).Packs)
		}
		if kept := b.kept(t); len(kept) != 60 || most > 14 {
			t.Errorf("%d objects are kept in at most %d packs", len(kept), most)
		}
	})
}

func TestManyChangesMakeMoreThanOnePack(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		for n := range 50 {
			b.put(t, n, 1000, time.Hour*1000)
		}
		if s := b.status(t); s.Waiting != 50 || s.Oldest.IsZero() {
			t.Errorf("%+v", s)
		}
		b.pass(t)
		if s := b.status(t); s.Waiting != 0 || !s.Oldest.IsZero() || s.Packs < 5 || len(b.kept(t)) != 50 {
			t.Errorf("%+v", s)
		}
		b.pass(t)
		if s := b.status(t); s.Packs > 8 {
			t.Errorf("nothing has changed: %+v", s)
		}
	})
}

// TestWhatIsOverGoes: packs whose objects have ended, and those of which less than
// half counts.
func TestWhatIsOverGoes(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		for n := range 30 {
			b.put(t, n, 1000, time.Hour*time.Duration(1000+n))
		}
		b.pass(t)
		before := b.status(t)
		for n := range 28 {
			if _, err := b.ix.RemoveObject(t.Context(), b.owner.Owner, cid.Sum(binary.BigEndian.AppendUint32(nil, uint32(n)))); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			elapse(time.Hour)
			b.pass(t)
		}
		s := b.status(t)
		if s.Bytes > before.Bytes/2 || len(b.kept(t)) != 30 {
			t.Errorf("%+v after %+v", s, before)
		}
		for range 80 {
			elapse(24 * time.Hour)
			if _, err := b.ix.Sweep(t.Context(), time.Hour); err != nil {
				t.Fatal(err)
			}
			b.pass(t)
		}
		if s := b.status(t); s.Packs != 0 || s.Bytes != 0 {
			t.Errorf("when all is over: %+v", s)
		}
	})
}

// TestALostPackIsWrittenAnew: found when its turn has come to be read.
func TestALostPackIsWrittenAnew(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		for n := range 3 {
			b.put(t, n, 5000, time.Hour*1000)
			b.pass(t)
		}
		packs, err := b.list(t.Context())
		if err != nil || len(packs) != 3 {
			t.Fatal(len(packs), err)
		}
		held, err := b.ix.Shards(t.Context(), packs[1].ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range held {
			if err := b.ix.DropShard(t.Context(), h.Holder, h.Hash); err != nil {
				t.Fatal(err)
			}
		}
		for range 4 {
			elapse(2 * time.Hour)
			b.pass(t)
		}
		if kept := b.kept(t); len(kept) != 3 {
			t.Errorf("%v are kept", slices.Collect(maps.Keys(kept)))
		}
	})
}

// TestAPackThatCannotBeRead: its miners have shards, and they are wrong.
func TestAPackThatCannotBeRead(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.put(t, 1, 500, time.Hour*1000)
		b.pass(t)
		elapse(2 * time.Hour)
		for _, m := range b.Miners {
			m.Behave(fleettest.Liar, "GetShard")
		}
		b.pass(t)
		if !strings.Contains(b.log.String(), "is lost") {
			t.Error("it was not said")
		}
		for _, m := range b.Miners {
			m.Behave(fleettest.Honest, "GetShard")
		}
		for range 5 { // it is neither read again nor named
			elapse(2 * time.Hour)
			b.pass(t)
		}
		if s := b.status(t); s.Packs != 2 || strings.Count(b.log.String(), "is lost") != 1 {
			t.Errorf("%+v\n%s", s, b.log.String())
		}
	})
}

func TestWithoutMinersItWaits(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		o := b.put(t, 1, 500, time.Hour*1000)
		miners := b.Metagraph().Neurons
		b.Change(func(g *chain.Metagraph) { g.Neurons = g.Neurons[:1] })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		elapse(5 * time.Minute)
		if s := b.status(t); s.Waiting != 1 || s.Packs != 0 || time.Since(s.Oldest) < 4*time.Minute {
			t.Errorf("%+v", s)
		}
		if err := b.Pass(ctx); !errors.Is(err, fleet.ErrShort) {
			t.Errorf("a pass without miners: %v", err)
		}
		b.Change(func(g *chain.Metagraph) { g.Neurons = miners })
		elapse(DefaultConfig().Period)
		synctest.Wait()
		if s := b.status(t); s.Waiting != 0 || s.Packs != 1 || len(b.kept(t)[o.CID].Object.Manifest) != 500 {
			t.Errorf("%+v", s)
		}
		if err := b.Loop().Trigger(t.Context()); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestAnIndexFromBeforeIsBackedUp: whose objects nobody has marked; and one that was
// built anew keeps the packs whose objects it does not know.
func TestAnIndexFromBeforeIsBackedUp(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		o := b.put(t, 1, 500, time.Hour*1000)
		for c, err := range b.ix.Changes(t.Context()) {
			if err == nil {
				err = b.ix.BackedUp(t.Context(), []index.Change{c})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		b.pass(t)
		if kept := b.kept(t); kept[o.CID].Object == nil {
			t.Fatalf("%v", kept)
		}
		owner, err := b.owner.Owner.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.shelf(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var unknown batch
		r := pack.Record{Owner: owner, CID: cid.Sum([]byte("unknown")), Object: &pack.Object{Stored: time.Now(), TTL: 100 * time.Hour, Manifest: []byte("m")}}
		unknown.add(index.ObjectName{Owner: b.owner.Owner, CID: r.CID}, r)
		if err := b.store(t.Context(), s, &unknown); err != nil {
			t.Fatal(err)
		}
		b.restart()
		for n := range 20 {
			b.put(t, 10+n, 300, time.Hour*1000)
			elapse(time.Hour)
			b.pass(t)
		}
		if kept := b.kept(t); !kept[r.CID].Equal(r) || len(kept) != 22 {
			t.Errorf("%d are kept, %+v", len(kept), kept[r.CID])
		}
	})
}
