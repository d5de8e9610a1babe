package index_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// step is one call that changes an index in one visible step.
type step func(context.Context, *index.Index) error

// script is steps of every kind, with enough bytes between them to make pebble
// rotate its log and flush.
func script() []step {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	file := func(cid uint32, owner uint32) step {
		f := index.File{CID: indextest.CID(cid), Size: 3, Stored: day, Chunks: []index.Chunk{{indextest.Hash(1), 1}, {indextest.Hash(cid), 1}, {indextest.Hash(1), 1}}}
		return func(ctx context.Context, x *index.Index) error {
			return x.PutFile(ctx, f, index.Ownership{Owner: indextest.Address(owner), Stored: day})
		}
	}
	disown := func(cid, owner uint32) step {
		return func(ctx context.Context, x *index.Index) error {
			_, err := x.RemoveOwner(ctx, indextest.CID(cid), indextest.Address(owner))
			return err
		}
	}
	hold := func(holder, datum uint32, kind index.Kind) step {
		h := index.Holding{Holder: indextest.Address(holder), Hash: indextest.Hash(datum), Kind: kind, Size: int64(datum), Stored: day}
		return func(ctx context.Context, x *index.Index) error { return x.PutHolding(ctx, h) }
	}
	audited := func(holder, datum, replica uint32) step {
		h := index.Holding{
			Holder: indextest.Address(holder), Hash: indextest.Hash(datum), Replica: indextest.Hash(datum, replica), Kind: index.User, Size: 1, Stored: day,
		}
		return func(ctx context.Context, x *index.Index) error {
			return x.PutAudited(ctx, h, bytes.Repeat([]byte{byte(replica)}, 8<<10))
		}
	}
	send := func(holder, datum uint32) step {
		return func(ctx context.Context, x *index.Index) error {
			_, err := x.SendSeed(ctx, indextest.Address(holder), indextest.Hash(datum), "next", day)
			return err
		}
	}
	drop := func(holder, datum uint32) step {
		return func(ctx context.Context, x *index.Index) error {
			return x.RemoveHolding(ctx, indextest.Address(holder), indextest.Hash(datum))
		}
	}
	count := func(ctx context.Context, x *index.Index) error {
		return x.UpdateStats(ctx, indextest.Address(1), func(s *index.Stats) error { s.TotalSuccesses++; return nil })
	}
	fill := func(ctx context.Context, x *index.Index) error {
		return x.PutState(ctx, "fill", bytes.Repeat([]byte{7}, 20<<10))
	}
	steps := []step{
		file(1, 1), hold(1, 1, index.User), hold(2, 1, index.User), fill, hold(1, 2, index.Random), file(1, 2), count, fill,
		audited(2, 0, 1), send(2, 0), audited(3, 0, 1), drop(2, 0), send(3, 0), fill, file(2, 1), hold(1, 3, index.User), drop(1, 1), fill, count, disown(1, 1), disown(1, 2), fill, fill, hold(1, 1, index.User),
		file(1, 3), drop(1, 3), fill, drop(1, 1), drop(1, 2), count, fill, disown(2, 1), fill, file(2, 2), count,
	}
	return append(steps, append(trialSteps(day), audited(3, 0, 2), audited(2, 0, 1), drop(3, 0), fill)...)
}

// trialSteps are those about a holding's audits: that of datum 0 at miner 3.
func trialSteps(day time.Time) []step {
	miner, hash := indextest.Address(3), indextest.Hash(0)
	ask := func(tries int) step {
		p := index.Pending{Miner: miner, Hash: hash, Asked: day, Next: day, Tries: tries, Question: []byte(`{"seed":1}`)}
		return func(ctx context.Context, x *index.Index) error { return x.PutPending(ctx, p) }
	}
	settle := func(ctx context.Context, x *index.Index) error {
		return x.Settle(ctx, index.Trial{Miner: miner, Hash: hash, Reason: "right", Dossier: []byte(`"` + strings.Repeat("d", 8<<10) + `"`)})
	}
	native := func(n *index.Native) step {
		return func(ctx context.Context, x *index.Index) error { return x.PutNative(ctx, miner, hash, n) }
	}
	audit := func(ctx context.Context, x *index.Index) error {
		return x.PutAudit(ctx, miner, hash, bytes.Repeat([]byte{9}, 8<<10))
	}
	return []step{
		native(&index.Native{Pledge: []byte("p"), Asked: []byte("a"), Receipt: []byte("r")}), ask(1), ask(2), settle, ask(1), audit, settle, native(nil), ask(1),
		func(ctx context.Context, x *index.Index) error { return x.DropPending(ctx, miner) },
		native(&index.Native{Pledge: []byte("q")}),
	}
}

