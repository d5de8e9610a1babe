package node

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
)

// logEvents adds the part that keeps a validator's events on disk. The result
// is what the validator tells them to.
func (n *Node) logEvents(c ValidatorConfig) func(validator.Event) {
	if c.Events == nil {
		return c.Observe
	}
	w := events.New(*c.Events, events.Deps{
		Log:   n.log,
		Tiers: func(ctx context.Context) ([]string, error) { return n.tiers(ctx, c.Index, c.Validator.Rules.Tiers) },
	})
	n.group.Add("events", w.Run)
	n.group.AddCloser("events", w.Close)
	n.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "filetao_events_lost_total", Help: "Events that could not be written to the event log.",
	}, func() float64 { return float64(w.Lost()) }))
	return func(e validator.Event) {
		w.Observe(e)
		if c.Observe != nil {
			c.Observe(e)
		}
	}
}

// tiers are the tiers by UID, as the index knows the UIDs' hotkeys.
func (n *Node) tiers(ctx context.Context, ix *index.Index, table incentive.Tiers) ([]string, error) {
	m := n.follower.Metagraph()
	if m == nil {
		return nil, nil
	}
	tiers := make([]string, len(m.Neurons))
	for s, err := range ix.AllStats(ctx) {
		if err != nil {
			return nil, err
		}
		if neuron, ok := m.ByHotkey(s.Hotkey); ok && int(neuron.UID) < len(tiers) {
			tiers[neuron.UID] = table.Named(s.Tier).Name
		}
	}
	return tiers, nil
}
