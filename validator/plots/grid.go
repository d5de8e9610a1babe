package plots

import (
	"math"
	"slices"
)

// grid is one kind of numbers by UID and stretch of blocks.
type grid struct {
	first  uint64 // block of the first column
	width  uint64 // blocks of a column
	low    int    // lowest UID
	values [][]cell
	// values[column][uid-low]
}

// grid is what was gathered of a kind; nil values if that is nothing. Scores of
// UIDs that are not known are none.
func (d *Data) grid(k kind) grid {
	shown := func(uid int) bool { return k != scores || d.known[uid] }
	g := grid{first: d.first >> d.shift << d.shift, width: 1 << d.shift, low: maxUIDs}
	high := -1
	for _, c := range d.columns {
		for uid, v := range c.cells[k] {
			if v.n > 0 && shown(uid) {
				g.low, high = min(g.low, uid), max(high, uid)
			}
		}
	}
	if high < 0 {
		return grid{}
	}
	for at := d.first >> d.shift; at <= d.last>>d.shift; at++ {
		row := make([]cell, high+1-g.low)
		if c := d.columns[at]; c != nil && len(c.cells[k]) > g.low {
			copy(row, c.cells[k][g.low:])
		}
		for i := range row {
			if !shown(g.low + i) {
				row[i] = cell{}
			}
		}
		g.values = append(g.values, row)
	}
	return g
}

// held has each number hold until the next one: a score stays as it is while
// nothing happens.
func (g grid) held() grid {
	for n := 1; n < len(g.values); n++ {
		for row, v := range g.values[n] {
			if v.n == 0 {
				g.values[n][row] = g.values[n-1][row]
			}
		}
	}
	return g
}

// uids is how many rows there are, with or without numbers.
func (g grid) uids() int { return len(g.values[0]) }

// asked are the UIDs that have numbers.
func (g grid) asked() (uids []int) {
	for row := range g.uids() {
		if slices.ContainsFunc(g.values, func(column []cell) bool { return column[row].n > 0 }) {
			uids = append(uids, g.low+row)
		}
	}
	return uids
}

// coarser has columns of twice as many blocks.
func (g grid) coarser() grid {
	by := grid{first: g.first / (2 * g.width) * (2 * g.width), width: 2 * g.width, low: g.low}
	at := g.first
	for _, column := range g.values {
		if n := int((at - by.first) / by.width); n == len(by.values) {
			by.values = append(by.values, slices.Clone(column))
		} else {
			for row, v := range column {
				by.values[n][row].sum += v.sum
				by.values[n][row].n += v.n
			}
		}
		at += g.width
	}
	return by
}

// atMost has at most so many columns.
func (g grid) atMost(columns int) grid {
	for len(g.values) > columns {
		g = g.coarser()
	}
	return g
}

// Enough columns to see a course, and enough of their cells with a number in
// them.
const (
	fewColumns = 48
	filled     = 0.85
)

// legible has columns wide enough that most cells have a number, where a UID's
// turn comes now and then only.
func (g grid) legible() grid {
	rows := len(g.asked())
	for len(g.values) > fewColumns {
		n := 0
		for _, column := range g.values {
			for _, v := range column {
				if v.n > 0 {
					n++
				}
			}
		}
		if float64(n) >= filled*float64(rows*len(g.values)) {
			break
		}
		g = g.coarser()
	}
	return g
}

// mean is a cell's number; NaN of none.
func (c cell) mean() float64 {
	if c.n == 0 {
		return math.NaN()
	}
	return c.sum / float64(c.n)
}

// bounds are the lowest and the highest mean.
func (g grid) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, column := range g.values {
		for _, v := range column {
			if v.n > 0 {
				low, high = min(low, v.mean()), max(high, v.mean())
			}
		}
	}
	return low, high
}

// end is the block behind the last column.
func (g grid) end() uint64 { return g.first + uint64(len(g.values))*g.width }