// dump is all that can be asked of an index after script.
func dump(ctx context.Context, x *index.Index) (string, error) {
	var b strings.Builder
	var errs []error
	note := func(v any, err error) {
		if err != nil && !errors.Is(err, index.ErrNotFound) {
			errs = append(errs, err)
		}
		line, err := json.Marshal(v)
		errs = append(errs, err)
		fmt.Fprintf(&b, "%s\n", line)
	}
	for n := range uint32(4) {
		f, err := x.File(ctx, indextest.CID(n))
		note(f, err)
		owners, err := x.Owners(ctx, indextest.CID(n))
		note(owners, err)
		files, err := x.ChunkFiles(ctx, indextest.Hash(n))
		note(files, err)
		holders, err := x.Holders(ctx, indextest.Hash(n))
		note(holders, err)
		if n == 0 && len(holders) > 0 { // audited: the record is there before the holding
			for _, holder := range holders {
				record, err := x.Audit(ctx, holder, indextest.Hash(n))
				if err != nil {
					errs = append(errs, fmt.Errorf("held without a record: %w", err))
				}
				note(fmt.Sprintf("record %x", sha256.Sum256(record)), nil)
			}
			seeds, err := x.Seeds(ctx, holders[0], indextest.Hash(n))
			note(seeds, err)
		}
		a := indextest.Address(n)
		for h, err := range x.Holdings(ctx, a) {
			note(h, err)
		}
		stored, err := x.StoredBytes(ctx, a)
		note(stored, err)
		stats, err := x.Stats(ctx, a)
		note(stats, err)
		_, err = x.RandomHolding(ctx, a, uint64(n))
		note(err == nil, err)
		trials, err := x.Trials(ctx, a)
		note(trials, err)
		asked, err := x.Pending(ctx, a)
		note(asked, err)
		dumpSegments(ctx, x, n, note)
	}
	return b.String(), errors.Join(errs...)
}

// states are the dumps before each step of a script and after the last.
func states(t *testing.T, script []step) []string {
	x := open(t, "index", index.Options{}.On(vfs.NewMem()))
	all := []string{""}
	all[0], _ = dump(t.Context(), x)
	for i, s := range script {
		if err := s(t.Context(), x); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		after, err := dump(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, after)
	}
	return all
}

// wrapped is errorfs with the logs that are made out of old ones, which errorfs
// itself lets pass. They are so in two calls, since MemFS's one takes a lock twice,
// and hangs for ever when the disk is cloned in between.
type wrapped struct {
	*errorfs.FS
	disk   vfs.FS
	inject errorfs.Injector
}

func wrap(fs vfs.FS, inject errorfs.Injector) vfs.FS {
	return wrapped{errorfs.Wrap(fs, inject), fs, inject}
}

func (w wrapped) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := w.inject.MaybeError(errorfs.Op{Kind: errorfs.OpReuseForWrite, Path: oldname}); err != nil {
		return nil, err
	}
	if err := w.disk.Rename(oldname, newname); err != nil {
		return nil, err
	}
	f, err := w.disk.OpenReadWrite(newname, category)
	if err != nil {
		return nil, err
	}
	return errorfs.WrapFile(f, w.inject), nil
}

func writes(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRename, errorfs.OpReuseForWrite, errorfs.OpFileWrite,
		errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileClose:
		return true
	}
	return false
}

// crash is a disk as a crash left it, some time after the first number of
// steps was done and before the second was, plus one under way.
type crash struct {
	disk       *vfs.MemFS
	least, top int
}

