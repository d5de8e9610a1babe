package substrate

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

type arguments = map[string]scale.Value

// Register implements chain.Chain. Runtimes with register_limit hold the price
// against the limit themselves; with others it is checked right before signing,
// and may still rise until the transaction is in a block.
func (c *Client) Register(ctx context.Context, coldkey *wallet.Keypair, net chain.NetUID, hotkey wallet.Address, maxBurn chain.Rao) error {
	key, err := account(hotkey)
	if err != nil {
		return err
	}
	return c.transact(ctx, coldkey, func(ctx context.Context, v *view) ([]byte, error) {
		if err := v.exists(ctx, net); err != nil {
			return nil, err
		}
		args := arguments{"netuid": scale.Uint(net), "hotkey": key}
		if maxBurn == 0 {
			return v.call(ctx, "burned_register", args)
		}
		var burn chain.Rao
		if err := v.read(ctx, number(&burn, "Burn", scale.Uint(net))); err != nil {
			return nil, err
		}
		if burn > maxBurn {
			return nil, fmt.Errorf("%w: %s, allowed are %s", chain.ErrBurn, burn, maxBurn)
		}
		limited := arguments{"netuid": args["netuid"], "hotkey": key, "limit_price": scale.Uint(maxBurn)}
		call, err := v.call(ctx, "register_limit", limited)
		if errors.Is(err, scale.ErrUnknown) {
			return v.call(ctx, "burned_register", args)
		}
		return call, err
	})
}

// AddStake implements chain.Chain. After dTAO the amount buys the subnet's
// alpha.
func (c *Client) AddStake(ctx context.Context, coldkey *wallet.Keypair, net chain.NetUID, hotkey wallet.Address, amount chain.Rao) error {
	key, err := account(hotkey)
	if err != nil {
		return err
	}
	return c.transact(ctx, coldkey, func(ctx context.Context, v *view) ([]byte, error) {
		if err := v.exists(ctx, net); err != nil {
			return nil, err
		}
		args := arguments{"hotkey": key, "amount_staked": scale.Uint(amount), "netuid": scale.Uint(net)}
		call, err := v.call(ctx, "add_stake", args)
		if errors.Is(err, scale.ErrValue) { // before dTAO it has no netuid
			delete(args, "netuid")
			return v.call(ctx, "add_stake", args)
		}
		return call, err
	})
}

// Transfer moves balance to another coldkey, which gets at least what an
// account has to have; the sender keeps as much (transfer_keep_alive). It is no
// part of chain.Chain: subnets do not need it. chain.ErrBalanceTooLow.
func (c *Client) Transfer(ctx context.Context, from *wallet.Keypair, to wallet.Address, amount chain.Rao) error {
	key, err := account(to)
	if err != nil {
		return err
	}
	return c.transact(ctx, from, func(ctx context.Context, v *view) ([]byte, error) {
		rt, err := v.next(ctx)
		if err != nil {
			return nil, err
		}
		call, err := rt.Call("Balances", "transfer_keep_alive", arguments{"dest": scale.Enum("Id", key), "value": scale.Uint(amount)})
		if err != nil {
			return nil, fmt.Errorf("runtime %d: %w", rt.Spec, err)
		}
		return call, nil
	})
}

// ServeAxon implements chain.Chain.
func (c *Client) ServeAxon(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, axon chain.Axon) error {
	args, err := axonArguments(net, axon)
	if err != nil {
		return err
	}
	return c.transact(ctx, hotkey, func(ctx context.Context, v *view) ([]byte, error) {
		// In 2024 any subnet's registration was enough for the chain.
		if err := v.registered(ctx, net, hotkey); err != nil {
			return nil, err
		}
		return v.call(ctx, "serve_axon", args)
	})
}

// registered checks that a hotkey has a slot.
func (v *view) registered(ctx context.Context, net chain.NetUID, hotkey *wallet.Keypair) error {
	if err := v.exists(ctx, net); err != nil {
		return err
	}
	key := hotkey.PublicKey()
	found := false
	err := v.read(ctx, want{pallet, "Uids", []scale.Value{scale.Uint(net), scale.Bytes(key[:])}, func(_ scale.Value, present bool) error {
		found = present
		return nil
	}})
	if err == nil && !found {
		err = fmt.Errorf("%w: %s in subnet %d", chain.ErrNotRegistered, hotkey.Address(), net)
	}
	return err
}

