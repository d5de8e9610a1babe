package recovery_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/recovery"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

func fleetOwner(f file) wallet.Address { return wallet.AddressOf(f.manifest.Owner) }

// TestAnIndexIsBuiltAnew: with exports everything is as it was; done again, nothing
// changes, and nothing in an index that was never lost.
func TestAnIndexIsBuiltAnew(t *testing.T) {
	b := newBench(t, 6)
	files := []file{b.put(t, 0, true), b.put(t, 500, true), b.put(t, 250_000, true), b.put(t, 100_000, true)}
	idle := b.put(t, 150_000, false)
	ix := lost(t)
	r := b.rebuild(t, ix, true)
	if !r.Whole() || r.Miners != 6 || r.Listed != 6 || r.Segments != 6 || r.Complete != 6 || r.Objects.Restored != 4 || len(r.Problems) > 0 {
		t.Fatalf("%+v", r)
	}
	same(t, "what miners hold", holdings(t, ix), holdings(t, b.Index))
	for _, f := range files {
		if err := b.read(t.Context(), ix, f); err != nil {
			t.Error(err)
		}
		o, err := ix.Object(t.Context(), fleetOwner(f), f.manifest.CID)
		end := time.Now().Add(ttl)
		if len(f.manifest.Segments) == 0 {
			end = time.Now().Add(fleet.DefaultTTL)
		}
		if late := o.Stored.Add(o.TTL).Sub(end).Abs(); err != nil || late > time.Minute {
			t.Errorf("%s ends %v off, %v", o.CID, late, err)
		}
	}
	upload, segments, err := ix.Upload(t.Context(), fleetOwner(idle), hex.EncodeToString(idle.manifest.Upload[:]))
	if left := time.Until(upload.Touched.Add(24 * time.Hour)); err != nil || len(segments) != 2 || (recovery.Keep-left).Abs() > time.Minute {
		t.Errorf("an upload of %d segments, for %v, %v", len(segments), left, err)
	}
	before := state(t, ix)
	again := b.rebuild(t, ix, true)
	if again.Shards.Known != r.Shards.Added || again.Shards.Added != 0 || again.Objects.Known != 4 || again.Objects.Restored != 0 || again.Complete != 6 {
		t.Errorf("%+v", again)
	}
	same(t, "built twice", state(t, ix), before)
	before = state(t, b.Index)
	b.rebuild(t, b.Index, true)
	same(t, "built where all is known", state(t, b.Index), before)
}

// TestFilesWithoutAnExportWaitForTheirOwner: their segments are there, so that
// nothing has to be sent when they are put again; commit brings them back.
func TestFilesWithoutAnExportWaitForTheirOwner(t *testing.T) {
	b := newBench(t, 5)
	f := b.put(t, 250_000, true)
	ix := lost(t)
	if r := b.rebuild(t, ix, false); !r.Whole() || r.Complete != 3 || r.Objects != (recovery.Objects{}) {
		t.Fatalf("%+v", r)
	}
	_, segments, err := ix.Upload(t.Context(), fleetOwner(f), hex.EncodeToString(f.manifest.Upload[:]))
	if err != nil || len(segments) != 3 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	for i, s := range segments {
		held, err := ix.Shards(t.Context(), s.ID)
		if err != nil || s.ID != f.id(i) || len(held) < fleet.Durable(s.Scheme) {
			t.Errorf("%d shards of segment %d, %v", len(held), i, err)
		}
	}
	// Interrupted, and gone on with: with the exports that were found since.
	if r := b.rebuild(t, ix, true); r.Objects.Restored != 1 || r.Shards.Added != 0 {
		t.Fatalf("%+v", r)
	}
	if err := b.read(t.Context(), ix, f); err != nil {
		t.Error(err)
	}
	if _, _, err := ix.Upload(t.Context(), fleetOwner(f), hex.EncodeToString(f.manifest.Upload[:])); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("its upload has not ended: %v", err)
	}
}

