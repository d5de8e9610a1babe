package devnet

import (
	"context"
	"sync"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator"
)

// Snapshot is the network at one moment: what the live table shows.
type Snapshot struct {
	Block  uint64  `json:"block"`
	Files  int     `json:"files"`
	Miners []Miner `json:"miners"`
}

// Miner is one miner of a snapshot. Stored bytes and statistics are the sum
// over the validators; the tier is the first validator's.
type Miner struct {
	Name      string      `json:"name"`
	UID       int         `json:"uid"` // -1 before it is registered
	Hotkey    string      `json:"hotkey"`
	Axon      string      `json:"axon"`
	Tier      string      `json:"tier"`
	Stored    int64       `json:"stored_bytes"`
	Challenge index.Tally `json:"challenge"`
	Retrieve  index.Tally `json:"retrieve"`
	Incentive uint16      `json:"incentive"` // of 65535
	Last      *Challenge  `json:"last_challenge"`
}

// Challenge is how a miner's last challenge went.
type Challenge struct {
	Block   uint64  `json:"block"`
	Passed  bool    `json:"passed"`
	Seconds float64 `json:"seconds"`
}

// observer counts challenges and remembers each UID's last one.
type observer struct {
	mu            sync.Mutex // guards all below
	last          map[int]Challenge
	asked, passed uint64
}

func (o *observer) counts() (asked, passed uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked, o.passed
}

func (o *observer) observe(e validator.Event) {
	if e.Task != validator.TaskChallenge {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, uid := range e.UIDs {
		o.asked++
		if e.Successful[i] {
			o.passed++
		}
		o.last[int(uid)] = Challenge{Block: e.Block, Passed: e.Successful[i], Seconds: e.CompletionTimes[i]}
	}
}

func (o *observer) of(uid int) *Challenge {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, ok := o.last[uid]; ok {
		return &c
	}
	return nil
}

// Snapshot looks at the network now. Before Ready it names no miners.
func (d *Devnet) Snapshot(ctx context.Context) (Snapshot, error) {
	head, err := d.dev.Head(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{Block: head.Number}
	select {
	case <-d.ready:
	default:
		return s, nil
	}
	m, err := d.dev.Metagraph(ctx, NetUID)
	if err != nil {
		return s, err
	}
	known := map[string]node.MinerRow{}
	for _, ix := range d.indexes {
		if err := addRows(ctx, ix, known); err != nil {
			return s, err
		}
		for _, err := range ix.Files(ctx) {
			if err != nil {
				return s, err
			}
			s.Files++
		}
		for _, err := range ix.AllObjects(ctx) {
			if err != nil {
				return s, err
			}
			s.Files++
		}
	}
	for i, slot := range d.miners {
		n := slot.current()
		hotkey := n.Hotkey()
		row := known[string(hotkey)]
		view := Miner{
			Name: minerName(i), UID: -1, Hotkey: string(hotkey), Axon: n.Addr().String(), Tier: row.Tier,
			Stored: row.Stored, Challenge: row.Challenge, Retrieve: row.Retrieve,
		}
		if neuron, ok := m.ByHotkey(hotkey); ok {
			view.UID, view.Incentive = int(neuron.UID), neuron.Incentive
			view.Last = d.seen.of(view.UID)
		}
		s.Miners = append(s.Miners, view)
	}
	return s, nil
}

func addRows(ctx context.Context, ix *index.Index, known map[string]node.MinerRow) error {
	rows, err := node.MinerRows(ctx, ix)
	if err != nil {
		return err
	}
	for _, r := range rows {
		k, ok := known[string(r.Hotkey)]
		if !ok {
			known[string(r.Hotkey)] = r
			continue
		}
		k.Stored += r.Stored
		for _, t := range []struct{ to, by *index.Tally }{{&k.Challenge, &r.Challenge}, {&k.Retrieve, &r.Retrieve}} {
			t.to.Attempts += t.by.Attempts
			t.to.Successes += t.by.Successes
		}
		known[string(r.Hotkey)] = k
	}
	return nil
}
