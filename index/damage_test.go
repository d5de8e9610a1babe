package index

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const upload1 = "00112233445566ff00112233445566ff"

// Damaged values are errors wherever they are met, never a panic, and never
// what somebody else's try is blamed for.
func TestDamagedStore(t *testing.T) {
	kv, err := openPebble("index", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	x, ctx := New(kv), t.Context()
	defer x.Close()
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	damage := func(group, field string) {
		if err := kv.Commit(ctx, group, nil, []Entry{{field, []byte("{")}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, field := range []string{fieldTotal, holdingField(User, "1"), slotField(1), holdingField(User, "2")} {
		for _, hash := range []string{"1", "2"} {
			if err := x.PutHolding(ctx, Holding{Holder: ss58, Hash: hash, Kind: User, Stored: day}); err != nil {
				t.Fatal(err)
			}
		}
		damage(holderGroup(ss58), field)
		if err := x.RemoveHolding(ctx, ss58, "1"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", field, err)
		}
		if err := x.ResetHotkey(ctx, ss58); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", field, err)
		}
		for entry := range kv.Scan(ctx, holderGroup(ss58), "") {
			if err := kv.Commit(ctx, holderGroup(ss58), nil, []Entry{{Field: entry.Field}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	damage(holderGroup(ss58), holdingField(User, "1"))
	damage(holderGroup(ss58), fieldTotal)
	damage(statsGroup(ss58), fieldStats)
	damage(trialsGroup(ss58), fieldLast)
	damage(trialsGroup(ss58), fieldPending)
	damage(trialsGroup(ss58), trialField(1))
	damage(fileGroup(file1), fieldFile)
	damage(fileGroup(file1), fieldOwners)
	damage(fileGroup(file1), ownerField(ss58))
	damage(datumGroup(User, "1"), "file:nonsense")
	damage(segmentGroup("2"), fieldSegment)
	damage(segmentGroup("3"), "holder:nonsense")
	damage(segmentGroup("5"), fieldEnded)
	damage(segmentGroup("4"), objectRef(ss58, file1, "00112233445566ff"))
	damage(uploadGroup(ss58, upload1), fieldTouched)
	damage(uploadGroup(ss58, upload1), partField(0))
	damage(objectsGroup(ss58), objectField(file1))
	damage(holderGroup(ss58), dropField("1"))
	calls := damagedCalls(ctx, x)
	maps.Copy(calls, damagedSegmentCalls(ctx, x))
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func damagedCalls(ctx context.Context, x *Index) map[string]func() error {
	return map[string]func() error{
		"File":       func() error { _, err := x.File(ctx, file1); return err },
		"Owners":     func() error { _, err := x.Owners(ctx, file1); return err },
		"Ownership":  func() error { _, err := x.Ownership(ctx, file1, ss58); return err },
		"PutFile":    func() error { return x.PutFile(ctx, File{CID: file1}, Ownership{Owner: ss58}) },
		"Remove":     func() error { _, err := x.RemoveOwner(ctx, file1, ss58); return err },
		"ChunkFiles": func() error { _, err := x.ChunkFiles(ctx, "1"); return err },
		"Holding":    func() error { _, err := x.Holding(ctx, ss58, "1"); return err },
		"PutHolding": func() error { return x.PutHolding(ctx, Holding{Holder: ss58, Hash: "2", Kind: User}) },
		"SendSeed":   func() error { _, err := x.SendSeed(ctx, ss58, "1", "s", time.Now()); return err },
		"Confirm":    func() error { return x.ConfirmSeed(ctx, ss58, "1", "s", "") },
		"Seeds":      func() error { _, err := x.Seeds(ctx, ss58, "1"); return err },
		"PutAudited": func() error { return x.PutAudited(ctx, Holding{Holder: ss58, Hash: "2", Kind: User}, nil) },
		"Stored":     func() error { _, err := x.StoredBytes(ctx, ss58); return err },
		"Random":     func() error { _, err := x.RandomHolding(ctx, ss58, 1); return err },
		"Stats":      func() error { _, err := x.Stats(ctx, ss58); return err },
		"Update":     func() error { return x.UpdateStats(ctx, ss58, func(*Stats) error { return nil }) },
		"Sweep":      func() error { _, err := x.Sweep(ctx, 0); return err },
		"Audit":      func() error { _, err := x.Audit(ctx, ss58, "1"); return err },
		"PutAudit":   func() error { return x.PutAudit(ctx, ss58, "1", []byte("r")) },
		"PutNative":  func() error { return x.PutNative(ctx, ss58, "1", nil) },
		"Trials":     func() error { _, err := x.Trials(ctx, ss58); return err },
		"Settle":     func() error { return x.Settle(ctx, Trial{Miner: ss58, Hash: "1"}) },
		"Pending":    func() error { _, err := x.Pending(ctx, ss58); return err },
		"PutPending": func() error { return x.PutPending(ctx, Pending{Miner: ss58, Hash: "1", Question: []byte("1")}) },
		"AllPending": func() error {
			for _, err := range x.AllPending(ctx) {
				return err
			}
			return nil
		},
		"Files": func() error {
			for _, err := range x.Files(ctx) {
				return err
			}
			return nil
		},
		"Holdings": func() error {
			for _, err := range x.Holdings(ctx, ss58) {
				return err
			}
			return nil
		},
		"AllStats": func() error {
			for _, err := range x.AllStats(ctx) {
				return err
			}
			return nil
		},
	}
}

func damagedSegmentCalls(ctx context.Context, x *Index) map[string]func() error {
	return map[string]func() error{
		"Segment":    func() error { _, err := x.Segment(ctx, "2"); return err },
		"Shards":     func() error { _, err := x.Shards(ctx, "3"); return err },
		"Objects of": func() error { _, err := x.SegmentObjects(ctx, "4"); return err },
		"EndSegment": func() error { _, err := x.EndSegment(ctx, "4", 0); return err },
		"Life":       func() error { _, err := x.Life(ctx, "5"); return err },
		"Upload":     func() error { _, _, err := x.Upload(ctx, ss58, upload1); return err },
		"DropUpload": func() error { _, err := x.DropUpload(ctx, ss58, upload1); return err },
		"Object":     func() error { _, err := x.Object(ctx, ss58, file1); return err },
		"Page":       func() error { _, err := x.Objects(ctx, ss58, "", 1); return err },
		"Renew":      func() error { return x.RenewObject(ctx, ss58, file1, time.Now(), 0) },
		"End object": func() error { _, err := x.RemoveObject(ctx, ss58, file1); return err },
		"PutObject": func() error {
			_, err := x.PutObject(ctx, Object{Owner: ss58, CID: file1, Manifest: []byte("m"), Signature: make([]byte, SignatureSize)}, nil)
			return err
		},
		"PutShard": func() error {
			return x.PutShard(ctx, Holding{Holder: ss58, Hash: "2", Replica: "3", Kind: KindShard, Native: &Native{}})
		},
		"Drops": func() error {
			for _, err := range x.Drops(ctx, ss58) {
				return err
			}
			return nil
		},
	}
}
