package indextest

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// model is what an index should say, in maps.
type model struct {
	x      *index.Index
	ctx    context.Context
	round  uint32 // keeps the rounds' names apart in one store
	files  map[string]index.File
	owners map[string]map[wallet.Address]index.Ownership
	held   map[wallet.Address]map[string]index.Holding
	stats  map[wallet.Address]uint64

	records map[place]string // audit records
	trials  map[wallet.Address][]index.Trial
	pending map[wallet.Address]index.Pending
}

// testModel does random things to an index and to a model of it.
func testModel(t *testing.T, s Store) {
	x, round := s.Open(t), uint32(0)
	rapid.Check(t, func(rt *rapid.T) {
		round++
		m := &model{
			x: x, ctx: t.Context(), round: round, files: map[string]index.File{}, owners: map[string]map[wallet.Address]index.Ownership{},
			held: map[wallet.Address]map[string]index.Holding{}, stats: map[wallet.Address]uint64{},
			records: map[place]string{}, trials: map[wallet.Address][]index.Trial{}, pending: map[wallet.Address]index.Pending{},
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put file":       m.putFile,
			"remove owner":   m.removeOwner,
			"put holding":    m.putHolding,
			"put audited":    m.putAudited,
			"put audit":      m.putAudit,
			"put native":     m.putNative,
			"put pending":    m.putPending,
			"drop pending":   m.dropPending,
			"settle":         m.settle,
			"remove holding": m.removeHolding,
			"set seed":       m.setSeed,
			"update stats":   m.updateStats,
			"reset":          m.reset,
			"":               m.check,
		})
	})
	swept, err := x.Sweep(t.Context(), 0)
	ok(t, err)
	equal(t, swept, 0)
}

func (m *model) name(rt *rapid.T, what string, n uint32) []uint32 {
	return []uint32{m.round, rapid.Uint32Range(0, n-1).Draw(rt, what)}
}

func (m *model) address(rt *rapid.T) wallet.Address { return Address(m.name(rt, "address", 3)...) }
func (m *model) cid(rt *rapid.T) string             { return CID(m.name(rt, "file", 2)...) }
func (m *model) hash(rt *rapid.T) string            { return Hash(m.name(rt, "datum", 4)...) }

// size is a hash's own: equal data has one length, often 0.
func size(hash string) int64 { return int64(hash[len(hash)-1]-'0') * int64(hash[len(hash)-2]-'0') }

func (m *model) putFile(rt *rapid.T) {
	f := index.File{CID: m.cid(rt), Stored: day, Payload: rapid.StringN(0, 5, -1).Draw(rt, "payload")}
	for range rapid.IntRange(0, 4).Draw(rt, "chunks") {
		hash := m.hash(rt)
		f.Chunks = append(f.Chunks, index.Chunk{Hash: hash, Size: size(hash)})
		f.Size += size(hash)
	}
	o := index.Ownership{Owner: m.address(rt), Stored: day, Payload: rapid.StringN(0, 5, -1).Draw(rt, "user payload")}
	ok(rt, m.x.PutFile(m.ctx, f, o))
	if _, known := m.files[f.CID]; !known {
		m.files[f.CID], m.owners[f.CID] = f, map[wallet.Address]index.Ownership{}
	}
	m.owners[f.CID][o.Owner] = o
}

func (m *model) removeOwner(rt *rapid.T) {
	cid, owner := m.cid(rt), m.address(rt)
	gone, err := m.x.RemoveOwner(m.ctx, cid, owner)
	if _, known := m.owners[cid][owner]; !known {
		fails(rt, err, index.ErrNotFound)
		return
	}
	ok(rt, err)
	delete(m.owners[cid], owner)
	equal(rt, gone != nil, len(m.owners[cid]) == 0)
	if gone != nil {
		sameFile(rt, *gone, m.files[cid])
		delete(m.files, cid)
	}
}

func (m *model) drawHolding(rt *rapid.T) index.Holding {
	h := index.Holding{Holder: m.address(rt), Hash: m.hash(rt), Kind: index.User, Stored: day, Seed: rapid.StringN(0, 3, -1).Draw(rt, "seed")}
	if h.Size = size(h.Hash); h.Size%2 == 1 {
		h.Kind = index.Random
	}
	if rapid.Bool().Draw(rt, "masked") {
		h.Replica = Hash(m.round, 9)
	}
	return h
}