func TestWhatMinersAreMissingIsSaid(t *testing.T) {
	b := newBench(t, 6)
	f := b.put(t, 100_000, true)
	held, err := b.Index.Shards(t.Context(), f.id(0))
	if err != nil || len(held) != 5 {
		t.Fatal(len(held), err)
	}
	by := map[wallet.Address]*fleettest.Miner{}
	for _, m := range b.Miners {
		by[m.Hotkey()] = m
	}
	by[held[0].Holder].Behave(fleettest.Failing, "ListShards")
	by[held[1].Holder].Behave(fleettest.Reference, "ListShards")
	by[held[2].Holder].Damage(held[2].Replica)
	b.Change(func(g *chain.Metagraph) { // the fourth is not there at all
		for i := range g.Neurons {
			if g.Neurons[i].Hotkey == held[3].Holder {
				g.Neurons[i].Axon = chain.Axon{}
			}
		}
	})
	ix := lost(t)
	r := b.rebuild(t, ix, true)
	if r.Whole() || r.Miners != 5 || r.Failed != 1 || r.Deaf != 1 || r.Listed != 3 || r.Shards.Damaged != 1 || r.Shards.Added != 1 ||
		r.Short != 1 || r.Objects.Incomplete != 1 || len(r.Problems) != 2 {
		t.Fatalf("%+v", r)
	}
	by[held[0].Holder].Behave(fleettest.Honest, "ListShards")
	if r := b.rebuild(t, ix, true); !r.Whole() || r.Complete != 1 || r.Objects.Restored != 1 || r.Shards.Added != 1 || r.Shards.Known != 1 {
		t.Fatalf("%+v", r)
	}
	if err := b.read(t.Context(), ix, f); err != nil {
		t.Error(err)
	}
}

