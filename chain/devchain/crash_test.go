package devchain

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/filetao/filetao/chain"
)

// Blocks with and without a snapshot are crashed.
const (
	crashBlocks = 11
	crashEvery  = 4
)

var errDisk = errors.New("disk failure")

// frailDisk is a disk that fails at one operation, or from there on. It knows
// what was flushed and what was only written.
type frailDisk struct {
	memory
	flushed []byte
	op      int // operations so far
	failAt  int
	lasting bool
	// torn is how much of a failing write happens: 0 nothing, 1 half, 2 all.
	torn int
}

func (d *frailDisk) fails() bool {
	d.op++
	return d.op-1 == d.failAt || d.lasting && d.op-1 > d.failAt
}

func (d *frailDisk) WriteAt(p []byte, at int64) (int, error) {
	if !d.fails() {
		return d.memory.WriteAt(p, at)
	}
	n := len(p) * d.torn / 2
	if _, err := d.memory.WriteAt(p[:n], at); err != nil {
		return 0, err
	}
	return n, errDisk
}

func (d *frailDisk) Truncate(size int64) error {
	if !d.fails() || d.torn == 2 {
		return d.memory.Truncate(size)
	}
	return errDisk
}

func (d *frailDisk) Sync() error {
	failed := d.fails()
	if !failed || d.torn == 2 {
		d.flushed = slices.Clone(d.data)
	}
	if failed {
		return errDisk
	}
	return nil
}

// acknowledged is what a chain told its users.
type acknowledged struct {
	blocks []chain.Block
	paid   chain.Rao // transferred to //Bob
}