// checkAfter opens what a crash left and compares it with the states that may
// be. What is left of script then still goes.
func checkAfter(t *testing.T, script []step, c crash, all []string) {
	t.Helper()
	x, err := index.Open("index", index.Options{}.On(c.disk))
	if err != nil {
		t.Fatalf("after %d steps: %v", c.least, err)
	}
	got, err := dump(t.Context(), x)
	if err != nil {
		t.Fatalf("after %d steps: %v", c.least, err)
	}
	c.top = min(c.top, len(all)-2)
	if !slices.Contains(all[c.least:c.top+2], got) {
		t.Fatalf("after %d to %d steps:\n%s\nwant\n%s", c.least, c.top, got, all[c.least])
	}
	if _, err := x.Sweep(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if swept, err := dump(t.Context(), x); err != nil || swept != got {
		t.Fatalf("sweeping changed\n%s\nto\n%s\n%v", got, swept, err)
	}
	if n, err := x.Sweep(t.Context(), 0); err != nil || n != 0 {
		t.Fatalf("a second sweep took %d more, %v", n, err)
	}
	held := strings.Count(got, "\n\"record ")
	if n, err := x.AuditRecords(t.Context()); err != nil || n != held {
		t.Fatalf("%d audit records, %d of them held, %v", n, held, err)
	}
	for i, s := range script[c.top+1:] {
		if err := s(t.Context(), x); err != nil && !errors.Is(err, index.ErrNotFound) {
			t.Fatalf("step %d after the crash: %v", i, err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// A crash before any operation on the disk leaves every acknowledged step, and
// the one under way whole or not at all.
func TestCrash(t *testing.T) {
	for name, script := range scripts() {
		t.Run(name, func(t *testing.T) {
			all := states(t, script)
			for at := int64(1); ; at += index.EveryFault {
				crashes := crashAt(t, script, at)
				if len(crashes) == 0 {
					t.Logf("%d operations", at-1)
					return
				}
				for _, c := range crashes {
					checkAfter(t, script, c, all)
				}
			}
		})
	}
}

// crashAt runs script and clones the disk before an operation on it: without
// what was not synced, and with some of it.
func crashAt(t *testing.T, script []step, at int64) (crashes []crash) {
	disk := vfs.NewCrashableMem()
	var ops, done atomic.Int64
	fs := wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !writes(op) || ops.Add(1) != at {
			return nil
		}
		for _, percent := range []int{0, 50} {
			c := crash{least: int(done.Load())}
			c.disk = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(uint64(at), 1))})
			c.top = int(done.Load())
			crashes = append(crashes, c)
		}
		return nil
	}))
	x, err := index.Open("index", index.Options{}.On(fs))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range script {
		if err := s(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		done.Add(1)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return crashes
}

// A disk that refuses a write, or all from one on, makes an error for whoever
// wrote, and nothing worse: no wrong answer, no end of the process, and what
// was acknowledged is there when the store is opened again.
func TestFailingDisk(t *testing.T) {
	for name, script := range scripts() {
		t.Run(name, func(t *testing.T) {
			all := states(t, script)
			for _, lasting := range []bool{false, true} {
				for at, over := int64(0), false; !over; at += index.EveryFault {
					over = failAt(t, script, all, at, lasting)
				}
			}
		})
	}
}

var errDisk = errors.New("no space left on device")

func failAt(t *testing.T, script []step, all []string, at int64, lasting bool) (over bool) {
	disk := vfs.NewCrashableMem()
	var ops atomic.Int64
	fs := wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !writes(op) {
			return nil
		}
		if n := ops.Add(1); n == at+1 || lasting && n > at {
			return errDisk
		}
		return nil
	}))
	x, err := index.Open("index", index.Options{}.On(fs))
	if err != nil {
		if ops.Load() <= at {
			t.Fatal(err)
		}
		checkAfter(t, script, crash{disk, 0, 0}, all)
		return false
	}
	done, failed := 0, error(nil)
	for i, s := range script {
		if failed = s(t.Context(), x); failed != nil {
			if !errors.Is(failed, index.ErrFailed) {
				t.Fatalf("fault %d, step %d: %v", at, i, failed)
			}
			break
		}
		done++
	}
	over = ops.Load() <= at
	if got, err := dump(t.Context(), x); err == nil && got != all[done] && got != all[min(done+1, len(all)-1)] {
		t.Fatalf("fault %d: a wrong answer after %d steps:\n%s\nwant\n%s", at, done, got, all[done])
	}
	if failed != nil && lasting {
		if err := x.PutState(t.Context(), "more", nil); !errors.Is(err, index.ErrFailed) {
			t.Fatalf("fault %d: a later write gives %v", at, err)
		}
	}
	lost := disk.CrashClone(vfs.CrashCloneCfg{})
	kept := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	x.Close() // may fail like everything else, but comes back
	for _, disk := range []*vfs.MemFS{lost, kept, disk} {
		checkAfter(t, script, crash{disk, done, done}, all)
	}
	return over
}

// A flush that fails stops the writes until one succeeds: a disk that was full
// for a while needs no restart as long as the log could be written.
func TestFlushFails(t *testing.T) {
	var full errorfs.Toggle
	full.Injector = errorfs.InjectorFunc(func(op errorfs.Op) error {
		if writes(op) && strings.HasSuffix(op.Path, ".sst") {
			return errDisk
		}
		return nil
	})
	var log bytes.Buffer
	options := index.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}
	x := open(t, "index", options.On(wrap(vfs.NewMem(), &full)))
	write := func() error { return x.PutState(t.Context(), "fill", make([]byte, 20<<10)) }
	full.On()
	var err error
	for range 10_000 {
		if err = write(); err != nil {
			break
		}
	}
	if !errors.Is(err, index.ErrFailed) || !errors.Is(err, errDisk) {
		t.Fatalf("error %v, want %v", err, index.ErrFailed)
	}
	if data, err := x.State(t.Context(), "fill"); err != nil || len(data) != 20<<10 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	full.Off()
	for err != nil && t.Context().Err() == nil {
		err = write()
		runtime.Gosched()
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "flush failed"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, log.String())
	}
}
