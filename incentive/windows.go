package incentive

import "math"

// Schedule numbers blocks. Numbers come from integer division, so that a block
// nobody saw changes nothing: whoever was down over a border finds the number
// changed when it is back. They begin at 1; 0 is none. A length of 0 is 1.
type Schedule struct {
	// EpochBlocks is how many blocks an epoch has; WindowEpochs how many epochs
	// a window of statistics; PeriodEpochs how many the random data is kept.
	EpochBlocks, WindowEpochs, PeriodEpochs uint64
}

// DefaultSchedule is the network's.
func DefaultSchedule() Schedule {
	return Schedule{EpochBlocks: 360, WindowEpochs: 2, PeriodEpochs: 10}
}

// Epoch is the number of the epoch a block is in.
func (s Schedule) Epoch(block uint64) uint64 { return number(block, times(s.EpochBlocks, 1)) }

// Window is the number of the window a block is in.
func (s Schedule) Window(block uint64) uint64 {
	return number(block, times(s.EpochBlocks, s.WindowEpochs))
}

// Period is the number of the random data's period a block is in.
func (s Schedule) Period(block uint64) uint64 {
	return number(block, times(s.EpochBlocks, s.PeriodEpochs))
}

// WindowEnd is the first block after the window that a block is in.
func (s Schedule) WindowEnd(block uint64) uint64 {
	return times(s.Window(block), times(s.EpochBlocks, s.WindowEpochs))
}

// Turn says which of two numbers of windows or periods counts from now on, and
// whether what was begun under have is over. It is over when now is a later
// one, once, however many lie between. What has no number yet (0) was begun
// since the last step: it takes now's and goes on. An earlier block, after a
// fork or from a node that lags, turns nothing back: have stays.
func Turn(have, now uint64) (number uint64, over bool) {
	return max(have, now), have != 0 && now > have
}

func number(block, length uint64) uint64 { return add(block/length, 1) }

// times is the product, at least 1 and without overflow.
func times(a, b uint64) uint64 {
	a, b = max(a, 1), max(b, 1)
	if a > math.MaxUint64/b {
		return math.MaxUint64
	}
	return a * b
}
