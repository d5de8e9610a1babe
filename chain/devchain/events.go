package devchain

import (
	"context"
	"encoding/json"

	"github.com/filetao/filetao/chain"
)

// happened notes an event of subtensor's pallet.
func (s *state) happened(name string, fields ...any) { s.tell("SubtensorModule", name, fields) }

func (s *state) tell(pallet, name string, fields any) {
	text, err := json.Marshal(fields)
	if err != nil { // not of numbers, texts and hashes
		text = json.RawMessage("[]")
	}
	s.events = append(s.events, chain.Event{Pallet: pallet, Name: name, Fields: text})
}

// Events implements chain.Chain. Blocks kept before events were know of their
// registrations only.
func (d *Devchain) Events(ctx context.Context, block uint64) ([]chain.Event, error) {
	rec, err := d.record(ctx, block)
	if err != nil {
		return nil, err
	}
	if rec.Events == nil {
		old := new(state)
		for _, r := range rec.Registrations {
			old.happened("NeuronRegistered", d.cfg.NetUID, r.UID, r.Hotkey)
		}
		return old.events, nil
	}
	return rec.Events, nil
}

// Weights implements chain.Chain.
func (d *Devchain) Weights(ctx context.Context, net chain.NetUID) (map[chain.UID][]chain.Weight, error) {
	s, err := d.current(ctx)
	if err == nil {
		err = d.cfg.subnet(net)
	}
	if err != nil {
		return nil, err
	}
	rows := map[chain.UID][]chain.Weight{}
	for i, row := range s.Weights {
		if len(row) > 0 {
			rows[chain.UID(i)] = append([]chain.Weight(nil), row...)
		}
	}
	return rows, nil
}
