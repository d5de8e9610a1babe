// Package plots draws a validator's events: rewards and completion times per
// task and UID over blocks, moving averages, tiers. Data gathers lines of an
// event log in bounded memory; Figures are pictures of what it gathered, the
// same bytes for the same events. It judges nothing and reads no files. Enter
// at NewData.
package plots

import (
	"math"

	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
)

// maxColumns is how many stretches of blocks are told apart. Once there are more,
// every two become one: a stretch has 1, 2, 4, … blocks.
const maxColumns = 512

// maxUIDs is how many UIDs are looked at, from 0 on.
const maxUIDs = 1024

// maxValue is above anything a chart is about.
const maxValue = 1e9

// tasks are those that have charts of their own.
var tasks = [...]validator.Task{validator.TaskStore, validator.TaskChallenge, validator.TaskRetrieve, validator.TaskMonitor}

// kind is one number per UID: kinds 0 … len(tasks)-1 are the tasks' rewards,
// the next ones their completion times.
type kind int

const (
	rewards kind = 0
	times   kind = kind(len(tasks))
	scores  kind = 2 * kind(len(tasks))
	kinds        = scores + 1
)

// cell is the sum of n numbers.
type cell struct {
	sum float64
	n   int
}

// column is a stretch of blocks.
type column struct {
	cells [kinds][]cell // by UID
	tiers []uint8       // by UID, the last that were seen; nil: none were
}

// Data is what the charts show. It is not safe for concurrent use.
type Data struct {
	shift       uint // a column has 1<<shift blocks
	columns     map[uint64]*column
	first, last uint64 // blocks
	events      int
	tierNames   []string // those seen; number 0 is none
	beyond      bool     // there were UIDs that are not looked at
	// By UID: it was asked something, or has a score. The others are no miners, or
	// were never available; their score is 0 like that of one that fails.
	known [maxUIDs]bool
}

// NewData has seen nothing yet.
func NewData() *Data {
	return &Data{columns: map[uint64]*column{}, first: math.MaxUint64, tierNames: []string{""}}
}

// Events is how many events were added.
func (d *Data) Events() int { return d.events }

// Blocks are the first and the last block of all events, if there are any.
func (d *Data) Blocks() (first, last uint64) { return d.first, d.last }

// ColumnBlocks is how many blocks a mean is over at least.
func (d *Data) ColumnBlocks() uint64 { return 1 << d.shift }

// Beyond says that there were UIDs above those that are drawn.
func (d *Data) Beyond() bool { return d.beyond }

// Add takes one more event. Order matters for tiers only.
func (d *Data) Add(l events.Line) {
	d.events++
	d.first, d.last = min(d.first, l.Block), max(d.last, l.Block)
	for d.last>>d.shift-d.first>>d.shift >= maxColumns {
		d.halve()
	}
	c := d.columns[l.Block>>d.shift]
	if c == nil {
		c = &column{}
		d.columns[l.Block>>d.shift] = c
	}
	for uid, score := range l.Scores {
		d.put(c, scores, uid, score)
		if uid < maxUIDs && score != 0 {
			d.known[uid] = true
		}
	}
	for i, task := range tasks {
		if task == l.Task {
			d.addTask(c, kind(i), l)
		}
	}
	if l.Tiers != nil {
		c.tiers = d.tiersOf(l.Tiers)
	}
}

// addTask takes a task's rewards, and the times of what succeeded: a failure's is
// the time until it was given up.
func (d *Data) addTask(c *column, task kind, l events.Line) {
	for i, uid := range l.UIDs {
		if int(uid) < maxUIDs {
			d.known[uid] = true
		}
		if i < len(l.Rewards) {
			d.put(c, rewards+task, int(uid), l.Rewards[i])
		}
		if i < len(l.CompletionTimes) && i < len(l.Successful) && l.Successful[i] {
			d.put(c, times+task, int(uid), l.CompletionTimes[i])
		}
	}
}

func (d *Data) put(c *column, k kind, uid int, value float64) {
	if uid >= maxUIDs {
		d.beyond = true
		return
	}
	if math.Abs(value) > maxValue {
		return
	}
	if uid >= len(c.cells[k]) {
		c.cells[k] = append(c.cells[k], make([]cell, uid+1-len(c.cells[k]))...)
	}
	c.cells[k][uid].sum += value
	c.cells[k][uid].n++
}

func (d *Data) tiersOf(names []string) []uint8 {
	d.beyond = d.beyond || len(names) > maxUIDs
	tiers := make([]uint8, min(len(names), maxUIDs))
	for uid := range tiers {
		tiers[uid] = d.tier(names[uid])
	}
	return tiers
}

// tier is a tier's number; 0, as if there were none, once there are too many.
func (d *Data) tier(name string) uint8 {
	for i, known := range d.tierNames {
		if known == name {
			return uint8(i)
		}
	}
	if len(d.tierNames) >= len(tierColours) {
		return 0
	}
	d.tierNames = append(d.tierNames, name)
	return uint8(len(d.tierNames) - 1)
}

// halve makes one column of every two.
func (d *Data) halve() {
	d.shift++
	merged := make(map[uint64]*column, len(d.columns)/2+1)
	for at, c := range d.columns {
		to := merged[at>>1]
		if to == nil {
			merged[at>>1] = c
			continue
		}
		if at&1 == 0 { // c is the earlier one
			to, c = c, to
			merged[at>>1] = to
		}
		to.merge(c)
	}
	d.columns = merged
}

// merge takes in the column behind it.
func (c *column) merge(later *column) {
	for k := range c.cells {
		if len(c.cells[k]) < len(later.cells[k]) {
			c.cells[k] = append(c.cells[k], make([]cell, len(later.cells[k])-len(c.cells[k]))...)
		}
		for uid, add := range later.cells[k] {
			c.cells[k][uid].sum += add.sum
			c.cells[k][uid].n += add.n
		}
	}
	if later.tiers != nil {
		c.tiers = later.tiers
	}
}
