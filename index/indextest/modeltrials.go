package indextest

import (
	"errors"
	"slices"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// place is a holding's.
type place struct {
	holder wallet.Address
	hash   string
}

// putAudited is putHolding with an audit record, or without.
func (m *model) putAudited(rt *rapid.T) {
	h := m.drawHolding(rt)
	var record string
	if h.Size > 0 {
		record = rapid.StringN(1, 5, -1).Draw(rt, "record")
	}
	ok(rt, m.x.PutAudited(m.ctx, h, []byte(record)))
	m.hold(h)
	if delete(m.records, place{h.Holder, h.Hash}); record != "" {
		m.records[place{h.Holder, h.Hash}] = record
	}
}

func (m *model) putAudit(rt *rapid.T) {
	holder, hash, record := m.address(rt), m.hash(rt), rapid.StringN(1, 5, -1).Draw(rt, "record")
	err := m.x.PutAudit(m.ctx, holder, hash, []byte(record))
	if h, known := m.held[holder][hash]; !known {
		fails(rt, err, index.ErrNotFound)
	} else if h.Size == 0 {
		fails(rt, err, index.ErrInvalid)
	} else {
		ok(rt, err)
		m.records[place{holder, hash}] = record
	}
}

func (m *model) putNative(rt *rapid.T) {
	holder, hash := m.address(rt), m.hash(rt)
	var n *index.Native
	if rapid.Bool().Draw(rt, "native") {
		n = &index.Native{Pledge: []byte(rapid.StringN(1, 5, -1).Draw(rt, "pledge")), Asked: []byte("a"), Receipt: []byte("r")}
	}
	err := m.x.PutNative(m.ctx, holder, hash, n)
	if h, known := m.held[holder][hash]; known {
		ok(rt, err)
		h.Native = n
		m.held[holder][hash] = h
	} else {
		fails(rt, err, index.ErrNotFound)
	}
}

func (m *model) putPending(rt *rapid.T) {
	p := pending(0, 0)
	p.Miner, p.Hash, p.Tries = m.address(rt), m.hash(rt), rapid.IntRange(0, 3).Draw(rt, "tries")
	err := m.x.PutPending(m.ctx, p)
	if old, known := m.pending[p.Miner]; known && old.Hash != p.Hash {
		fails(rt, err, index.ErrConflict)
		return
	}
	ok(rt, err)
	m.pending[p.Miner] = p
}

func (m *model) dropPending(rt *rapid.T) {
	a := m.address(rt)
	ok(rt, m.x.DropPending(m.ctx, a))
	delete(m.pending, a)
}

func (m *model) settle(rt *rapid.T) {
	for range rapid.SampledFrom([]int{1, 1, 1, 20}).Draw(rt, "times") {
		next := trial(0, 0)
		next.Miner, next.Hash, next.Passed = m.address(rt), m.hash(rt), rapid.Bool().Draw(rt, "passed")
		ok(rt, m.x.Settle(m.ctx, next))
		next.ID = 1
		// The same again is the same; with its question pending it is another one.
		if all := m.trials[next.Miner]; len(all) > 0 && all[0].Hash == next.Hash && m.pending[next.Miner].Hash != next.Hash {
			continue
		}
		if all := m.trials[next.Miner]; len(all) > 0 {
			next.ID = all[0].ID + 1
		}
		m.trials[next.Miner] = slices.Insert(m.trials[next.Miner], 0, next)
		if m.pending[next.Miner].Hash == next.Hash {
			delete(m.pending, next.Miner)
		}
	}
}

// checkMiner compares what is known of a miner beside its holdings.
func (m *model) checkMiner(rt *rapid.T, a wallet.Address) {
	trials, err := m.x.Trials(m.ctx, a)
	ok(rt, err)
	want := m.trials[a]
	equal(rt, len(trials), min(len(want), index.MaxTrials))
	for i := range trials {
		same(rt, trials[i], want[i])
	}
	p, err := m.x.Pending(m.ctx, a)
	if want, known := m.pending[a]; known {
		ok(rt, err)
		same(rt, p, want)
	} else {
		fails(rt, err, index.ErrNotFound)
	}
	for i := range uint32(4) {
		hash := Hash(m.round, i)
		record, err := m.x.Audit(m.ctx, a, hash)
		want, known := m.records[place{a, hash}]
		if known != (err == nil) || err != nil && !errors.Is(err, index.ErrNotFound) || want != string(record) {
			rt.Fatalf("audit record %q, %v, want %q", record, err, want)
		}
	}
}
