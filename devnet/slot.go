package devnet

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/filetao/filetao/node"
)

// ErrRuns says that a miner that is to be started was not stopped.
var ErrRuns = errors.New("it runs")

// slot is a place for a miner, which can be taken away and brought back while the
// network runs.
type slot struct {
	name string
	cfg  node.MinerConfig
	link *Link            // nil: it is reached directly
	next chan *node.Miner // to be run after the one that was stopped

	mu    sync.Mutex // guards what follows
	miner *node.Miner
	end   context.CancelFunc // of the one that runs; nil: none does
	ended chan struct{}      // closed when it has
}

func newSlot(name string, cfg node.MinerConfig, link *Link) (*slot, error) {
	s := &slot{name: name, cfg: cfg, link: link, next: make(chan *node.Miner, 1)}
	if link != nil {
		s.cfg.External = link.Addr()
	}
	m, err := s.build()
	if err != nil {
		return nil, err
	}
	s.miner = m
	s.next <- m
	return s, nil
}

func (s *slot) build() (*node.Miner, error) {
	m, err := node.NewMiner(s.cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if s.link != nil {
		s.link.lead(m.Addr())
	}
	return m, nil
}

// current is the miner that runs, or ran last.
func (s *slot) current() *node.Miner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.miner
}

// run runs one miner after the other until ctx ends or one fails.
func (s *slot) run(ctx context.Context) error {
	for {
		var m *node.Miner
		select {
		case m = <-s.next:
		case <-ctx.Done():
			select {
			case m = <-s.next: // what it has opened is closed by its Run
			default:
				return ctx.Err()
			}
		}
		inner, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		s.mu.Lock()
		s.miner, s.end, s.ended = m, cancel, ended
		s.mu.Unlock()
		err := m.Run(inner)
		cancel()
		s.mu.Lock()
		s.end = nil
		s.mu.Unlock()
		close(ended)
		if err != nil {
			return err
		}
	}
}

// stop takes the miner away and waits until it is gone.
func (s *slot) stop() error {
	s.mu.Lock()
	end, ended := s.end, s.ended
	s.mu.Unlock()
	if end == nil {
		return fmt.Errorf("%s: it does not run", s.name)
	}
	end()
	<-ended
	return nil
}

// start brings it back, on the same data, and waits until it serves.
func (s *slot) start(ctx context.Context) error {
	s.mu.Lock()
	running := s.end != nil
	s.mu.Unlock()
	if running {
		return fmt.Errorf("%s: %w", s.name, ErrRuns)
	}
	m, err := s.build()
	if err != nil {
		return err
	}
	s.next <- m
	if !closedOrDone(ctx, m.Ready()) {
		return errors.Join(fmt.Errorf("%s: it does not come back", s.name), ctx.Err())
	}
	return nil
}

// StopMiner takes a miner off the network; the chain goes on naming its address.
func (d *Devnet) StopMiner(i int) error { return d.miners[i].stop() }

// StartMiner brings back a miner that was stopped, with what it had, and returns
// when it serves.
func (d *Devnet) StartMiner(ctx context.Context, i int) error { return d.miners[i].start(ctx) }

// MinerLink is the way to a miner; nil if it has none (Config.Links).
func (d *Devnet) MinerLink(i int) *Link { return d.miners[i].link }

// GatewayLink is the way to a gateway, from 0 on; nil without Config.GatewayLink.
func (d *Devnet) GatewayLink(i int) *Link { return d.entries[i] }
