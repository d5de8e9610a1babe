package devchain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// ErrOtherGenesis: the folder holds a chain made under another configuration.
var ErrOtherGenesis = errors.New("folder holds another chain")

// Devchain is the chain in this process. It implements chain.Chain and is safe
// for concurrent use.
type Devchain struct {
	accounts
	cfg   Config
	log   *slog.Logger
	now   func() time.Time
	pool  *pool
	heads *chain.Heads
	state atomic.Pointer[state]

	journal *journal

	step   sync.Mutex // held while a block is made; guards broken
	broken error      // why no block can be made any more

	mu     sync.Mutex // guards closed and adding to subs
	closed bool
	subs   sync.WaitGroup
}

var _ chain.Chain = (*Devchain)(nil)

// Open loads or begins the chain in cfg.Dir. It makes no blocks until Run or
// Step. Close it. ErrOtherGenesis when the folder holds another chain.
func Open(cfg Config, deps Deps) (*Devchain, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Dir == "" {
		return open(cfg, deps, new(memory), snapshotEvery)
	}
	f, err := openFile(cfg.Dir)
	if err != nil {
		return nil, err
	}
	return open(cfg, deps, f, snapshotEvery)
}

// open is Open of a whole configuration on a disk, which it closes if it fails.
func open(cfg Config, deps Deps, on disk, every uint64) (*Devchain, error) {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	d := &Devchain{cfg: cfg, log: deps.Log, now: deps.Now, pool: newPool(), heads: chain.NewHeads()}
	genesis := cfg.genesis(d.now())
	var err error
	if d.journal, err = openJournal(on, every); err != nil {
		return nil, errors.Join(err, on.Close())
	}
	s, err := d.journal.restore(&cfg, genesis)
	if err != nil {
		return nil, errors.Join(err, d.journal.close())
	}
	d.accounts = accounts{genesis: genesis.Head.Hash, nonce: d.nonce, rules: d.Hyperparameters, submit: d.submit}
	d.state.Store(s)
	d.heads.Set(s.Head)
	return d, nil
}

// Run makes a block every BlockTime until ctx ends, whose error it returns, or
// the state cannot be kept any more.
func (d *Devchain) Run(ctx context.Context) error {
	ticker := time.NewTicker(d.cfg.BlockTime)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if _, err := d.Step(ctx); err != nil {
				return err
			}
		}
	}
}

// Step makes one block now, with every transaction that waits. When it returns
// the block is on disk and those who wait for their transactions know. An error
// is final: no more blocks are made.
func (d *Devchain) Step(ctx context.Context) (chain.Block, error) {
	d.step.Lock()
	defer d.step.Unlock()
	if err := errors.Join(ctx.Err(), d.broken); err != nil {
		return chain.Block{}, err
	}
	taken := d.pool.take()
	txs := make([]*transaction, len(taken))
	for i, w := range taken {
		txs[i] = w.tx
	}
	next, rec, errs := d.cfg.advance(d.state.Load(), txs, d.now())
	if d.broken = d.journal.put(rec, next); d.broken != nil {
		for i := range errs {
			errs[i] = fmt.Errorf("%w: %w", chain.ErrInFlight, d.broken)
		}
		d.pool.settle(taken, errs, func() {})
		d.pool.close()
		d.heads.Close()
		return chain.Block{}, d.broken
	}
	d.pool.settle(taken, errs, func() { d.state.Store(next) })
	d.heads.Set(next.Head)
	d.log.Debug("block", "number", next.Head.Number, "hash", next.Head.Hash, "transactions", len(rec.Transactions), "refused", len(taken)-len(rec.Transactions))
	return next.Head, nil
}

// Close ends subscriptions and waiting transactions and closes the state. All
// calls fail with chain.ErrUnavailable from then on.
func (d *Devchain) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.pool.close()
	d.heads.Close()
	d.subs.Wait()
	d.step.Lock()
	defer d.step.Unlock()
	return d.journal.close()
}

func (d *Devchain) kept(a wallet.Address) uint64 { return d.state.Load().Nonces[a] }

// nonce is the one an account's next transaction needs.
func (d *Devchain) nonce(ctx context.Context, a wallet.Address) (uint64, error) {
	return d.pool.nonce(a, d.kept), ctx.Err()
}

// submit takes an encoded transaction and returns when it is in a block or
// refused.
func (d *Devchain) submit(ctx context.Context, raw []byte) error {
	t, err := decode(raw)
	if err != nil {
		return err
	}
	if err := t.verify(d.genesis); err != nil {
		return err
	}
	w, err := d.pool.add(t, d.kept)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-w.done:
		return err
	}
}

// current is the newest state.
func (d *Devchain) current(ctx context.Context) (*state, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	return d.state.Load(), ctx.Err()
}

// Head implements chain.Chain.
func (d *Devchain) Head(ctx context.Context) (chain.Block, error) {
	s, err := d.current(ctx)
	if err != nil {
		return chain.Block{}, err
	}
	return s.Head, nil
}

// BlockAt implements chain.Chain.
func (d *Devchain) BlockAt(ctx context.Context, number uint64) (chain.Block, error) {
	rec, err := d.record(ctx, number)
	return rec.Block, err
}

// record reads a block that is part of the chain already.
func (d *Devchain) record(ctx context.Context, number uint64) (record, error) {
	s, err := d.current(ctx)
	if err != nil {
		return record{}, err
	}
	if number > s.Head.Number {
		return record{}, fmt.Errorf("%w: %d, the newest is %d", chain.ErrNoBlock, number, s.Head.Number)
	}
	return d.journal.block(number)
}

// Subscribe implements chain.Chain.
func (d *Devchain) Subscribe(ctx context.Context) (<-chan chain.Block, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d.closed {
		return nil, fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	head, _ := d.heads.Latest()
	out := make(chan chain.Block)
	d.subs.Go(func() {
		defer close(out)
		// That the channel closes is all a subscriber learns of the end.
		_ = d.heads.Deliver(ctx, head.Number+1, out, d.BlockAt)
	})
	return out, nil
}

// Metagraph implements chain.Chain.
func (d *Devchain) Metagraph(ctx context.Context, net chain.NetUID) (*chain.Metagraph, error) {
	s, err := d.current(ctx)
	if err = errors.Join(err, d.cfg.subnet(net)); err != nil {
		return nil, err
	}
	return s.metagraph(&d.cfg), nil
}

// Hyperparameters implements chain.Chain.
func (d *Devchain) Hyperparameters(ctx context.Context, net chain.NetUID) (chain.Hyperparameters, error) {
	_, err := d.current(ctx)
	if err = errors.Join(err, d.cfg.subnet(net)); err != nil {
		return chain.Hyperparameters{}, err
	}
	return d.cfg.Hyperparameters, nil
}

// Registrations implements chain.Chain.
func (d *Devchain) Registrations(ctx context.Context, net chain.NetUID, block uint64) ([]chain.Registration, error) {
	rec, err := d.record(ctx, block)
	if err = errors.Join(err, d.cfg.subnet(net)); err != nil {
		return nil, err
	}
	return rec.Registrations, nil
}

// Balance implements chain.Chain.
func (d *Devchain) Balance(ctx context.Context, coldkey wallet.Address) (chain.Rao, error) {
	s, err := d.current(ctx)
	if err != nil {
		return 0, err
	}
	return s.Balances[coldkey], nil
}
