package client

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	// findAtOnce is how many miners are asked at a time which shards they have, and
	// findTimeout how long one may take to say.
	findAtOnce  = 32
	findTimeout = 10 * time.Second
)

// finder asks miners which shards they have of a file's segments: of as many at once
// as one request has room for, and no more miners than it takes. What they name is
// believed if whoever knows the file's secret has vouched for it, so that a miner
// that lies costs nothing but its answer. One goroutine uses it at a time.
type finder struct {
	feed   *minerFeed
	first  int        // the segment that ids and found begin with
	ids    [][32]byte // of those that are asked about now
	found  [][]source // what is known of each
	todo   []wire.Peer
	silent []wire.Peer // who gave no answer,
	mute   error       // why the last of them did not,
	heard  int         // and how many did
}

// more gives what is known of a segment's shards beside the first so many, once that
// is enough or every miner was asked.
func (f *finder) more(ctx context.Context, segment, beside int, enough func([]source) bool) []source {
	if segment < f.first || segment >= f.first+len(f.ids) {
		f.begin(segment)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at := segment - f.first
	done := func() bool { return ctx.Err() != nil || enough(f.found[at][beside:]) }
	var (
		asked sync.WaitGroup
		mu    sync.Mutex // guards the rest, and f
		next  int
		again []wire.Peer // interrupted, since there was enough
	)
	turn := func() (peer wire.Peer, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(f.todo) || done() {
			return peer, false
		}
		next++
		return f.todo[next-1], true
	}
	for range min(findAtOnce, len(f.todo)) {
		asked.Go(func() {
			for peer, ok := turn(); ok; peer, ok = turn() {
				list, err := f.ask(ctx, peer)
				mu.Lock()
				switch {
				case err == nil || wire.StatusOf(err) == wire.StatusNotFound:
					f.take(list)
				case ctx.Err() != nil:
					again = append(again, peer)
				default:
					f.silent, f.mute = append(f.silent, peer), fmt.Errorf("%s: %w", peer.Hotkey, err)
					f.feed.c.log.Info("a miner does not say which shards it has", "miner", peer.Hotkey, "err", err)
				}
				if done() {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	asked.Wait()
	f.todo = append(again, f.todo[next:]...)
	return f.found[at][beside:]
}

// begin is before a segment is asked about, and those that follow it.
func (f *finder) begin(segment int) {
	m := f.feed.m
	f.first, f.ids = segment, nil
	for i := segment; i < min(len(m.Segments), segment+wire.MaxFindTags); i++ {
		f.ids = append(f.ids, m.ID(i))
	}
	f.found, f.todo, f.silent, f.heard = make([][]source, len(f.ids)), f.feed.peers(), nil, 0
	f.mute = nil
}

// retry has those asked again that gave no answer.
func (f *finder) retry() { f.todo, f.silent, f.mute = append(f.todo, f.silent...), nil, nil }

// sighting is a shard of the segment at ids[at].
type sighting struct {
	at int
	source
}

// ask asks one miner.
func (f *finder) ask(ctx context.Context, peer wire.Peer) ([]sighting, error) {
	miner, err := peer.Hotkey.PublicKey()
	if err != nil {
		return nil, err
	}
	m, msg := f.feed.m, &wire.FindShards{Tags: make([]byte, 0, len(f.ids)*wire.TagSize)}
	for _, id := range f.ids {
		tag := m.Secret.Tag(id, miner)
		msg.Tags = append(msg.Tags, tag[:]...)
	}
	if err := f.feed.c.call(wire.WithAnswerLimit(ctx, wire.MaxFoundList+1<<10), peer, msg, findTimeout); err != nil {
		return nil, err
	}
	said, err := wire.ParseFound(msg.Found, len(f.ids))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrongData, err)
	}
	var list []sighting
	for _, s := range said {
		segment := m.Segments[f.first+s.Tag]
		if s.Number >= erasure.MaxTotal || s.Size != segment.Scheme.ShardSize(segment.Size) ||
			s.Voucher != m.Secret.Vouch(f.ids[s.Tag], miner, s.Number, s.Root) {
			f.feed.c.log.Info("a miner names a shard that it was not given", "miner", peer.Hotkey, "segment", f.first+s.Tag)
			continue
		}
		place := manifest.Place{Number: s.Number, Miner: string(peer.Hotkey), Root: erasure.Root(s.Root).String()}
		list = append(list, sighting{s.Tag, source{place, peer}})
	}
	return list, nil
}

// take notes what a miner has said.
func (f *finder) take(list []sighting) {
	f.heard++
	for _, s := range list {
		if !slices.Contains(f.found[s.at], s.source) {
			f.found[s.at] = append(f.found[s.at], s.source)
		}
	}
}

// peers are all miners that are known: those of the metagraph, and those of the
// placement where they are not there or elsewhere; last who has failed.
func (f *minerFeed) peers() (list []wire.Peer) {
	known := map[wallet.Address]netip.AddrPort{}
	if graph := f.c.deps.Metagraph(); graph != nil {
		for _, n := range graph.Neurons {
			if n.Axon.Serving() {
				list = append(list, peerOf(n))
				known[n.Hotkey] = n.Axon.AddrPort()
			}
		}
	}
	for _, places := range f.where.Segments {
		for _, p := range places {
			hotkey, err := wallet.ParseAddress(p.Miner)
			addr, err2 := netip.ParseAddrPort(p.Addr)
			if err != nil || err2 != nil || known[hotkey] == addr {
				continue
			}
			list, known[hotkey] = append(list, wire.Peer{Hotkey: hotkey, Addr: addr}), addr
		}
	}
	slices.SortStableFunc(list, func(a, b wire.Peer) int { return f.failures[a.Hotkey] - f.failures[b.Hotkey] })
	return list
}
