package erasure_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/erasure"
)

func scheme(t *rapid.T) erasure.Scheme {
	data := rapid.OneOf(rapid.IntRange(1, 12), rapid.IntRange(1, erasure.MaxTotal)).Draw(t, "data")
	return erasure.Scheme{Data: data, Total: min(erasure.MaxTotal, data+rapid.OneOf(rapid.IntRange(0, 12), rapid.IntRange(0, 127)).Draw(t, "parity"))}
}

func TestGeometryAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scheme(t)
		size := rapid.OneOf(rapid.Int64Range(1, 5<<20), rapid.Int64Range(1, erasure.MaxSegment)).Draw(t, "size")
		rows := s.Rows(size)
		var data, shard int64
		for row := range rows {
			block, d := s.RowBlock(size, row), s.RowData(size, row)
			if block < 1 || block > erasure.Block || row < rows-1 && block != erasure.Block {
				t.Fatalf("row %d of %d has blocks of %d", row, rows, block)
			}
			// Padding is less than one byte a piece.
			if pad := s.Data*block - d; d < 1 || pad < 0 || pad >= s.Data {
				t.Fatalf("row %d: %d bytes in %d blocks of %d", row, d, s.Data, block)
			}
			if shard != row*erasure.Block || data != row*int64(s.Data)*erasure.Block {
				t.Fatalf("row %d begins at %d of the shard, %d of the segment", row, shard, data)
			}
			shard, data = shard+int64(block), data+int64(d)
		}
		if data != size || shard != s.ShardSize(size) {
			t.Fatalf("rows have %d of %d bytes, %d of a shard's %d", data, size, shard, s.ShardSize(size))
		}
		if s.ShardSize(size) != (size+int64(s.Data)-1)/int64(s.Data) {
			t.Fatal("shards are longer than they need be")
		}
		for _, row := range []int64{-1, rows, rows + 1, 1 << 62} {
			if s.RowBlock(size, row) != 0 || s.RowData(size, row) != 0 {
				t.Fatalf("there is a row %d of %d", row, rows)
			}
		}
	})
}

func TestNoGeometryOutOfBounds(t *testing.T) {
	good := erasure.Scheme{Data: 4, Total: 8}
	for _, c := range []struct {
		s    erasure.Scheme
		size int64
	}{
		{good, 0}, {good, -1}, {good, erasure.MaxSegment + 1}, {good, 1<<63 - 1}, {good, -1 << 63},
		{erasure.Scheme{}, 5}, {erasure.Scheme{Data: -1, Total: 3}, 5}, {erasure.Scheme{Data: 3, Total: 2}, 5},
		{erasure.Scheme{Data: 0, Total: 2}, 5}, {erasure.Scheme{Data: 4, Total: 129}, 5},
	} {
		if c.s.Rows(c.size) != 0 || c.s.ShardSize(c.size) != 0 || c.s.RowBlock(c.size, 0) != 0 || c.s.RowData(c.size, 0) != 0 {
			t.Errorf("%v has %d bytes", c.s, c.size)
		}
	}
	if good.ShardSize(erasure.MaxSegment) != 64<<20 || good.Rows(erasure.MaxSegment) != 1024 {
		t.Error("the largest segment")
	}
}

func TestSchemeCheck(t *testing.T) {
	for s, ok := range map[erasure.Scheme]bool{
		{1, 1}: true, {1, 128}: true, {128, 128}: true, {10, 30}: true,
		{0, 0}: false, {0, 3}: false, {-1, 3}: false, {4, 3}: false, {1, 129}: false, {129, 129}: false,
	} {
		if err := s.Check(); (err == nil) != ok || err != nil && !errors.Is(err, erasure.ErrScheme) {
			t.Errorf("%v: %v", s, err)
		}
		if _, err := erasure.New(s); (err == nil) != ok || err != nil && !errors.Is(err, erasure.ErrScheme) {
			t.Errorf("New(%v): %v", s, err)
		}
	}
	if got := (erasure.Scheme{Data: 4, Total: 8}).String(); got != "4-of-8" {
		t.Error(got)
	}
}

// Every number of miners gets a scheme that fits them, more miners none that
// bears fewer losses; and repair begins before anything is lost.
func TestChoose(t *testing.T) {
	before := erasure.Scheme{}
	for miners := -2; miners <= 1000; miners++ {
		s := erasure.Choose(miners)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		if s.Total > max(miners, 1) || s.Total-s.Data < before.Total-before.Data {
			t.Errorf("%d miners: %v after %v", miners, s, before)
		}
		before = s
	}
	if before != (erasure.Scheme{Data: 10, Total: 30}) {
		t.Error(before)
	}
}

func TestRepairBeginsInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scheme(t)
		at := s.RepairAt()
		switch spare := s.Total - s.Data; {
		case spare == 0 && at != s.Data-1, spare > 0 && (at < s.Data || at >= s.Total), spare > 1 && at == s.Data:
			t.Fatalf("%v: repair at %d", s, at)
		}
	})
	for s, at := range map[erasure.Scheme]int{{10, 30}: 22, {6, 16}: 12, {4, 8}: 7, {1, 3}: 2, {1, 2}: 1, {1, 1}: 0} {
		if s.RepairAt() != at {
			t.Errorf("%v: repair at %d, want %d", s, s.RepairAt(), at)
		}
	}
}
