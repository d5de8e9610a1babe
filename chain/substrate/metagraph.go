package substrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

const (
	pallet       = "SubtensorModule"
	getMetagraph = "SubnetInfoRuntimeApi_get_metagraph"
)

// Metagraph implements chain.Chain. Where the runtime describes its
// get_metagraph, that is the source and the stake is its total_stake: the
// hotkey's and its parents' alpha, and its root stake as the runtime weighs it.
// Elsewhere, and where the node refuses that, it is read from storage, and the stake is what is staked to the
// hotkey: TotalHotkeyStake, or the subnet's alpha where that is gone.
func (c *Client) Metagraph(ctx context.Context, net chain.NetUID) (m *chain.Metagraph, err error) {
	err = c.read(ctx, func(ctx context.Context, s *session) error {
		v, err := c.newestView(ctx, s)
		if err != nil {
			return err
		}
		m, err = v.metagraph(ctx, net)
		return err
	})
	return m, err
}

func (v *view) metagraph(ctx context.Context, net chain.NetUID) (*chain.Metagraph, error) {
	if err := v.exists(ctx, net); err != nil {
		return nil, err
	}
	m := &chain.Metagraph{NetUID: net, Block: v.block}
	answer, err := v.ask(ctx, getMetagraph, scale.Uint(net))
	var refused *rpcError
	switch {
	case errors.As(err, &refused) && !errors.Is(err, chain.ErrPruned): // it may trap where storage can be read
		v.client.traps.Do(func() {
			v.client.log.Warn("get_metagraph fails, storage is read instead: stakes are those of the hotkeys alone", "block", v.block.Number, "err", err)
		})
		m.Neurons, err = v.neuronsFromStorage(ctx, net)
	case errors.Is(err, scale.ErrUnknown), err == nil && answer.Kind() == scale.KindBytes: // wrapped in bytes of no known type
		m.Neurons, err = v.neuronsFromStorage(ctx, net)
	case err == nil:
		m.Neurons, err = v.neuronsFromAnswer(ctx, net, answer)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// exists checks that there is such a subnet.
func (v *view) exists(ctx context.Context, net chain.NetUID) error {
	var added bool
	if err := v.read(ctx, boolean(&added, "NetworksAdded", scale.Uint(net))); err != nil {
		return err
	}
	if !added {
		return fmt.Errorf("%w: %d", chain.ErrNoSubnet, net)
	}
	return nil
}

// columns are the vectors of a subnet, by UID.
type columns struct {
	active, permit                                         []bool
	validatorTrust, trust, consensus, incentive, dividends []uint64
	emission, lastUpdate, registered, stake                []uint64
	hotkeys, coldkeys                                      []wallet.Address
	axons                                                  []chain.Axon
}

// neurons puts the columns together. They may differ in length by a neuron that
// has no epoch behind it: what is missing is 0.
func (c *columns) neurons() []chain.Neuron {
	list := make([]chain.Neuron, len(c.hotkeys))
	for uid := range list {
		list[uid] = chain.Neuron{
			UID: chain.UID(uid), Hotkey: c.hotkeys[uid], Coldkey: at(c.coldkeys, uid), Stake: chain.Rao(at(c.stake, uid)),
			ValidatorPermit: at(c.permit, uid), Active: at(c.active, uid),
			ValidatorTrust: uint16(at(c.validatorTrust, uid)), Trust: uint16(at(c.trust, uid)),
			Consensus: uint16(at(c.consensus, uid)), Incentive: uint16(at(c.incentive, uid)),
			Dividends: uint16(at(c.dividends, uid)), Emission: chain.Rao(at(c.emission, uid)),
			LastUpdate: at(c.lastUpdate, uid), RegisteredAt: at(c.registered, uid), Axon: at(c.axons, uid),
		}
	}
	return list
}

func at[T any](list []T, i int) (value T) {
	if i < len(list) {
		value = list[i]
	}
	return value
}

// each reads every item of a list.
func each[T any](v scale.Value, one func(scale.Value) (T, error)) ([]T, error) {
	items, err := v.Items()
	if err != nil {
		return nil, err
	}
	out := make([]T, len(items))
	for i, item := range items {
		if out[i], err = one(item); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return out, nil
}

// neuronsFromAnswer reads what get_metagraph answered: all but the validators'
// trust, which it leaves out.
func (v *view) neuronsFromAnswer(ctx context.Context, net chain.NetUID, answer scale.Value) ([]chain.Neuron, error) {
	inner, some, err := answer.Option()
	if err == nil && !some {
		return nil, fmt.Errorf("%w: %d", chain.ErrNoSubnet, net)
	}
	if err != nil {
		return nil, v.unreadable(err)
	}
	r := scale.NewReader(inner)
	c := columns{
		consensus: r.Uints("consensus"), incentive: r.Uints("incentives"), dividends: r.Uints("dividends"),
		emission: r.Uints("emission"), lastUpdate: r.Uints("last_update"), registered: r.Uints("block_at_registration"),
		stake: r.Uints("total_stake"),
	}
	active, permit := r.Value("active"), r.Value("validator_permit")
	hotkeys, coldkeys, axons := r.Value("hotkeys"), r.Value("coldkeys"), r.Value("axons")
	if trust, err := inner.Field("trust"); err == nil { // on its way out
		c.trust = scale.NewReader(trust).Uints()
	}
	errs := []error{r.Err(), nil, nil, nil, nil, nil}
	c.active, errs[1] = bools(active)
	c.permit, errs[2] = bools(permit)
	c.hotkeys, errs[3] = each(hotkeys, address)
	c.coldkeys, errs[4] = each(coldkeys, address)
	c.axons, errs[5] = each(axons, axonOf)
	for _, err := range errs {
		if err != nil {
			return nil, v.unreadable(fmt.Errorf("%s: %w", getMetagraph, err))
		}
	}
	if err := v.read(ctx, numbers(&c.validatorTrust, "ValidatorTrust", scale.Uint(net))); err != nil {
		return nil, err
	}
	return c.neurons(), nil
}

// neuronsFromStorage goes from UIDs to hotkeys to axons: the axon of a hotkey
// that has lost its slot stays in storage.
func (v *view) neuronsFromStorage(ctx context.Context, net chain.NetUID) ([]chain.Neuron, error) {
	var c columns
	var n uint16
	subnet := scale.Uint(net)
	wants := []want{
		number(&n, "SubnetworkN", subnet), booleans(&c.active, "Active", subnet), booleans(&c.permit, "ValidatorPermit", subnet),
		numbers(&c.validatorTrust, "ValidatorTrust", subnet), numbers(&c.consensus, "Consensus", subnet),
		numbers(&c.incentive, "Incentive", subnet), numbers(&c.dividends, "Dividends", subnet),
		numbers(&c.emission, "Emission", subnet), numbers(&c.lastUpdate, "LastUpdate", subnet),
	}
	if v.has(pallet, "Trust") {
		wants = append(wants, numbers(&c.trust, "Trust", subnet))
	}
	if err := v.read(ctx, wants...); err != nil {
		return nil, err
	}
	c.hotkeys, c.registered = make([]wallet.Address, n), make([]uint64, n)
	keys := make([]scale.Value, n)
	wants = make([]want, 0, 2*int(n))
	for uid := range n {
		wants = append(wants, want{pallet, "Keys", []scale.Value{subnet, scale.Uint(uid)}, func(k scale.Value, _ bool) (err error) {
			keys[uid] = k
			c.hotkeys[uid], err = address(k)
			return err
		}})
	}
	for uid := range n {
		wants = append(wants, number(&c.registered[uid], "BlockAtRegistration", subnet, scale.Uint(uid)))
	}
	if err := v.read(ctx, wants...); err != nil {
		return nil, err
	}
	if err := v.byHotkey(ctx, subnet, keys, &c); err != nil {
		return nil, err
	}
	return c.neurons(), nil
}

// byHotkey reads what storage keeps by hotkey.
func (v *view) byHotkey(ctx context.Context, subnet scale.Value, keys []scale.Value, c *columns) error {
	n := len(keys)
	c.coldkeys, c.axons, c.stake = make([]wallet.Address, n), make([]chain.Axon, n), make([]uint64, n)
	wants := make([]want, 0, 3*n)
	for uid, key := range keys {
		wants = append(wants, want{pallet, "Owner", []scale.Value{key}, func(k scale.Value, _ bool) (err error) {
			c.coldkeys[uid], err = address(k)
			return err
		}})
	}
	for uid, key := range keys {
		wants = append(wants, want{pallet, "Axons", []scale.Value{subnet, key}, func(a scale.Value, present bool) (err error) {
			if present {
				c.axons[uid], err = axonOf(a)
			}
			return err
		}})
	}
	for uid, key := range keys {
		if v.has(pallet, "TotalHotkeyStake") {
			wants = append(wants, number(&c.stake[uid], "TotalHotkeyStake", key))
		} else {
			wants = append(wants, number(&c.stake[uid], "TotalHotkeyAlpha", key, subnet))
		}
	}
	return v.read(ctx, wants...)
}
