package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// moving is a file whose shards have moved since it was exported.
type moving struct {
	t        *testing.T
	n        *network
	c        *client.Client
	data     []byte
	o        *object
	e        manifest.Export // from before
	old, now []*shardMiner
}

// moved stores a file with miners of its own, exports it, and has others hold it: as
// many again, in the metagraph behind those and some that have nothing.
func moved(t *testing.T, plain bool) *moving {
	t.Helper()
	n, all := streaming(t, 1)
	m := &moving{t: t, n: n, c: n.user(t, client.Config{Tries: 2}), data: text(1<<20 + 333)}
	stored := putFile(t, m.c, m.data, client.PutFileOptions{Plain: plain})
	m.o = all[0].objects[stored.CID]
	for i := range 3 * testScheme.Total {
		switch miner := m.join(i); i / testScheme.Total {
		case 0:
			m.old = append(m.old, miner)
		case 2:
			m.now = append(m.now, miner)
		}
	}
	spread(t, m.o, m.old)
	e, err := m.c.Export(t.Context(), stored.CID, client.AskOptions{})
	check(t, err)
	m.e = e
	spread(t, m.o, m.now)
	all[0].stop()
	return m
}

// join has a further miner be in the metagraph.
func (m *moving) join(i int) *shardMiner {
	miner := newMiner(m.t, i)
	addr, err := netip.ParseAddrPort(miner.addr)
	check(m.t, err)
	m.n.graph.Neurons = append(m.n.graph.Neurons, chain.Neuron{
		UID: chain.UID(len(m.n.graph.Neurons)), Hotkey: miner.key.Address(), Axon: chain.Axon{Block: 1, IP: addr.Addr(), Port: addr.Port()},
	})
	return miner
}

// lose has miners have nothing any more, and not know either where it is.
func lose(miners []*shardMiner) {
	for _, m := range miners {
		m.shards, m.tags = nil, nil
	}
}

func (m *moving) recover(o client.GetFileOptions) ([]byte, error) {
	o.Keys = keys()
	var out bytes.Buffer
	_, err := m.c.Recover(m.t.Context(), m.e, &out, o)
	return out.Bytes(), err
}

func (m *moving) same(name string) {
	m.t.Helper()
	if got, err := m.recover(client.GetFileOptions{Plain: true}); err != nil || !bytes.Equal(got, m.data) {
		m.t.Fatalf("%s: %d bytes of %d, %v", name, len(got), len(m.data), err)
	}
}

// TestRecoverFindsWhatHasMoved: wherever the export's shards went, and with one that
// names nobody; a miner is asked once for a file of some segments.
func TestRecoverFindsWhatHasMoved(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprint(plain), func(t *testing.T) {
			m := moved(t, plain)
			m.same("nothing has moved yet")
			for _, miner := range append(m.old, m.now...) {
				if miner.told.Load() != 0 {
					t.Error("a miner was asked what it has, and there was no need")
				}
			}
			lose(m.old[:1])
			m.same("one has lost its shards")
			lose(m.old)
			m.same("all have moved")
			m.old[0].stop()
			m.same("and one is gone")
			for _, miner := range m.now {
				miner.told.Store(0)
			}
			m.e.Placement = manifest.Placement{}
			m.same("nobody is named")
			for i, miner := range m.now {
				if n := miner.told.Load(); n > 1 {
					t.Errorf("miner %d was asked %d times", i, n)
				}
			}
			m.e.Placement.Segments = make([][]manifest.Place, len(m.o.m.Segments))
			r := client.Range{Offset: int64(len(m.data) / 3), Length: int64(len(m.data) / 2)}
			if got, err := m.recover(client.GetFileOptions{Range: &r, Plain: plain}); err != nil || !bytes.Equal(got, m.data[r.Offset:r.Offset+r.Length]) {
				t.Fatalf("a range: %d bytes, %v", len(got), err)
			}
			if got, err := m.c.RecoverFile(t.Context(), m.e, filepath.Join(t.TempDir(), "f"), client.GetFileOptions{Keys: keys(), Plain: plain}); err != nil || got.Size != int64(len(m.data)) {
				t.Fatal(got, err)
			}
			lose(m.now[1:])
			got, err := m.recover(client.GetFileOptions{Plain: plain})
			if !errors.Is(err, client.ErrLost) || bytes.Equal(got, m.data) || !strings.Contains(err.Error(), "have no others") {
				t.Errorf("too few are left: %d bytes, %v", len(got), err)
			}
		})
	}
}

