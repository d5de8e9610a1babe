package substrate

import (
	"context"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// Registrations implements chain.Chain.
func (c *Client) Registrations(ctx context.Context, net chain.NetUID, block uint64) (list []chain.Registration, err error) {
	err = c.read(ctx, func(ctx context.Context, s *session) error {
		v, err := c.viewAt(ctx, s, block)
		if err == nil {
			err = v.exists(ctx, net)
		}
		if err != nil {
			return err
		}
		events, err := v.events(ctx)
		if err != nil {
			return err
		}
		if list, err = registrations(events, net); err != nil {
			return v.unreadable(err)
		}
		return nil
	})
	return list, err
}

// Events implements chain.Chain.
func (c *Client) Events(ctx context.Context, block uint64) (list []chain.Event, err error) {
	err = c.read(ctx, func(ctx context.Context, s *session) error {
		v, err := c.viewAt(ctx, s, block)
		if err != nil {
			return err
		}
		events, err := v.events(ctx)
		if err != nil {
			return err
		}
		list = make([]chain.Event, len(events))
		for i, e := range events {
			fields, err := v.types.eventFields(e)
			if err != nil {
				return v.unreadable(err)
			}
			list[i] = chain.Event{Pallet: e.Pallet, Name: e.Name, Fields: fields}
		}
		return nil
	})
	return list, err
}

func (c *Client) viewAt(ctx context.Context, s *session, number uint64) (*view, error) {
	b, err := c.blockAt(ctx, s, number)
	if err != nil {
		return nil, err
	}
	return c.viewOf(ctx, s, b)
}

// events are what the block has done.
func (v *view) events(ctx context.Context) ([]scale.Event, error) {
	entry, err := v.types.Storage("System", "Events")
	if err != nil {
		return nil, v.unreadable(err)
	}
	key, err := entry.Key()
	if err != nil {
		return nil, v.unreadable(err)
	}
	values, err := v.query(ctx, []hexBytes{key})
	if err != nil {
		return nil, err
	}
	events, err := v.types.DecodeEvents(values[string(key)])
	if err != nil {
		return nil, v.unreadable(err)
	}
	return events, nil
}

// registrations are those among the events of a block.
func registrations(events []scale.Event, net chain.NetUID) ([]chain.Registration, error) {
	var list []chain.Registration
	for _, e := range events {
		if e.Pallet != pallet || e.Name != "NeuronRegistered" {
			continue
		}
		f := e.Fields.Values
		if len(f) != 3 {
			return nil, fmt.Errorf("%s has %d fields", e.Name, len(f))
		}
		subnet, err := f[0].Uint64()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		uid, err := f[1].Uint64()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		hotkey, err := address(f[2])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		if subnet == uint64(net) {
			list = append(list, chain.Registration{UID: chain.UID(uid), Hotkey: hotkey})
		}
	}
	return list, nil
}
