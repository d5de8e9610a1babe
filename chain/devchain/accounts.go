package devchain

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// maxAttempts is how often a transaction is signed anew because another one of
// the same account, perhaps from another process, took its nonce.
const maxAttempts = 1000

// accounts makes signed transactions: the half of chain.Chain that Devchain and
// Remote have in common.
type accounts struct {
	genesis chain.Hash
	nonce   func(context.Context, wallet.Address) (uint64, error)
	rules   func(context.Context, chain.NetUID) (chain.Hyperparameters, error)
	// submit returns when the transaction is in a block or refused.
	submit func(ctx context.Context, raw []byte) error
}

func (a *accounts) send(ctx context.Context, key *wallet.Keypair, c call) error {
	var err error
	for range maxAttempts {
		var nonce uint64
		if nonce, err = a.nonce(ctx, key.Address()); err != nil {
			return err
		}
		var raw []byte
		if raw, err = sign(key, a.genesis, nonce, c); err != nil {
			return err
		}
		// Refused for its nonce, it is in no block and never will be.
		if err = a.submit(ctx, raw); !errors.Is(err, chain.ErrNonce) {
			return err
		}
	}
	return err
}

// Register implements chain.Chain.
func (a *accounts) Register(ctx context.Context, coldkey *wallet.Keypair, net chain.NetUID, hotkey wallet.Address, maxBurn chain.Rao) error {
	if maxBurn > 0 { // a price that never changes is asked for once
		h, err := a.rules(ctx, net)
		if err != nil {
			return err
		}
		if h.Burn > maxBurn {
			return fmt.Errorf("%w: %s, allowed are %s", chain.ErrBurn, h.Burn, maxBurn)
		}
	}
	return a.send(ctx, coldkey, register{net, hotkey})
}

// AddStake implements chain.Chain.
func (a *accounts) AddStake(ctx context.Context, coldkey *wallet.Keypair, net chain.NetUID, hotkey wallet.Address, amount chain.Rao) error {
	return a.send(ctx, coldkey, addStake{net, hotkey, amount})
}

// ServeAxon implements chain.Chain.
func (a *accounts) ServeAxon(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, axon chain.Axon) error {
	return a.send(ctx, hotkey, serveAxon{net, axon})
}

// SetWeights implements chain.Chain.
func (a *accounts) SetWeights(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, weights []chain.Weight, versionKey uint64) error {
	return a.send(ctx, hotkey, setWeights{net, weights, versionKey})
}

// CommitWeights implements chain.Chain.
func (a *accounts) CommitWeights(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, commit chain.Hash) error {
	return a.send(ctx, hotkey, commitWeights{net, commit})
}

// RevealWeights implements chain.Chain.
func (a *accounts) RevealWeights(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, weights []chain.Weight, salt []uint16, versionKey uint64) error {
	return a.send(ctx, hotkey, revealWeights{net, weights, salt, versionKey})
}

// Transfer moves balance between coldkeys. It is no part of chain.Chain:
// subnets need it only to fund the keys of a devnet. ErrBalanceTooLow.
func (a *accounts) Transfer(ctx context.Context, from *wallet.Keypair, to wallet.Address, amount chain.Rao) error {
	return a.send(ctx, from, transfer{to, amount})
}
