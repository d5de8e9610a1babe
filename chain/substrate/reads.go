package substrate

import (
	"context"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// limitIgnored is the first runtime for which it is known that it stores
// MaxWeightsLimit without minding it: any share is allowed.
const limitIgnored = 345

// Hyperparameters implements chain.Chain, from storage. What a runtime does not
// have is 0.
func (c *Client) Hyperparameters(ctx context.Context, net chain.NetUID) (h chain.Hyperparameters, err error) {
	err = c.read(ctx, func(ctx context.Context, s *session) error {
		v, err := c.newestView(ctx, s)
		if err != nil {
			return err
		}
		h, err = v.hyperparameters(ctx, net)
		return err
	})
	return h, err
}

func (v *view) hyperparameters(ctx context.Context, net chain.NetUID) (h chain.Hyperparameters, err error) {
	subnet := scale.Uint(net)
	wants := []want{
		number(&h.Tempo, "Tempo", subnet), number(&h.ImmunityPeriod, "ImmunityPeriod", subnet),
		number(&h.MinAllowedWeights, "MinAllowedWeights", subnet), number(&h.MaxWeightsLimit, "MaxWeightsLimit", subnet),
		number(&h.MaxUIDs, "MaxAllowedUids", subnet), number(&h.MaxValidators, "MaxAllowedValidators", subnet),
		number(&h.WeightsVersion, "WeightsVersionKey", subnet), number(&h.WeightsRateLimit, "WeightsSetRateLimit", subnet),
		number(&h.ServingRateLimit, "ServingRateLimit", subnet), number(&h.Burn, "Burn", subnet),
	}
	for _, w := range []want{
		number(&h.MinStake, "WeightsMinStake"), number(&h.MinStake, "StakeThreshold"), // one of them
		boolean(&h.CommitReveal, "CommitRevealWeightsEnabled", subnet), number(&h.RevealPeriod, "RevealPeriodEpochs", subnet),
		number(&h.CommitRevealVersion, "CommitRevealWeightsVersion"),
	} {
		if v.has(w.pallet, w.item) {
			wants = append(wants, w)
		}
	}
	if err := v.exists(ctx, net); err != nil {
		return h, err
	}
	if err := v.read(ctx, wants...); err != nil {
		return h, err
	}
	if v.types.Spec >= limitIgnored {
		h.MaxWeightsLimit = 1<<16 - 1
	}
	return h, nil
}

// Weights implements chain.Chain.
func (c *Client) Weights(ctx context.Context, net chain.NetUID) (rows map[chain.UID][]chain.Weight, err error) {
	err = c.read(ctx, func(ctx context.Context, s *session) error {
		v, err := c.newestView(ctx, s)
		if err == nil {
			err = v.exists(ctx, net)
		}
		if err == nil {
			rows, err = v.weights(ctx, net)
		}
		return err
	})
	return rows, err
}

func (v *view) weights(ctx context.Context, net chain.NetUID) (map[chain.UID][]chain.Weight, error) {
	entry, err := v.types.Storage(pallet, "Weights")
	if err != nil {
		return nil, v.unreadable(err)
	}
	prefix, err := entry.Key(scale.Uint(net))
	if err != nil {
		return nil, v.unreadable(err)
	}
	keys, err := v.keysUnder(ctx, prefix)
	if err != nil {
		return nil, err
	}
	rows := make(map[chain.UID][]chain.Weight, len(keys))
	wants := make([]want, len(keys))
	for i, key := range keys {
		parts, err := entry.DecodeKey(key)
		if err != nil || len(parts) != 2 {
			return nil, v.unreadable(fmt.Errorf("key %x: %w", []byte(key), err))
		}
		uid, err := parts[1].Uint64()
		if err != nil {
			return nil, v.unreadable(err)
		}
		wants[i] = want{pallet, "Weights", parts, func(row scale.Value, _ bool) error {
			list, err := each(row, weight)
			if err == nil && len(list) > 0 {
				rows[chain.UID(uid)] = list
			}
			return err
		}}
	}
	if err := v.read(ctx, wants...); err != nil {
		return nil, err
	}
	return rows, nil
}

func weight(v scale.Value) (chain.Weight, error) {
	pair, err := v.Uints()
	if err == nil && len(pair) != 2 {
		err = fmt.Errorf("%d parts of a weight", len(pair))
	}
	if err != nil {
		return chain.Weight{}, err
	}
	return chain.Weight{UID: chain.UID(pair[0]), Value: uint16(pair[1])}, nil
}

// Balance implements chain.Chain.
func (c *Client) Balance(ctx context.Context, coldkey wallet.Address) (free chain.Rao, err error) {
	key, err := account(coldkey)
	if err != nil {
		return 0, err
	}
	err = c.read(ctx, func(ctx context.Context, s *session) error {
		v, err := c.newestView(ctx, s)
		if err != nil {
			return err
		}
		free, err = v.balance(ctx, key)
		return err
	})
	return free, err
}

func (v *view) balance(ctx context.Context, key scale.Value) (free chain.Rao, err error) {
	err = v.read(ctx, want{"System", "Account", []scale.Value{key}, func(a scale.Value, _ bool) error {
		r := scale.NewReader(a)
		free = chain.Rao(r.Uint64("data", "free"))
		return r.Err()
	}})
	return free, err
}
