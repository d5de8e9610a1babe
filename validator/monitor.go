package validator

import (
	"context"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/wallet"
)

// monitor pings due miners. answered says who was pinged, and whether it
// answered. Who has failed too often in a row is found out when the step is
// settled: it is down, its score pays for it, and Deps.Lost is told.
func (v *Validator) monitor(ctx context.Context, d draws) (b batch, answered map[wallet.Address]bool) {
	b = batch{task: TaskMonitor, start: v.deps.Now()}
	due := d.due(v.cfg.MonitorSample)
	outcomes := make([]fleet.Outcome, len(due))
	v.deps.Fleet.Each(due, func(i int, n chain.Neuron) { outcomes[i] = v.deps.Fleet.Ping(ctx, n) })
	answered = make(map[wallet.Address]bool, len(due))
	for _, o := range outcomes {
		if !o.Void {
			answered[o.Hotkey] = o.OK()
		}
	}
	b, _ = v.done(ctx, b, outcomes) // a ping is void only when it was cut short
	return b, answered
}
