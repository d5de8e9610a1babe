package miner

import (
	"context"
	"time"

	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// TaskOffer is to say how much can be kept.
const TaskOffer Task = "offer"

// offer answers Offer: what is kept and how much more there is room for now, and
// not a byte that the disk does not have.
func (m *Miner) offer(_ context.Context, from wire.Caller, msg *wire.Offer) error {
	u := m.store.Usage()
	o := receipt.Offer{
		Miner: m.key.Address(), Asker: from.Hotkey, Capacity: u.Bytes + u.Free, Used: u.Bytes,
		Made: m.now().Truncate(time.Second),
	}
	sig, err := o.Sign(m.key)
	if err != nil {
		return err
	}
	msg.Offer, msg.Signature = o.Encode(), sig
	return nil
}