// SetWeights implements chain.Chain. The values are scaled so that the largest
// is 65535, and zeros are left out, as the SDK's convert_weights_and_uids_for_emit
// does.
func (c *Client) SetWeights(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, weights []chain.Weight, versionKey uint64) error {
	uids, values, err := rows(emitted(weights))
	if err != nil {
		return err
	}
	err = c.transact(ctx, hotkey, func(ctx context.Context, v *view) ([]byte, error) {
		if err := v.registered(ctx, net, hotkey); err != nil {
			return nil, err
		}
		return v.call(ctx, "set_weights", arguments{
			"netuid": scale.Uint(net), "dests": uids, "weights": values, "version_key": scale.Uint(versionKey),
		})
	})
	if errors.Is(err, errInvalidCall) {
		return fmt.Errorf("%w: %w", chain.ErrStakeTooLow, err)
	}
	return err
}

// emitted scales weights to the largest possible, rounds half to even and drops
// zeros.
func emitted(weights []chain.Weight) []chain.Weight {
	top := uint16(0)
	for _, w := range weights {
		top = max(top, w.Value)
	}
	out := make([]chain.Weight, 0, len(weights))
	for _, w := range weights {
		if w.Value > 0 {
			w.Value = uint16(math.RoundToEven(float64(w.Value) / float64(top) * math.MaxUint16))
			out = append(out, w)
		}
	}
	return out
}

// rows are the UIDs and values of weights, each a list.
func rows(weights []chain.Weight) (uids, values scale.Value, err error) {
	if len(weights) > math.MaxUint16+1 {
		return uids, values, fmt.Errorf("%w: %d of them", chain.ErrWeights, len(weights))
	}
	u, v := make([]chain.UID, len(weights)), make([]uint16, len(weights))
	for i, w := range weights {
		u[i], v[i] = w.UID, w.Value
	}
	return scale.Uints(u), scale.Uints(v), nil
}

// CommitWeights implements chain.Chain, by hash only: chain.ErrTimelock where
// the runtime wants timelocked weights, chain.ErrReveal where it knows no reveal
// with a salt.
func (c *Client) CommitWeights(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, commit chain.Hash) error {
	return c.transact(ctx, hotkey, func(ctx context.Context, v *view) ([]byte, error) {
		if err := v.revealable(ctx, net, hotkey); err != nil {
			return nil, err
		}
		return v.call(ctx, "commit_weights", arguments{"netuid": scale.Uint(net), "commit_hash": scale.Bytes(commit[:])})
	})
}

// RevealWeights implements chain.Chain. The weights go out as they are: scaled,
// they would not be what was committed to.
func (c *Client) RevealWeights(ctx context.Context, hotkey *wallet.Keypair, net chain.NetUID, weights []chain.Weight, salt []uint16, versionKey uint64) error {
	uids, values, err := rows(weights)
	if err != nil {
		return err
	}
	return c.transact(ctx, hotkey, func(ctx context.Context, v *view) ([]byte, error) {
		if err := v.revealable(ctx, net, hotkey); err != nil {
			return nil, err
		}
		return v.call(ctx, "reveal_weights", arguments{
			"netuid": scale.Uint(net), "uids": uids, "values": values, "salt": scale.Uints(salt), "version_key": scale.Uint(versionKey),
		})
	})
}

// timelocked is the first version of commit-reveal that encrypts weights until
// a round of drand instead of hashing them.
const timelocked = 3

// revealable checks that a hotkey has a slot (the pool would find its stake too
// low) and that the subnet takes commitments by hash.
func (v *view) revealable(ctx context.Context, net chain.NetUID, hotkey *wallet.Keypair) error {
	if err := v.registered(ctx, net, hotkey); err != nil {
		return err
	}
	h, err := v.hyperparameters(ctx, net)
	if err != nil {
		return err
	}
	return hashed(h, v.has(pallet, "RevealPeriodEpochs"), v.types.Spec)
}

// hashed says why a subnet takes no commitments by hash. salted is whether the
// runtime's reveals have a salt: those that count in epochs do.
func hashed(h chain.Hyperparameters, salted bool, spec uint32) error {
	switch {
	case h.CommitRevealVersion >= timelocked:
		return fmt.Errorf("%w: CommitRevealWeightsVersion is %d, commitments by hash end with %d",
			chain.ErrTimelock, h.CommitRevealVersion, timelocked-1)
	case !salted:
		return fmt.Errorf("%w: runtime %d reveals without a salt", chain.ErrReveal, spec)
	case !h.CommitReveal:
		return fmt.Errorf("%w: commit-reveal is off", chain.ErrReveal)
	}
	return nil
}
