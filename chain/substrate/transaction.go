package substrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// maxAttempts is how often a transaction is signed anew because another one of
// the same account, perhaps from another process, took its nonce.
const maxAttempts = 5

// accounts lets each account make one transaction at a time, so that their
// numbers do not race.
type accounts struct {
	mu   sync.Mutex
	busy map[wallet.Address]chan struct{} // each takes one token
}

func newAccounts() *accounts { return &accounts{busy: map[wallet.Address]chan struct{}{}} }

func (a *accounts) lock(ctx context.Context, account wallet.Address) (unlock func(), err error) {
	a.mu.Lock()
	turn, known := a.busy[account]
	if !known {
		turn = make(chan struct{}, 1)
		a.busy[account] = turn
	}
	a.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// transact makes a transaction of the call that form returns, and returns when
// it is in a block and has succeeded. What went wrong before it was sent may be
// tried on another connection, nothing after: then its blocks are searched.
func (c *Client) transact(ctx context.Context, key *wallet.Keypair, form func(context.Context, *view) ([]byte, error)) error {
	unlock, err := c.accounts.lock(ctx, key.Address())
	if err != nil {
		return err
	}
	defer unlock()
	for attempt := 1; ; attempt++ {
		var x transaction
		err := c.read(ctx, func(ctx context.Context, s *session) error {
			v, err := c.newestView(ctx, s)
			if err != nil {
				return err
			}
			call, err := form(ctx, v)
			if err != nil {
				return err
			}
			x, err = v.sign(ctx, key, call)
			return err
		})
		if err != nil {
			return err
		}
		again, err := c.send(ctx, x)
		if !again || attempt == maxAttempts {
			return err
		}
	}
}

// next is the runtime that makes the next block.
func (v *view) next(ctx context.Context) (*runtime, error) {
	return v.s.runtimes.at(ctx, v.s, v.block.Hash)
}

// call encodes a call of SubtensorModule for the next block. ErrUnknown and
// ErrValue of scale are a runtime without such a call or with other arguments.
func (v *view) call(ctx context.Context, name string, args map[string]scale.Value) ([]byte, error) {
	rt, err := v.next(ctx)
	if err != nil {
		return nil, err
	}
	b, err := rt.Call(pallet, name, args)
	if err != nil {
		return nil, fmt.Errorf("runtime %d: %w", rt.Spec, err)
	}
	return b, nil
}

// sign makes a transaction of a call.
func (v *view) sign(ctx context.Context, key *wallet.Keypair, call []byte) (x transaction, err error) {
	rt, err := v.next(ctx)
	if err != nil {
		return x, err
	}
	p := scale.TxParams{
		Tip: uint64(v.client.cfg.Tip), SpecVersion: rt.Spec, TransactionVersion: rt.Transaction, Genesis: v.s.genesis,
	}
	if err := v.s.call(ctx, &p.Nonce, "system_accountNextIndex", key.Address()); err != nil {
		return x, err
	}
	birth, err := v.birth(ctx)
	if err != nil {
		return x, err
	}
	p.Era, p.Checkpoint = scale.MortalEra(v.client.cfg.Mortality, birth.Number), birth.Hash
	raw, err := signed(rt.Metadata, key, call, p)
	return transaction{raw: raw, on: v, rt: rt, birth: birth.Number, death: p.Era.Death(birth.Number)}, err
}

// signed signs a call and puts the transaction together.
func signed(m *scale.Metadata, key *wallet.Keypair, call []byte, p scale.TxParams) ([]byte, error) {
	message, err := m.SigningPayload(call, p)
	if err != nil {
		return nil, fmt.Errorf("transaction: %w", err)
	}
	sig, err := key.Sign(message)
	if err != nil {
		return nil, err
	}
	if len(sig) != 64 {
		return nil, fmt.Errorf("a signature of %d bytes", len(sig))
	}
	raw, err := m.SignedExtrinsic(call, key.PublicKey(), [64]byte(sig), p)
	if err != nil {
		return nil, fmt.Errorf("transaction: %w", err)
	}
	return raw, nil
}

// birth is the block from which on a transaction is valid: the finalised one,
// which no reorganisation takes away, or the newest where finality lags far
// behind.
func (v *view) birth(ctx context.Context) (chain.Block, error) {
	at, period := v.block, v.client.cfg.Mortality
	final, err := v.s.hash(ctx, "chain_getFinalizedHead")
	if err != nil {
		return at, err
	}
	if final != at.Hash {
		var text json.RawMessage
		if err := v.s.call(ctx, &text, "chain_getHeader", final); err != nil {
			return at, err
		}
		h, err := parseHeader(text)
		if err != nil {
			return at, err
		}
		if n := uint64(h.Number); n <= at.Number && at.Number-n <= period/2 {
			at = chain.Block{Number: n, Hash: final}
		}
	}
	if number := scale.MortalEra(period, at.Number).Birth(at.Number); number != at.Number {
		at.Number = number
		at.Hash, err = v.s.hash(ctx, "chain_getBlockHash", number)
	}
	return at, err
}

// status is a pool's news of a transaction: a word on a node ("ready"), an
// object with one key elsewhere ({"ready":null}) or with a value.
type status struct {
	name  string
	block *chain.Hash // of inBlock, retracted, finalityTimeout, finalized
}

func parseStatus(note json.RawMessage) (s status, err error) {
	if len(note) > maxSmall {
		return s, fmt.Errorf("%w: %w: a transaction status of %d bytes", chain.ErrUnavailable, errProtocol, len(note))
	}
	if json.Unmarshal(note, &s.name) == nil && s.name != "" {
		return s, nil
	}
	var object map[string]json.RawMessage
	if err = json.Unmarshal(note, &object); err == nil && len(object) != 1 {
		err = errors.New("not one key")
	}
	if _, unnamed := object[""]; unnamed && err == nil {
		err = errors.New("no name")
	}
	for name, value := range object {
		s.name = name
		switch name {
		case "inBlock", "finalized":
			if err == nil {
				err = json.Unmarshal(value, &s.block)
			}
			if err == nil && s.block == nil {
				err = errors.New("no block")
			}
		}
	}
	if err != nil {
		return status{}, fmt.Errorf("%w: %w: transaction status %.200s: %w", chain.ErrUnavailable, errProtocol, note, err)
	}
	return s, nil
}

// watch follows a transaction that the pool has taken, until inner ends. Its
// errors are chain.ErrInFlight from here on, unless they say what became of it.
func (c *Client) watch(ctx, inner context.Context, sub *subscription, raw []byte) error {
	defer func() { _ = sub.end(inner, "author_unwatchExtrinsic") }() // an old node forgets it by itself
	for {
		note, err := sub.next(inner)
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil && inner.Err() != nil:
			return fmt.Errorf("%w: it is in no block after %s", chain.ErrInFlight, c.cfg.TransactionTimeout)
		case err != nil:
			return fmt.Errorf("%w: %w", chain.ErrInFlight, err)
		}
		s, err := parseStatus(note)
		if err != nil {
			return fmt.Errorf("%w: %w", chain.ErrInFlight, err)
		}
		switch s.name {
		case "inBlock", "finalized":
			if s.name == "finalized" || !c.cfg.Finalized {
				return c.outcome(ctx, *s.block, raw)
			}
		case "usurped":
			return fmt.Errorf("%w: another transaction took its number", chain.ErrNonce)
		case "invalid":
			return fmt.Errorf("%w: no longer valid when its turn came", chain.ErrTransaction)
		case "dropped", "finalityTimeout":
			return fmt.Errorf("%w: the node says %s", chain.ErrInFlight, s.name)
		}
	}
}

