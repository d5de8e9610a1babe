package substrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/chain"
)

// Client is a connection to a subtensor that comes back when it is lost. It
// implements chain.Chain.
//
// Until the first connection is up, and while one is being replaced, calls wait
// for Config.RequestTimeout and then fail with chain.ErrUnavailable; after Run
// has ended they fail at once. A read that loses its connection is begun again
// on the next one, at that node's newest block; a transaction never is.
type Client struct {
	cfg      Config
	log      *slog.Logger
	heads    *chain.Heads
	library  *library
	accounts *accounts
	ended    chan struct{} // closed when Run has ended
	lag      lag           // Run's own
	traps    sync.Once     // says that get_metagraph fails

	mu      sync.Mutex    // guards all below, and adding to subs
	session *session      // nil while there is none
	changed chan struct{} // closed and replaced with session
	over    bool
	genesis chain.Hash    // Config.Genesis or the first node's; zero before
	why     error         // the last connection's end
	failed  chan struct{} // closed when all endpoints have failed once; then nil
	back    chan struct{} // closed and replaced when the chain goes back
	subs    sync.WaitGroup
}

var _ chain.Chain = (*Client)(nil)

// session is a connection that is up, and its node's view.
type session struct {
	*conn
	genesis  chain.Hash
	runtimes *runtimes
	newest   atomic.Pointer[chain.Block]
}

// New makes a client. It starts nothing: Run does.
func New(cfg Config, deps Deps) (*Client, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		cfg: cfg, log: deps.Log, heads: chain.NewHeads(), library: newLibrary(deps.Log),
		accounts: newAccounts(), ended: make(chan struct{}), changed: make(chan struct{}),
		failed: make(chan struct{}), back: make(chan struct{}), genesis: cfg.Genesis,
	}, nil
}

// Run holds a connection until ctx ends, whose error it returns: to the first
// endpoint, after a loss to the next, with growing pauses once all have failed.
// Call it once.
func (c *Client) Run(ctx context.Context) error {
	defer c.end()
	pause, failed := c.cfg.MinBackoff, 0
	for at := 0; ; at++ {
		endpoint := c.cfg.Endpoints[at%len(c.cfg.Endpoints)]
		start := time.Now()
		worked, err := c.hold(ctx, endpoint)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.lose(endpoint, err)
		if !c.lag.since.IsZero() {
			c.lag.lost++
		}
		if worked && time.Since(start) > pause { // one that breaks at once has failed
			pause, failed = c.cfg.MinBackoff, 0
		}
		if failed++; failed < len(c.cfg.Endpoints) {
			c.log.Warn("chain endpoint lost", "endpoint", endpoint, "err", err)
			continue
		}
		c.log.Warn("chain endpoint lost", "endpoint", endpoint, "err", err, "retry", pause)
		c.allFailed()
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause, failed = min(2*pause, c.cfg.MaxBackoff), 0
	}
}

// end lets nobody wait any longer, and waits for the subscriptions.
func (c *Client) end() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	close(c.ended)
	c.heads.Close()
	c.subs.Wait()
}

// hold keeps one connection until it is lost, and says whether it ever came up.
func (c *Client) hold(ctx context.Context, endpoint string) (worked bool, err error) {
	conn, err := dial(ctx, endpoint, c.cfg)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var mover sync.WaitGroup
	mover.Go(func() { _ = conn.run(ctx) }) // conn.lost says why
	defer mover.Wait()
	defer cancel()
	s := &session{conn: conn, runtimes: newRuntimes(c.library)}
	err = c.follow(ctx, s, endpoint)
	c.mu.Lock()
	worked = c.session == s
	if worked {
		c.publish(nil)
	}
	c.mu.Unlock()
	return worked, err
}

// lose remembers why there is no connection.
func (c *Client) lose(endpoint string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.why = fmt.Errorf("%s: %w", endpoint, err)
}

func (c *Client) allFailed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		close(c.failed)
		c.failed = nil
	}
}

// publish changes the session. The caller holds mu.
func (c *Client) publish(s *session) {
	c.session = s
	close(c.changed)
	c.changed = make(chan struct{})
}

