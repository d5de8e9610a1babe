package validator

import (
	"sync"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/wallet"
)

// board is the ledger of scores, for several goroutines, and since when each UID
// is its hotkey's: one that was registered anew is as much a stranger as another.
type board struct {
	mu      sync.Mutex // guards all below
	ledger  *incentive.Ledger[wallet.Address]
	since   []uint64 // by UID: the block of the registration; 0 is not known
	offered []*Claim // by UID: what the hotkey claims; nil for nothing. Claims are never changed
}

// row is one UID, as it is saved.
type row struct {
	incentive.Row[wallet.Address]
	Since uint64 `json:"registered_at,omitempty"`
	Claim *Claim `json:"claim,omitempty"`
}

func newBoard(rules incentive.Rules) *board {
	return &board{ledger: incentive.NewLedger[wallet.Address](rules)}
}

// settle enters results of a task.
func (b *board) settle(task incentive.Task, batch batch) []incentive.Change {
	results := make([]incentive.Result[wallet.Address], len(batch.results))
	for i, r := range batch.results {
		results[i] = incentive.Result[wallet.Address]{
			UID: int(r.UID), Hotkey: r.Hotkey, OK: r.OK(), Came: r.Came, Elapsed: r.Elapsed, Bytes: r.Bytes, Native: r.Native,
			Datum: r.datum, Silent: r.silent, Late: r.late, Tier: r.tier,
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Settle(task, batch.limit, results, nil)
}

// pinged counts a ping; see incentive.Ledger.
func (b *board) pinged(r result, most int) (c incentive.Change, down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Pinged(int(r.UID), r.Hotkey, r.OK(), most)
}

// possession is a miner's factor; a newcomer's for one without a UID.
func (b *board) possession(n chain.Neuron) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Possession(int(n.UID), n.Hotkey)
}

// tenants are the hotkeys by UID, "" where the present one was registered after
// it had the UID already. b.mu is held.
func (b *board) tenants(neurons []chain.Neuron) []wallet.Address {
	hotkeys := hotkeysOf(neurons)
	for uid, n := range neurons {
		if uid < len(b.since) && b.since[uid] != 0 && b.since[uid] != n.RegisteredAt {
			hotkeys[uid] = ""
		}
	}
	return hotkeys
}

func hotkeysOf(neurons []chain.Neuron) []wallet.Address {
	hotkeys := make([]wallet.Address, len(neurons))
	for uid, n := range neurons {
		hotkeys[uid] = n.Hotkey
	}
	return hotkeys
}

// handover is a UID that changed hands.
type handover struct {
	uid      chain.UID
	old, now wallet.Address // "" for nobody
	score    float64        // the old one's
}

// handovers are the UIDs whose holder in the metagraph is not the board's. A
// board without UIDs is a validator's first look: it has none.
func (b *board) handovers(neurons []chain.Neuron) (all []handover) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, uid := range b.ledger.Lost(b.tenants(neurons)) {
		row, _ := b.ledger.Row(uid)
		h := handover{uid: chain.UID(uid), old: row.Hotkey, score: row.Score}
		if uid < len(neurons) {
			h.now = neurons[uid].Hotkey
		}
		all = append(all, h)
	}
	if known := len(b.since); known > 0 {
		for _, n := range neurons[min(known, len(neurons)):] {
			all = append(all, handover{uid: n.UID, now: n.Hotkey})
		}
	}
	return all
}

// adopt makes the board that of the metagraph's holders: a UID that changed
// hands starts from zero.
func (b *board) adopt(neurons []chain.Neuron) {
	b.mu.Lock()
	defer b.mu.Unlock()
	offered := make([]*Claim, len(neurons))
	for uid, hotkey := range b.tenants(neurons) {
		offered[uid] = b.at(uid, hotkey)
	}
	b.ledger.Adopt(b.tenants(neurons)) // which drops the row of who is registered anew
	b.ledger.Adopt(hotkeysOf(neurons))
	b.offered = offered
	b.since = make([]uint64, len(neurons))
	for uid, n := range neurons {
		b.since[uid] = n.RegisteredAt
	}
}

// all are the scores by UID.
func (b *board) all() []float64 {
	rows := b.save()
	scores := make([]float64, len(rows))
	for uid, r := range rows {
		scores[uid] = r.Score
	}
	return scores
}

// scores are those of the metagraph's holders, 0 where the board knows another.
func (b *board) scores(neurons []chain.Neuron) []float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Scores(b.tenants(neurons))
}

// holder is the hotkey of a UID; "" of none.
func (b *board) holder(uid int) wallet.Address {
	b.mu.Lock()
	defer b.mu.Unlock()
	row, _ := b.ledger.Row(uid)
	return row.Hotkey
}

// claim is a miner's; nil without one.
func (b *board) claim(n chain.Neuron) *Claim {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at(int(n.UID), n.Hotkey)
}

// at is the claim of the hotkey that holds a UID. b.mu is held.
func (b *board) at(uid int, hotkey wallet.Address) *Claim {
	row, known := b.ledger.Row(uid)
	if !known || row.Hotkey != hotkey || hotkey == "" {
		return nil
	}
	return b.offered[uid]
}

// setClaim replaces a miner's claim, if it still holds its UID.
func (b *board) setClaim(n chain.Neuron, c *Claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if row, known := b.ledger.Row(int(n.UID)); known && row.Hotkey == n.Hotkey {
		b.offered[n.UID] = c
	}
}

// save and restore are for checkpoints.
func (b *board) save() []row {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := make([]row, len(b.since))
	for uid, r := range b.ledger.Rows() {
		rows[uid] = row{r, b.since[uid], b.offered[uid]}
	}
	return rows
}

func (b *board) restore(rows []row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ledger := make([]incentive.Row[wallet.Address], len(rows))
	b.since, b.offered = make([]uint64, len(rows)), make([]*Claim, len(rows))
	for uid, r := range rows {
		ledger[uid], b.since[uid], b.offered[uid] = r.Row, r.Since, r.Claim
	}
	b.ledger.Restore(ledger)
}