// TestWhatAMinerMakesUpIsNotBelieved: roots that nobody vouched for, another's,
// sizes that cannot be, shards that it does not have, answers that are none. With as
// many honest ones as the file needs it comes back.
func TestWhatAMinerMakesUpIsNotBelieved(t *testing.T) {
	m := moved(t, false)
	lose(m.old)
	junk := bytes.Repeat([]byte{7}, int(testScheme.ShardSize(m.o.m.Segments[0].Size)))
	h := erasure.NewHasher()
	_, _ = h.Write(junk)
	root := h.Root()
	var others []wire.FoundShard
	for _, s := range m.now[3].tags {
		others = append(others, s)
	}
	lies := func(n int, change func(i int, s *wire.FoundShard)) func([]wire.FoundShard) []wire.FoundShard {
		return m.lies(n, wire.FoundShard{Root: root, Size: int64(len(junk))}, change)
	}
	for name, telling := range map[string]func([]wire.FoundShard) []wire.FoundShard{
		"made up":   lies(wire.MaxFound, func(int, *wire.FoundShard) {}),
		"too large": lies(1, func(_ int, s *wire.FoundShard) { s.Size = 1 << 50 }),
		"no number": lies(1, func(_ int, s *wire.FoundShard) { s.Number = 255 }),
		"another's": lies(1, func(_ int, s *wire.FoundShard) { tag := s.Tag; *s = others[0]; s.Tag = tag }),
		"nothing":   func([]wire.FoundShard) []wire.FoundShard { return nil },
		"other root": func(list []wire.FoundShard) []wire.FoundShard {
			return changed(list, func(s *wire.FoundShard) { s.Root[0] ^= 1 })
		},
		"renumbered": func(list []wire.FoundShard) []wire.FoundShard {
			return changed(list, func(s *wire.FoundShard) { s.Number ^= 1 })
		},
		"many times": func(list []wire.FoundShard) (more []wire.FoundShard) {
			for _, s := range list {
				for range wire.MaxFound {
					more = append(more, s)
				}
			}
			return more
		},
		"no list": func(list []wire.FoundShard) []wire.FoundShard {
			return changed(list, func(s *wire.FoundShard) { s.Size = 0 })
		},
	} {
		for _, liar := range []*shardMiner{m.now[0], m.now[2], m.old[1]} {
			liar.telling = telling
			liar.shards = map[string][]byte{root.String(): junk}
		}
		m.now[0].shards = nil // it names shards, and does not have them
		asked := m.now[0].asked
		m.same(name)
		if n := m.now[0].asked - asked; n > len(m.o.m.Segments) {
			t.Errorf("%s: a liar was asked for %d shards of %d segments", name, n, len(m.o.m.Segments))
		}
	}
}

// lies are that many shards of every segment.
func (m *moving) lies(n int, what wire.FoundShard, change func(i int, s *wire.FoundShard)) func([]wire.FoundShard) []wire.FoundShard {
	return func(list []wire.FoundShard) (lies []wire.FoundShard) {
		for tag := range m.o.m.Segments {
			for i := range n {
				s := what
				s.Tag, s.Number = tag, i
				if len(list) > 0 {
					s.Voucher = list[0].Voucher
				}
				change(i, &s)
				lies = append(lies, s)
			}
		}
		return lies
	}
}

func changed(list []wire.FoundShard, change func(*wire.FoundShard)) []wire.FoundShard {
	list = append([]wire.FoundShard{}, list...)
	for i := range list {
		change(&list[i])
	}
	return list
}

// TestAPlacementThatIsWrongIsNotFollowed: what it names is there and checks out, and
// is nothing of the file.
func TestAPlacementThatIsWrongIsNotFollowed(t *testing.T) {
	for _, plain := range []bool{false, true} {
		m := moved(t, plain)
		for i, places := range m.e.Placement.Segments {
			junk := bytes.Repeat([]byte{byte(i)}, int(testScheme.ShardSize(m.o.m.Segments[i].Size)))
			h := erasure.NewHasher()
			_, _ = h.Write(junk)
			for j, miner := range m.old {
				miner.shards[h.Root().String()] = junk
				places[j] = manifest.Place{Number: j, Miner: string(miner.key.Address()), Root: h.Root().String(), Addr: miner.addr}
			}
		}
		m.same("a wrong placement")
	}
}

// TestWhoHasFailedIsAskedAgain where nobody else has the shard.
func TestWhoHasFailedIsAskedAgain(t *testing.T) {
	m := moved(t, false)
	lose(m.old)
	lose([]*shardMiner{m.now[0], m.now[2]})
	failed := 0
	m.now[1].giving = func(out wire.Body) wire.Body {
		if failed++; failed == 1 {
			out.Reader = &cutting{out.Reader, 10_000}
		}
		return out
	}
	m.same("it has broken off once")
	if failed < 2 {
		t.Error("it has not been asked again")
	}
}

// TestRecoverEndsWhereNobodyIsKnown.
func TestRecoverEndsWhereNobodyIsKnown(t *testing.T) {
	m := moved(t, false)
	m.n.graph.Neurons, m.e.Placement = nil, manifest.Placement{}
	began := time.Now()
	if _, err := m.recover(client.GetFileOptions{}); !errors.Is(err, client.ErrLost) || time.Since(began) > time.Minute {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}