// greet checks that the node is one of our chain and able to serve.
func (c *Client) greet(ctx context.Context, s *session) error {
	var err error
	if s.genesis, err = s.hash(ctx, "chain_getBlockHash", 0); err != nil {
		return err
	}
	syncing, err := c.syncing(ctx, s)
	if err != nil {
		return err
	}
	if syncing && len(c.cfg.Endpoints) > 1 {
		return fmt.Errorf("%w: the node is still syncing", chain.ErrUnavailable)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.genesis == (chain.Hash{}) {
		c.genesis = s.genesis
	}
	if s.genesis != c.genesis {
		return fmt.Errorf("%w: the node is of another chain: %s, not %s", chain.ErrUnavailable, called(s.genesis), called(c.genesis))
	}
	return nil
}

// syncing says whether the node says that it is.
func (c *Client) syncing(ctx context.Context, s *session) (bool, error) {
	var health struct {
		IsSyncing bool `json:"isSyncing"`
	}
	err := s.call(ctx, &health, "system_health")
	var refused *rpcError
	if errors.As(err, &refused) { // not every proxy lets this through
		return false, nil
	}
	return health.IsSyncing, err
}

// ready waits for a connection, other than lost if that is given.
func (c *Client) ready(ctx context.Context, lost *session) (*session, error) {
	timer := time.NewTimer(c.cfg.RequestTimeout)
	defer timer.Stop()
	for {
		c.mu.Lock()
		s, changed, why := c.session, c.changed, c.why
		c.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case s != nil && s != lost:
			return s, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.ended:
			return nil, fmt.Errorf("%w: closed", chain.ErrUnavailable)
		case <-timer.C:
			if why == nil {
				why = errors.New("is Run running?")
			}
			return nil, fmt.Errorf("%w: no connection within %s: %w", chain.ErrUnavailable, c.cfg.RequestTimeout, why)
		case <-changed:
		}
	}
}

// read runs fn with a connection, again on the next one if that gets lost.
func (c *Client) read(ctx context.Context, fn func(context.Context, *session) error) error {
	var lost *session
	for attempt := 0; ; attempt++ {
		s, err := c.ready(ctx, lost)
		if err != nil {
			return err
		}
		if err = fn(ctx, s); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, errLost) || attempt == 2 {
			return err
		}
		lost = s
	}
}

// Head implements chain.Chain. It asks nobody: the node tells of its blocks.
func (c *Client) Head(ctx context.Context) (chain.Block, error) {
	s, err := c.ready(ctx, nil)
	if err != nil {
		return chain.Block{}, err
	}
	return *s.newest.Load(), nil
}

// BlockAt implements chain.Chain.
func (c *Client) BlockAt(ctx context.Context, number uint64) (b chain.Block, err error) {
	err = c.read(ctx, func(ctx context.Context, s *session) error {
		if b, err = c.blockAt(ctx, s, number); err != nil {
			return err
		}
		return c.date(ctx, s, &b)
	})
	return b, err
}

// Subscribe implements chain.Chain. A lost connection leaves the channel open:
// what was missed meanwhile is fetched from the next one. When Run ends, or the
// chain goes back for good, it closes. Every number comes once: when a reorganisation has replaced a block,
// the next one's parent is not the block that came before. Config.Finalized
// spares that.
func (c *Client) Subscribe(ctx context.Context) (<-chan chain.Block, error) {
	c.mu.Lock()
	back := c.back
	c.mu.Unlock()
	head, err := c.Head(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil, fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	out := make(chan chain.Block)
	ctx, cancel := context.WithCancel(ctx)
	c.subs.Go(func() { // ends with the receiver, with Run or with what it counts on
		select {
		case <-ctx.Done():
		case <-back:
			cancel()
		case <-c.ended:
			cancel()
		}
	})
	c.subs.Go(func() {
		defer close(out)
		defer cancel()
		// Its errors are the end of ctx or a block nobody could get: the closed
		// channel says both.
		_ = c.heads.Deliver(ctx, head.Number+1, out, c.patientBlockAt)
	})
	return out, nil
}

// patientBlockAt is BlockAt for a subscription: a chain that is away comes back,
// and so does a block that a reorganisation took.
func (c *Client) patientBlockAt(ctx context.Context, number uint64) (chain.Block, error) {
	for pause := c.cfg.MinBackoff; ; pause = min(2*pause, c.cfg.MaxBackoff) {
		b, err := c.BlockAt(ctx, number)
		gone := errors.Is(err, chain.ErrUnavailable) || errors.Is(err, chain.ErrNoBlock)
		if !gone || ctx.Err() != nil {
			return b, err
		}
		c.log.Warn("a missed block cannot be had yet", "block", number, "err", err, "retry", pause)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return chain.Block{}, ctx.Err()
		case <-timer.C:
		}
	}
}