func crashConfig(t *testing.T) Config {
	cfg, err := testConfig().withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// live opens a chain and makes blocks, with a transfer of 1 rao in every third,
// until it fails.
func live(t *testing.T, on disk) (*acknowledged, error) {
	ack := &acknowledged{}
	alice := key(t, "//Alice")
	d, err := open(crashConfig(t), Deps{}, on, crashEvery)
	if err != nil {
		return ack, err
	}
	defer d.Close()
	for i := range crashBlocks {
		result := make(chan error, 1)
		result <- nil
		if i%3 == 0 {
			raw, err := sign(alice, d.genesis, uint64(i/3), transfer{bob, 1})
			if err != nil {
				return ack, err
			}
			result = pend(t, d, raw)
		}
		b, err := d.Step(t.Context())
		if err = errors.Join(err, <-result); err != nil {
			return ack, err
		}
		ack.blocks = append(ack.blocks, b)
		if i%3 == 0 {
			ack.paid++
		}
	}
	return ack, nil
}

// pend puts a transaction into the pool.
func pend(t *testing.T, d *Devchain, raw []byte) chan error {
	t.Helper()
	tx, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.pool.add(tx, d.kept)
	if err != nil {
		t.Fatal(err)
	}
	return w.done
}

// recover opens what a crash left and checks that everything acknowledged is
// there, at most one block more, and that the chain goes on.
func (a *acknowledged) recover(t *testing.T, image []byte) {
	t.Helper()
	d, err := open(crashConfig(t), Deps{}, &memory{data: slices.Clone(image)}, crashEvery)
	if err != nil {
		t.Fatalf("after %d blocks: %v", len(a.blocks), err)
	}
	defer d.Close()
	head, err := d.Head(t.Context())
	if n := uint64(len(a.blocks)); err != nil || head.Number != n && head.Number != n+1 {
		t.Fatalf("%d blocks were acknowledged, %d are there (%v)", n, head.Number, err)
	}
	for _, want := range a.blocks {
		if got, err := d.BlockAt(t.Context(), want.Number); err != nil || got != want {
			t.Fatalf("block %d is %+v, %v, was %+v", want.Number, got, err, want)
		}
	}
	got, err := d.Balance(t.Context(), bob)
	if err != nil || got != a.paid && got != a.paid+1 {
		t.Fatalf("%d rao were acknowledged, %d are there (%v)", a.paid, got, err)
	}
	next, err := d.Step(t.Context())
	if err != nil || next.Number != head.Number+1 || next.Parent != head.Hash {
		t.Fatalf("after %+v came %+v, %v", head, next, err)
	}
}

// TestEveryWriteFails lets each write and flush fail, wholly, half or after all,
// once or from then on. The chain has to say so, promise nothing more, and be
// whole after the next start whether the power stayed on or not.
func TestEveryWriteFails(t *testing.T) {
	failures := 0
	for at := 0; ; at++ {
		reached := false
		for variant := range 6 {
			d := &frailDisk{failAt: at, torn: variant % 3, lasting: variant >= 3}
			ack, err := live(t, d)
			if reached = d.op > at; reached {
				failures++
			}
			if reached != errors.Is(err, errDisk) {
				t.Fatalf("operation %d of %d, variant %d: %v", at, d.op, variant, err)
			}
			ack.recover(t, d.data)
			ack.recover(t, d.flushed)
		}
		if !reached {
			break
		}
	}
	if failures < 6*2*crashBlocks {
		t.Errorf("only %d failures were made", failures)
	}
}

// TestRepairFails is the same for the writes of a start after a crash.
func TestRepairFails(t *testing.T) {
	before := &frailDisk{failAt: 1 << 30}
	ack, err := live(t, before)
	if err != nil {
		t.Fatal(err)
	}
	torn := append(slices.Clone(before.data), before.data[:70]...)
	for at := 0; at < 3; at++ {
		for variant := range 3 {
			d := &frailDisk{failAt: at, torn: variant, flushed: torn}
			d.data = slices.Clone(torn)
			chain, err := open(crashConfig(t), Deps{}, d, crashEvery)
			if !errors.Is(err, errDisk) && !(at == 0 && variant == 2) {
				t.Fatalf("operation %d, variant %d: opened, %v", at, variant, err)
			}
			if err == nil {
				chain.Close()
			}
			ack.recover(t, d.data)
			ack.recover(t, d.flushed)
		}
	}
}

// TestCutAnywhere opens a real file cut at every single byte.
func TestCutAnywhere(t *testing.T) {
	cfg := crashConfig(t)
	cfg.Dir = t.TempDir()
	f, err := openFile(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := live(t, f)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Dir, journalName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(&memory{data: slices.Clone(whole)}, crashEvery)
	if err != nil || len(j.blocks) != crashBlocks+1 {
		t.Fatal(err)
	}
	for cut := range whole {
		blocks := 0
		for i := range j.blocks[1:] {
			end := j.end
			if i+2 < len(j.blocks) {
				end = j.blocks[i+2]
			}
			// A state frame follows some blocks; the block is whole without it.
			if frame, err := readFrame(io.NewSectionReader(&memory{data: whole}, j.blocks[i+1], end)); err == nil {
				end = j.blocks[i+1] + frameHeader + int64(len(frame))
			}
			if int64(cut) >= end {
				blocks++
			}
		}
		upTo := &acknowledged{blocks: ack.blocks[:blocks], paid: chain.Rao(blocks+2) / 3}
		upTo.recover(t, whole[:cut])
	}
	if err := os.WriteFile(path, whole[:len(whole)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	d := openTest(t, cfg)
	if head, err := d.Head(t.Context()); err != nil || head != ack.blocks[crashBlocks-2] {
		t.Errorf("the cut file ends at %+v, %v", head, err)
	}
}

// TestDamageIsNotCutOff: a flipped bit before the last write is an error, not a
// reason to forget what came after it.
func TestDamageIsNotCutOff(t *testing.T) {
	d := &frailDisk{failAt: 1 << 30}
	if _, err := live(t, d); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(&memory{data: slices.Clone(d.data)}, crashEvery)
	if err != nil {
		t.Fatal(err)
	}
	last := int(j.blocks[crashBlocks])
	for at := range last {
		image := slices.Clone(d.data)
		image[at] ^= 0x10
		c, err := open(crashConfig(t), Deps{}, &memory{data: image}, crashEvery)
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Fatal(fmt.Errorf("byte %d of %d flipped: %w", at, len(image), err))
		}
	}
}
