package client

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// errSilent is the one kind of ErrNoGateway that waiting may mend.
var errSilent = errors.New("none answers a ping")

// Gateways returns the neurons that would be asked: of those with validator
// trust the ones with the most stake, as many as Config.Share of the subnet but
// at least one, as far as they answer a ping. When none of them does, those
// after them are pinged; neurons with a validator permit but no trust (all of
// them on a young network) come last. The order is by stake, falling.
// Errors: ErrNoGateway, or ctx's.
func (c *Client) Gateways(ctx context.Context) ([]chain.Neuron, error) {
	graph := c.deps.Metagraph()
	if graph == nil {
		return nil, fmt.Errorf("%w: the metagraph has not been read yet", ErrNoGateway)
	}
	ranked := c.ranked(graph)
	if len(ranked) == 0 {
		return nil, fmt.Errorf("%w: no validator of subnet %d serves an axon with at least %v stake", ErrNoGateway, graph.NetUID, c.cfg.MinStake)
	}
	top := max(1, int(math.Ceil(c.cfg.Share*float64(len(graph.Neurons)))))
	for batch := range slices.Chunk(ranked, top) {
		if alive := c.alive(ctx, batch); len(alive) > 0 {
			return alive, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: %w within %v, of %d", ErrNoGateway, errSilent, c.cfg.PingTimeout, len(ranked))
}

// ranked are all neurons that could be gateways: trusted ones first, then by
// stake, then by UID.
func (c *Client) ranked(graph *chain.Metagraph) []chain.Neuron {
	var list []chain.Neuron
	for _, n := range graph.Neurons {
		if n.Axon.Serving() && n.Stake >= c.cfg.MinStake && (n.ValidatorTrust > 0 || n.ValidatorPermit) {
			list = append(list, n)
		}
	}
	trusted := func(n chain.Neuron) int {
		if n.ValidatorTrust > 0 {
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b chain.Neuron) int {
		return cmp.Or(cmp.Compare(trusted(a), trusted(b)), cmp.Compare(b.Stake, a.Stake), cmp.Compare(a.UID, b.UID))
	})
	return list
}

// alive pings all at once and returns those that answer, in the same order.
func (c *Client) alive(ctx context.Context, list []chain.Neuron) []chain.Neuron {
	answered := make([]bool, len(list))
	var pings sync.WaitGroup
	for i, n := range list {
		if answered[i] = c.seen.lately(n); answered[i] {
			continue
		}
		pings.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.cfg.PingTimeout)
			defer cancel()
			_, err := c.deps.Transport.Call(ctx, peerOf(n), &wire.Ping{})
			if answered[i] = err == nil; err != nil {
				c.log.Debug("gateway does not answer", "gateway", n.Hotkey, "err", err)
				return
			}
			c.seen.note(n)
		})
	}
	pings.Wait()
	var alive []chain.Neuron
	for i, n := range list {
		if answered[i] {
			alive = append(alive, n)
		}
	}
	return alive
}

// seenFor is how long a gateway that answered a ping is taken to be there. Small
// files would be pings for a good part otherwise.
const seenFor = 10 * time.Second

// seen is when gateways answered a ping. The zero value is ready.
type seen struct {
	mu sync.Mutex // guards at
	at map[wire.Peer]time.Time
}

func (s *seen) lately(n chain.Neuron) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.at[peerOf(n)]
	return ok && time.Since(at) < seenFor
}

func (s *seen) note(n chain.Neuron) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[wire.Peer]time.Time{}
	}
	s.at[peerOf(n)] = time.Now()
}

// forget has everybody pinged again: a request has failed.
func (s *seen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.at)
}

// route says who is asked: whom the caller names, or whom the client finds.
type route struct {
	hotkeys []wallet.Address
	uids    []chain.UID
}

// peers are the gateways to ask, in this order. Named ones are not pinged.
func (c *Client) peers(ctx context.Context, r route) ([]wire.Peer, error) {
	if len(r.hotkeys) > 0 || len(r.uids) > 0 {
		return c.named(r)
	}
	found, err := c.Gateways(ctx)
	if err != nil {
		return nil, err
	}
	if err := shuffle(c.deps.Rand, found); err != nil {
		return nil, err
	}
	peers := make([]wire.Peer, len(found))
	for i, n := range found {
		peers[i] = peerOf(n)
	}
	return peers, nil
}

func (c *Client) named(r route) ([]wire.Peer, error) {
	graph := c.deps.Metagraph()
	if graph == nil {
		return nil, fmt.Errorf("%w: the metagraph has not been read yet", ErrNoGateway)
	}
	var peers []wire.Peer
	add := func(n chain.Neuron, known bool, name string) error {
		if !known || !n.Axon.Serving() {
			return fmt.Errorf("%w: %s is not on subnet %d or serves no axon", ErrNoGateway, name, graph.NetUID)
		}
		if p := peerOf(n); !slices.Contains(peers, p) {
			peers = append(peers, p)
		}
		return nil
	}
	for _, hotkey := range r.hotkeys {
		n, ok := graph.ByHotkey(hotkey)
		if err := add(n, ok, string(hotkey)); err != nil {
			return nil, err
		}
	}
	for _, uid := range r.uids {
		n, ok := graph.ByUID(uid)
		if err := add(n, ok, fmt.Sprintf("UID %d", uid)); err != nil {
			return nil, err
		}
	}
	return peers, nil
}

func peerOf(n chain.Neuron) wire.Peer {
	return wire.Peer{Hotkey: n.Hotkey, Addr: n.Axon.AddrPort(), Version: n.Axon.Version}
}

func shuffle(random io.Reader, list []chain.Neuron) error {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return fmt.Errorf("randomness: %w", err)
	}
	r := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:16])))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return nil
}