// outcome is what became of a transaction in a block.
func (c *Client) outcome(ctx context.Context, hash chain.Hash, raw []byte) error {
	var failure error
	var number uint64
	err := c.read(ctx, func(ctx context.Context, s *session) error {
		var signed *signedBlock
		if err := s.call(ctx, &signed, "chain_getBlock", hash); err != nil {
			return err
		}
		if signed == nil {
			return fmt.Errorf("%w: %s", chain.ErrNoBlock, hash)
		}
		number = uint64(signed.Block.Header.Number)
		v, err := c.viewOf(ctx, s, chain.Block{Number: number, Hash: hash, Parent: signed.Block.Header.Parent})
		if err != nil {
			return err
		}
		events, err := v.events(ctx)
		if err == nil {
			failure, err = v.verdict(events, signed.index(raw))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: it is in block %s, its outcome could not be read: %w", chain.ErrInFlight, hash, err)
	}
	// Whoever made it shall find it in what is read next.
	inner, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	_, _ = c.heads.Wait(inner, number)
	return failure
}

// signedBlock is a block as chain_getBlock answers.
type signedBlock struct {
	Block struct {
		Header     header     `json:"header"`
		Extrinsics extrinsics `json:"extrinsics"`
	} `json:"block"`
}

// index is a transaction's place in the block, -1 if it is not there.
func (b *signedBlock) index(raw []byte) int {
	for i, x := range b.Block.Extrinsics {
		if bytes.Equal(x, raw) {
			return i
		}
	}
	return -1
}

// verdict is how a transaction ended by the events of its block.
func (v *view) verdict(events []scale.Event, index int) (failure, err error) {
	for _, e := range events {
		if index < 0 || e.Phase != scale.Phase(index) || e.Pallet != "System" {
			continue
		}
		switch e.Name {
		case "ExtrinsicSuccess":
			return nil, nil
		case "ExtrinsicFailed":
			reason, err := e.Fields.At(0)
			if err != nil {
				return nil, v.unreadable(err)
			}
			named, err := v.types.DispatchError(reason)
			if err != nil {
				return nil, v.unreadable(err)
			}
			return dispatchRefusal(named), nil
		}
	}
	return nil, v.unreadable(fmt.Errorf("the transaction is not in the block, place %d of its events", index))
}
