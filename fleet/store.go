package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// Datum is data to store and its hash, computed once. The bytes are its maker's
// and must not change while it is in use.
type Datum struct {
	data []byte
	hash string
}

// NewDatum hashes data.
func NewDatum(data []byte) *Datum {
	return &Datum{data: data, hash: proof.Sum(data).String()}
}

// Hash is H(E) in decimal.
func (d *Datum) Hash() string { return d.hash }

// Size is the length in bytes.
func (d *Datum) Size() int64 { return int64(len(d.data)) }

// Store has a miner store its replica of the datum for ttl, rounded up to
// seconds; 0 and less mean DefaultTTL. The holding is recorded once the answer
// has verified, with the replica's audit record. It is recorded from the moment
// of sending, so that it ends before the miner's.
//
// Then the miner is handed tags for native audits, unless it is known not to
// take any. What becomes of that is not in the Outcome.
func (f *Fleet) Store(ctx context.Context, n chain.Neuron, d *Datum, kind index.Kind, ttl time.Duration) Outcome {
	if ttl <= 0 {
		ttl = DefaultTTL
	}
	release, err := f.reserve(ctx, d.Size())
	if err != nil {
		return void(TaskStore, n, err)
	}
	defer release()
	r, err := f.replica(n, d)
	if err != nil {
		return void(TaskStore, n, err)
	}
	old, err := f.deps.Index.Holding(ctx, n.Hotkey, d.hash)
	if unlessGone(err) != nil {
		return void(TaskStore, n, err)
	}
	known := err == nil
	o := f.store(ctx, n, r, index.Holding{
		Holder: n.Hotkey, Hash: d.hash, Replica: r.hash, Kind: kind, Size: d.Size(), TTL: ttl,
	})
	if !o.OK() {
		return o
	}
	f.tag(ctx, n, d.hash, r.hash, r.data)
	if known && old.Held() != r.hash {
		// The datum as it is: nobody will ask for that again.
		f.call(ctx, TaskDelete, n, &wire.Delete{DataHash: old.Held()})
	}
	return o
}

// store has a miner store a replica, and records h with the seed and the time.
func (f *Fleet) store(ctx context.Context, n chain.Neuron, r replica, h index.Holding) Outcome {
	req, err := proof.NewStoreRequest(f.deps.Rand)
	if err != nil {
		return void(TaskStore, n, err)
	}
	seconds := int64((h.TTL + time.Second - 1) / time.Second)
	msg := &wire.Store{
		EncryptedData: r.data, Curve: req.Curve, G: req.G, H: req.H, Seed: req.Seed, TTL: &seconds,
	}
	h.Seed, h.Stored = req.Seed, f.deps.Now()
	// A miner that holds the replica already will go on from this seed, also when
	// its answer is lost.
	if _, err := f.deps.Index.SendSeed(ctx, n.Hotkey, h.Hash, req.Seed, h.Stored); unlessGone(err) != nil {
		return void(TaskStore, n, err)
	}
	o, came := f.call(ctx, TaskStore, n, msg)
	o.Bytes = h.Size
	if came {
		o.judge(proof.CheckStore(req, r.state, proof.StoreAnswer{
			Randomness: msg.Randomness, Commitment: msg.Commitment, CommitmentHash: msg.CommitmentHash,
		}))
	}
	f.unsend(ctx, &o, h.Hash, req.Seed)
	f.settle(ctx, &o, func(ctx context.Context) error {
		record, err := f.encoded(r.data, r.state)
		if err != nil {
			return err
		}
		return f.deps.Index.PutAudited(ctx, h, record)
	})
	return o
}

// unlessGone is err, but nil when the datum is not in the index any more.
func unlessGone(err error) error {
	if errors.Is(err, index.ErrNotFound) {
		return nil
	}
	return err
}
