package incentive_test

import (
	"math"
	"testing"
	"time"

	"github.com/filetao/filetao/incentive"
)

func TestWindowsByNumber(t *testing.T) {
	s := incentive.DefaultSchedule()
	for _, c := range []struct{ block, epoch, window, period, end uint64 }{
		{0, 1, 1, 1, 720}, {359, 1, 1, 1, 720}, {360, 2, 1, 1, 720}, {719, 2, 1, 1, 720}, {720, 3, 2, 1, 1440},
		{3599, 10, 5, 1, 3600}, {3600, 11, 6, 2, 4320},
	} {
		if s.Epoch(c.block) != c.epoch || s.Window(c.block) != c.window || s.Period(c.block) != c.period || s.WindowEnd(c.block) != c.end {
			t.Errorf("block %d: epoch %d, window %d to %d, period %d", c.block,
				s.Epoch(c.block), s.Window(c.block), s.WindowEnd(c.block), s.Period(c.block))
		}
	}
}

func TestTurn(t *testing.T) {
	for _, c := range []struct {
		name              string
		have, now, number uint64
		over              bool
	}{
		{"newcomer", 0, 7, 7, false}, {"same", 7, 7, 7, false}, {"next", 7, 8, 8, true},
		{"several missed", 7, 70, 70, true}, {"earlier block", 7, 6, 7, false}, {"nothing yet", 0, 0, 0, false},
	} {
		if n, over := incentive.Turn(c.have, c.now); n != c.number || over != c.over {
			t.Errorf("%s: %d, %v", c.name, n, over)
		}
	}
}

func FuzzWindowsAscend(f *testing.F) {
	f.Add(uint64(719), uint64(360), uint64(2), uint64(10))
	f.Add(uint64(math.MaxUint64), uint64(0), uint64(0), uint64(math.MaxUint64))
	f.Add(uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(1))
	f.Fuzz(func(t *testing.T, block, epoch, window, period uint64) {
		s := incentive.Schedule{EpochBlocks: epoch, WindowEpochs: window, PeriodEpochs: period}
		next := block + min(1, math.MaxUint64-block)
		for _, of := range []func(uint64) uint64{s.Epoch, s.Window, s.Period} {
			a, b := of(block), of(next)
			if n, over := incentive.Turn(a, b); a == 0 || b < a || b-a > 1 || n != b || over != (b > a) {
				t.Fatalf("numbers %d, then %d", a, b)
			}
		}
		if end := s.WindowEnd(block); end < math.MaxUint64 && (end <= block || s.Window(end) != s.Window(block)+1 || s.Window(end-1) != s.Window(block)) {
			t.Fatalf("window %d of block %d ends at %d", s.Window(block), block, end)
		}
	})
}

func TestClimb(t *testing.T) {
	hours, ok := incentive.ClimbHours(1000, 0.034, 12*time.Second, 1)
	if !ok || math.Round(hours) != 98 {
		t.Errorf("the specification's example takes %v hours", hours)
	}
	if two, ok := incentive.ClimbHours(1000, 0.034, 12*time.Second, 2); !ok || two != hours/2 {
		t.Errorf("with two validators %v hours", two)
	}
	if none, ok := incentive.ClimbHours(0, 0.034, 12*time.Second, 1); !ok || none != 0 {
		t.Errorf("nothing takes %v hours", none)
	}
	p := incentive.AskedPerRound(192, incentive.Sample{Miners: 15}, incentive.Sample{Miners: 10}, incentive.Sample{Miners: 10, Every: 5})
	if math.Abs(p-27./192) > 1e-12 {
		t.Errorf("asked %v times a step", p)
	}
	if p := incentive.AskedPerRound(6, incentive.Sample{Miners: 15}); p != 1 {
		t.Errorf("all of 6 are asked %v times", p)
	}
	for _, c := range []struct {
		p          float64
		round      time.Duration
		validators int
	}{
		{0, time.Second, 1}, {-1, time.Second, 1}, {math.NaN(), time.Second, 1}, {1e-300, time.Hour, 1},
		{1, 0, 1}, {1, time.Second, 0},
	} {
		if hours, ok := incentive.ClimbHours(math.MaxUint64, c.p, c.round, c.validators); ok && (math.IsInf(hours, 0) || c.p != 1e-300) {
			t.Errorf("%+v takes %v hours", c, hours)
		}
	}
}