// TestNothingThatIsThereChanges: not even by what both have signed once.
func TestNothingThatIsThereChanges(t *testing.T) {
	b := newBench(t, 5)
	b.put(t, 100_000, true)
	gone, dropped := b.put(t, 100_000, true), b.put(t, 150_000, false)
	if _, err := b.Index.RemoveObject(t.Context(), fleetOwner(gone), gone.manifest.CID); err != nil {
		t.Fatal(err)
	}
	ids, err := b.Index.DropUpload(t.Context(), fleetOwner(dropped), hex.EncodeToString(dropped.manifest.Upload[:]))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range append(ids, gone.id(0)) {
		if ended, err := b.Index.EndSegment(t.Context(), id, 0); !ended || err != nil {
			t.Fatal(ended, err)
		}
	}
	before := state(t, b.Index)
	r := b.rebuild(t, b.Index, false)
	if r.Shards.Dropped != 3*5 || r.Shards.Known != 5 || r.Shards.Added != 0 || !r.Whole() {
		t.Errorf("%+v", r)
	}
	same(t, "what is to be dropped stays so", state(t, b.Index), before)

	// Another segment in the same place, the same one of another scheme, and
	// another shard of a segment at the same miner.
	ix := lost(t)
	b.rebuild(t, ix, false)
	other := lost(t)
	n := 0
	for s, err := range ix.AllSegments(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch n++; n {
		case 1:
			s.Scheme.Total++
		case 2:
			s.ID, s.Root = proof.Sum([]byte(s.ID)).String(), "7"
		default:
			continue
		}
		if err := other.PutSegment(t.Context(), s, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	before = state(t, other)
	r = b.rebuild(t, other, false)
	if r.Shards.Conflicts != 2*5 || r.Shards.Added != 2*5 || r.Whole() {
		t.Errorf("%+v", r)
	}
	for i, was := range before[1].([]string) {
		if now := state(t, other)[1].([]string); len(now) != 4 || !contains(now, was) {
			t.Errorf("segment %d has changed: %v", i, now)
		}
	}
}

func contains(list []string, s string) bool {
	for _, t := range list {
		if t == s {
			return true
		}
	}
	return false
}

func TestExportsThatAreNoneAreRefused(t *testing.T) {
	b := newBench(t, 5)
	f := b.put(t, 100_000, true)
	good := filepath.Join(b.exports, "1.filetao")
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	e, err := manifest.ParseExport(text)
	if err != nil {
		t.Fatal(err)
	}
	forged := e
	forged.Signature = bytes.Clone(e.Signature)
	forged.Signature[5] ^= 1
	b.export(t, "forged.filetao", forged)
	other := f.manifest
	other.Created++
	stranger, err := fleettest.Key(t, "stranger").Sign(other.Text())
	if err != nil {
		t.Fatal(err)
	}
	b.export(t, "signed by another.filetao", manifest.Export{V: e.V, Manifest: other.Encode(), Signature: stranger, Placement: e.Placement})
	owned, err := fleettest.Key(t, "owner").Sign(other.Text())
	if err != nil {
		t.Fatal(err)
	}
	b.export(t, "0 another manifest.filetao", manifest.Export{V: e.V, Manifest: other.Encode(), Signature: owned, Placement: e.Placement})
	for name, text := range map[string][]byte{"nothing.filetao": nil, "cut off.filetao": text[:len(text)-1], "no export": []byte("not read")} {
		if err := os.WriteFile(filepath.Join(b.exports, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(b.exports, "deep", "folder.filetao"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(good, filepath.Join(b.exports, "deep", "1.filetao")); err != nil {
		t.Fatal(err)
	}
	ix := lost(t)
	r := b.rebuild(t, ix, true)
	if r.Objects != (recovery.Objects{Restored: 1, Conflicts: 1, Refused: 4}) || r.Whole() {
		t.Errorf("%+v", r)
	}
	o, err := ix.Object(t.Context(), fleetOwner(f), f.manifest.CID)
	if err != nil || !bytes.Equal(o.Manifest, other.Encode()) {
		t.Errorf("the first has not won: %v", err)
	}
}

// TestItCanBeBrokenOff: what was done stays, and the rest is done the next time.
func TestItCanBeBrokenOff(t *testing.T) {
	b := newBench(t, 5)
	f := b.put(t, 550_000, true)
	ix := lost(t)
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		told := 0
		r, err := recovery.Rebuild(ctx, recovery.Deps{
			Fleet: b.fleetOver(ix, b.Net), Index: ix, Manifests: recovery.Documents(b.exports),
			Progress: func(recovery.Report) {
				if told++; told == 10*n {
					cancel()
				}
			},
		})
		cancel()
		if err == nil {
			if n < 3 || !r.Whole() {
				t.Errorf("after %d times %+v", n, r)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	same(t, "what miners hold", holdings(t, ix), holdings(t, b.Index))
	if err := b.read(t.Context(), ix, f); err != nil {
		t.Error(err)
	}
}

// unlisting is a network whose miners list what a test likes.
type unlisting struct {
	*fleettest.Net
	list func(*wire.ListShards) []wire.ListedShard
}

func (u unlisting) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	x, err := u.Net.Call(ctx, to, msg)
	if m, ok := msg.(*wire.ListShards); ok && err == nil {
		m.Shards, err = wire.EncodeShardList(u.list(m))
	}
	return x, err
}

func TestMinersThatMakeThingsUpAddNothing(t *testing.T) {
	b := newBench(t, 5)
	b.put(t, 100_000, true)
	ix := lost(t)
	r := b.rebuildOver(t, ix, true, unlisting{b.Net, func(*wire.ListShards) []wire.ListedShard {
		list := make([]wire.ListedShard, 50)
		for i := range list {
			list[i] = wire.ListedShard{Pledge: make([]byte, 233), Asked: make([]byte, 64), Receipt: make([]byte, 64), Label: make([]byte, wire.MaxLabel)}
		}
		return list
	}})
	if r.Failed != 5 || r.Shards != (recovery.Shards{Foreign: 5 * 50}) || r.Segments != 0 || len(r.Problems) != 100 || r.Objects.Incomplete != 1 {
		t.Errorf("%+v", r)
	}
	if all := holdings(t, ix); len(all) > 0 {
		t.Errorf("%v", all)
	}
}

// TestOneSegmentCodedTwice: of shards from before it was put again, coded in another
// way, and of those from after it only the ones of one kind are taken.
func TestOneSegmentCodedTwice(t *testing.T) {
	b := newBench(t, 6)
	b.put(t, 100_000, false)
	b.files-- // the same again
	b.putAs(t, 100_000, false, erasure.Scheme{Data: 3, Total: 5}, b.fleetOver(lost(t), b.Net))
	ix := lost(t)
	r := b.rebuild(t, ix, false)
	if r.Segments != 1 || r.Complete != 1 || r.Shards.Added+r.Shards.Conflicts != 5+6 || r.Shards.Added < 5 || r.Shards.Conflicts < 5 {
		t.Errorf("%+v", r)
	}
	for s, err := range ix.AllSegments(t.Context()) {
		held, err2 := ix.Shards(t.Context(), s.ID)
		if err != nil || err2 != nil || len(held) != r.Shards.Added {
			t.Errorf("%d shards of %v, %d were added, %v, %v", len(held), s.Scheme, r.Shards.Added, err, err2)
		}
	}
	before := state(t, ix)
	if again := b.rebuild(t, ix, false); again.Shards.Known != r.Shards.Added || again.Shards.Conflicts != r.Shards.Conflicts {
		t.Errorf("%+v after %+v", again, r)
	}
	same(t, "built twice", state(t, ix), before)
}
