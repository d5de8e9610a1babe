package validator

import (
	"slices"
	"sync"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/wallet"
)

// board has each UID's score and failures in a row, for the hotkey that holds
// it. What is said of another hotkey is ignored: it lost the UID meanwhile.
type board struct {
	alpha float64

	mu   sync.Mutex // guards rows
	rows []row      // index = UID
}

// row is one UID.
type row struct {
	Hotkey   wallet.Address `json:"hotkey"`
	Score    float64        `json:"score"`
	Failures int            `json:"failures"` // pings in a row
}

func newBoard(alpha float64) *board { return &board{alpha: alpha} }

// reward moves a score towards a reward.
func (b *board) reward(uid chain.UID, hotkey wallet.Address, reward float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.row(uid, hotkey); r != nil {
		r.Score = incentive.MovingAverage(r.Score, reward, b.alpha)
	}
}

// pinged counts a ping. It is true when the miner has failed more than most
// times in a row, which begins the count anew.
func (b *board) pinged(uid chain.UID, hotkey wallet.Address, ok bool, most int) (down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.row(uid, hotkey)
	if r == nil {
		return false
	}
	if r.Failures++; ok || r.Failures > most {
		r.Failures = 0
		return !ok
	}
	return false
}

func (b *board) row(uid chain.UID, hotkey wallet.Address) *row {
	if int(uid) >= len(b.rows) || b.rows[uid].Hotkey != hotkey {
		return nil
	}
	return &b.rows[uid]
}

// lost are those whose UID is another's in the metagraph, or nobody's.
func (b *board) lost(neurons []chain.Neuron) (lost []Loss) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for uid, r := range b.rows {
		if uid >= len(neurons) || neurons[uid].Hotkey != r.Hotkey {
			lost = append(lost, Loss{UID: chain.UID(uid), Hotkey: r.Hotkey, Replaced: true})
		}
	}
	return lost
}

// adopt makes the board that of the metagraph's hotkeys: a UID that changed
// hands starts from zero.
func (b *board) adopt(neurons []chain.Neuron) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := make([]row, len(neurons))
	for uid, n := range neurons {
		rows[uid].Hotkey = n.Hotkey
		if uid < len(b.rows) && b.rows[uid].Hotkey == n.Hotkey {
			rows[uid] = b.rows[uid]
		}
	}
	b.rows = rows
}

// all are the scores by UID.
func (b *board) all() []float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	scores := make([]float64, len(b.rows))
	for i, r := range b.rows {
		scores[i] = r.Score
	}
	return scores
}

// holder is the hotkey of a UID; "" of none.
func (b *board) holder(uid int) wallet.Address {
	b.mu.Lock()
	defer b.mu.Unlock()
	if uid >= len(b.rows) {
		return ""
	}
	return b.rows[uid].Hotkey
}

// save and restore are for checkpoints.
func (b *board) save() []row {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.rows)
}

func (b *board) restore(rows []row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = rows
}