func (m *model) putHolding(rt *rapid.T) {
	h := m.drawHolding(rt)
	ok(rt, m.x.PutHolding(m.ctx, h))
	if m.held[h.Holder][h.Hash].Replica != h.Replica {
		delete(m.records, place{h.Holder, h.Hash})
	}
	m.hold(h)
}

// hold has the holding h in the place of the one before.
func (m *model) hold(h index.Holding) {
	if m.held[h.Holder] == nil {
		m.held[h.Holder] = map[string]index.Holding{}
	}
	if old := m.held[h.Holder][h.Hash]; old.Replica == h.Replica {
		h.Native = old.Native
	}
	m.held[h.Holder][h.Hash] = h
}

func (m *model) removeHolding(rt *rapid.T) {
	holder, hash := m.address(rt), m.hash(rt)
	ok(rt, m.x.RemoveHolding(m.ctx, holder, hash))
	delete(m.held[holder], hash)
	delete(m.records, place{holder, hash})
}

func (m *model) setSeed(rt *rapid.T) {
	holder, hash := m.address(rt), m.hash(rt)
	if h, known := m.held[holder][hash]; known {
		moveSeed(rt, m.ctx, m.x, holder, hash, "new")
		h.Seed = "new"
		m.held[holder][hash] = h
	} else {
		fails(rt, m.x.ConfirmSeed(m.ctx, holder, hash, "new", ""), index.ErrNotFound)
	}
}

func (m *model) updateStats(rt *rapid.T) {
	a := m.address(rt)
	ok(rt, m.x.UpdateStats(m.ctx, a, func(s *index.Stats) error { s.TotalSuccesses++; return nil }))
	m.stats[a]++
}

func (m *model) reset(rt *rapid.T) {
	a := m.address(rt)
	ok(rt, m.x.ResetHotkey(m.ctx, a))
	delete(m.held, a)
	delete(m.stats, a)
	delete(m.trials, a)
	delete(m.pending, a)
	maps.DeleteFunc(m.records, func(p place, _ string) bool { return p.holder == a })
}

// check compares everything that can be asked.
func (m *model) check(rt *rapid.T) {
	ctx := m.ctx
	for i := range uint32(2) {
		cid := CID(m.round, i)
		f, err := m.x.File(ctx, cid)
		owners, _ := m.x.Owners(ctx, cid)
		equal(rt, len(owners), len(m.owners[cid]))
		for _, o := range owners {
			equal(rt, o, m.owners[cid][o.Owner])
		}
		if want, known := m.files[cid]; known {
			ok(rt, err)
			sameFile(rt, f, want)
		} else if !errors.Is(err, index.ErrNotFound) {
			rt.Fatal(err)
		}
	}
	for i := range uint32(3) {
		a := Address(m.round, i)
		if got := holdings(rt, ctx, m.x, a); !maps.EqualFunc(got, m.held[a], func(a, b index.Holding) bool { return reflect.DeepEqual(a, b) }) {
			rt.Fatalf("got %v, want %v", got, m.held[a])
		}
		s, err := m.x.Stats(ctx, a)
		ok(rt, err)
		equal(rt, s.TotalSuccesses, m.stats[a])
		m.checkMiner(rt, a)
	}
	for i := range uint32(4) {
		m.checkDatum(rt, Hash(m.round, i))
	}
}

func (m *model) checkDatum(rt *rapid.T, hash string) {
	files, err := m.x.ChunkFiles(m.ctx, hash)
	ok(rt, err)
	for cid, f := range m.files {
		in := slices.ContainsFunc(f.Chunks, func(c index.Chunk) bool { return c.Hash == hash })
		equal(rt, slices.Contains(files, cid), in)
	}
	holders, err := m.x.Holders(m.ctx, hash)
	ok(rt, err)
	n := 0
	for _, held := range m.held {
		if _, has := held[hash]; has {
			n++
		}
	}
	equal(rt, len(holders), n)
}
