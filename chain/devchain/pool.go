package devchain

import (
	"fmt"
	"sync"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// maxWaiting is how many transactions may wait for the next block,
// maxWaitingBytes how long they may be together.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 32 << 20
)

// pool holds the transactions that wait for a block. Those of one account are
// contiguous in their nonces.
type pool struct {
	mu      sync.Mutex // guards all below
	waiting []*pending
	bytes   int                       // length of the waiting
	next    map[wallet.Address]uint64 // nonce after the last waiting one's
	count   map[wallet.Address]int    // waiting or being put in a block
	closed  bool
}

// pending is a transaction and the one who waits for it.
type pending struct {
	tx   *transaction
	done chan error // buffered; receives once
}

func newPool() *pool {
	return &pool{next: map[wallet.Address]uint64{}, count: map[wallet.Address]int{}}
}

// nonce is the one the account's next transaction needs; kept gives the chain's.
func (p *pool) nonce(a wallet.Address, kept func(wallet.Address) uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nonceLocked(a, kept)
}

func (p *pool) nonceLocked(a wallet.Address, kept func(wallet.Address) uint64) uint64 {
	if n, ok := p.next[a]; ok {
		return n
	}
	return kept(a)
}

// add lets a transaction wait if it is its account's next.
func (p *pool) add(t *transaction, kept func(wallet.Address) uint64) (*pending, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	if len(p.waiting) >= maxWaiting || p.bytes+len(t.body) > maxWaitingBytes {
		return nil, fmt.Errorf("%w: %d transactions wait already", chain.ErrUnavailable, len(p.waiting))
	}
	if want := p.nonceLocked(t.signer, kept); t.nonce != want {
		return nil, fmt.Errorf("%w: %s is at %d, the transaction says %d", chain.ErrNonce, t.signer, want, t.nonce)
	}
	w := &pending{tx: t, done: make(chan error, 1)}
	p.waiting = append(p.waiting, w)
	p.bytes += len(t.body)
	p.next[t.signer] = t.nonce + 1
	p.count[t.signer]++
	return w, nil
}

// take removes all that wait. Each is to be settled.
func (p *pool) take() []*pending {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.waiting
	p.waiting, p.bytes = nil, 0
	return taken
}

// settle tells the waiters of taken transactions how they ended. show makes the
// new state visible, in the same moment as the pool forgets the transactions.
func (p *pool) settle(taken []*pending, errs []error, show func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	show()
	for i, w := range taken {
		if p.count[w.tx.signer]--; p.count[w.tx.signer] == 0 {
			delete(p.count, w.tx.signer)
			delete(p.next, w.tx.signer)
		}
		w.done <- errs[i]
	}
}

// close turns away everybody, now and later.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	taken := p.take()
	errs := make([]error, len(taken))
	for i := range errs {
		errs[i] = fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	p.settle(taken, errs, func() {})
}
