package fleet

import (
	"bytes"
	"context"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/proof"
)

// replica is a datum as one miner holds it.
type replica struct {
	data  []byte
	state *proof.State
	hash  string
}

// replica makes the one of a miner, which takes as much memory as the datum.
func (f *Fleet) replica(n chain.Neuron, d *Datum) (replica, error) {
	r := replica{data: bytes.Clone(d.data), state: proof.NewState()}
	if err := f.mask(n, d.hash, r.data); err != nil {
		return replica{}, err
	}
	r.state.Write(r.data)
	r.hash = r.state.Hash().String()
	return r, nil
}

// mask turns the datum with that hash into a miner's replica, or the replica
// into the datum, in place.
func (f *Fleet) mask(n chain.Neuron, hash string, data []byte) error {
	digest, err := proof.ParseDigest(hash)
	if err != nil {
		return err
	}
	miner, err := n.Hotkey.PublicKey()
	if err != nil {
		return fmt.Errorf("hotkey: %w", err)
	}
	f.masks.Mask(miner, digest, data)
	return nil
}

// reserve waits until a datum of that size fits into memory beside those being
// worked on. Nobody who has reserved may reserve again before it has released.
func (f *Fleet) reserve(ctx context.Context, size int64) (release func(), err error) {
	need := min(max(size, 0), f.cfg.InFlight)
	if err := f.memory.Acquire(ctx, need); err != nil {
		return nil, err
	}
	return func() { f.memory.Release(need) }, nil
}

// encoded is the encoded audit record of the bytes that a miner holds; nil for
// none. The state is that of these bytes.
func (f *Fleet) encoded(data []byte, state *proof.State) ([]byte, error) {
	if len(data) == 0 {
		return nil, nil
	}
	r, err := f.audits.Record(data, state)
	if err != nil {
		return nil, err
	}
	return r.MarshalBinary()
}
