package validator

import (
	"context"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/wallet"
)

// monitor pings due miners. Who has failed too often in a row is down: its
// score pays for it, and Deps.Lost is told. The result says who answered.
func (v *Validator) monitor(ctx context.Context, block chain.Block) map[wallet.Address]bool {
	start := v.deps.Now()
	due := v.deps.Fleet.Due(block.Hash, v.cfg.MonitorSample)
	outcomes := make([]fleet.Outcome, len(due))
	v.deps.Fleet.Each(due, func(i int, n chain.Neuron) { outcomes[i] = v.deps.Fleet.Ping(ctx, n) })

	pinged := make(map[wallet.Address]bool, len(due))
	var kept []fleet.Outcome
	var rewards []float64
	var down []Loss
	for _, o := range outcomes {
		if o.Void {
			continue
		}
		pinged[o.Hotkey] = o.OK()
		reward := 0.0
		if v.board.pinged(o.UID, o.Hotkey, o.OK(), v.cfg.MaxFailures) {
			reward = v.cfg.Rules.Unavailable
			v.board.reward(o.UID, o.Hotkey, reward)
			down = append(down, Loss{UID: o.UID, Hotkey: o.Hotkey})
			v.log.Warn("miner is down", "uid", o.UID, "hotkey", o.Hotkey, "err", o.Err)
		}
		kept, rewards = append(kept, o), append(rewards, reward)
	}
	v.emit(v.eventOf(TaskMonitor, block.Number, start, kept, rewards))
	v.lost(ctx, down)
	return pinged
}

// lost tells of lost miners.
func (v *Validator) lost(ctx context.Context, losses []Loss) {
	if v.deps.Lost == nil {
		return
	}
	for _, l := range losses {
		v.deps.Lost(ctx, l)
	}
}
