package index

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/filetao/filetao/wallet"
)

const (
	// MaxSent bounds the seeds in flight that are kept of a holding, beside the
	// confirmed one.
	MaxSent = 16
	// Linger is how long a miner may take for a question after it was sent and
	// still make its seed its own: far above any timeout.
	Linger = 15 * time.Minute
)

// Seeds are those that a miner may have as its last one for a datum.
type Seeds struct {
	// Known has the last confirmed one first and those in flight after it, in
	// the order sent.
	Known []string
	// All says that it can be no other. It is false for holdings put without
	// their history (PutHolding) and when more than MaxSent seeds got no answer:
	// until one sent Linger after that is confirmed.
	All bool
}

// sentSeed is a seed in flight: sent, and not known to be the miner's.
type sentSeed struct {
	Seed string `json:"seed"`
	At   int64  `json:"at"` // when it was sent, in Unix seconds
}

func (r *holdingRecord) seeds() Seeds {
	s := Seeds{Known: []string{r.Seed}, All: r.Lost == 0}
	for _, sent := range r.Sent {
		s.Known = append(s.Known, sent.Seed)
	}
	return s
}

// send notes that a seed is about to be sent. Of one that is sent again the last
// time counts: the miner may make it its own until Linger after that.
func (r *holdingRecord) send(seed string, at int64) {
	if seed == r.Seed {
		r.At = max(r.At, at)
		return
	}
	sent := slices.Clone(r.Sent)
	if i := slices.IndexFunc(sent, func(s sentSeed) bool { return s.Seed == seed }); i >= 0 {
		sent[i].At = max(sent[i].At, at)
	} else {
		sent = append(sent, sentSeed{seed, at})
	}
	r.keep(sent)
}

// keep has these seeds in flight, or the newest of them.
func (r *holdingRecord) keep(sent []sentSeed) {
	slices.SortStableFunc(sent, func(a, b sentSeed) int { return int(a.At - b.At) })
	for ; len(sent) > MaxSent; sent = sent[1:] {
		r.lose(sent[0].At)
	}
	r.Sent = sent
}

// lose notes that a seed sent then may be the miner's and is not listed.
func (r *holdingRecord) lose(at int64) { r.Lost = max(r.Lost, at, 1) }

// confirm notes that the miner has made a seed its own, which was sent then, over
// another one. With no other question under way that is all it can have. The
// others in flight may come to the miner after this one, and be over the same
// seed as this one if the miner answers side by side; so all are kept, and the
// one confirmed before with them. But those that were sent so long before this
// one that the miner was done with them are past.
func (r *holdingRecord) confirm(seed string, at int64, over string) {
	sent := slices.Clone(r.Sent)
	if r.Seed != "" {
		sent = append(sent, sentSeed{r.Seed, r.At})
	}
	early := at - int64(Linger/time.Second)
	sent = slices.DeleteFunc(sent, func(s sentSeed) bool { return s.Seed == seed || s.At < early })
	if len(sent) == 1 && sent[0].Seed == over {
		sent = nil
	}
	if r.Lost < early {
		r.Lost = 0
	}
	r.Seed, r.At = seed, at
	r.keep(sent)
}

// SendSeed records that a question with this seed is about to be sent to a
// holder, so that whatever becomes of it and its answer, the seed is known as
// one that the miner may have from then on. It returns all of these; at is the
// time of sending. ErrNotFound if there is no such holding.
func (x *Index) SendSeed(ctx context.Context, holder wallet.Address, hash, seed string, at time.Time) (s Seeds, err error) {
	err = x.changeSeeds(ctx, holder, hash, seed, func(r *holdingRecord) {
		r.send(seed, at.Unix())
		s = r.seeds()
	})
	return s, err
}

// UnsendSeed takes a seed back that surely never reached the miner.
func (x *Index) UnsendSeed(ctx context.Context, holder wallet.Address, hash, seed string) error {
	return x.changeSeeds(ctx, holder, hash, seed, func(r *holdingRecord) {
		r.Sent = slices.DeleteFunc(slices.Clone(r.Sent), func(s sentSeed) bool { return s.Seed == seed })
	})
}

// ConfirmSeed records that a miner has answered a question with this seed and
// has proved that over was its seed before; "" when that is not known. A seed
// that is not in flight any more changes nothing: a later one is over it.
// ErrNotFound if there is no such holding.
func (x *Index) ConfirmSeed(ctx context.Context, holder wallet.Address, hash, seed, over string) error {
	return x.changeSeeds(ctx, holder, hash, seed, func(r *holdingRecord) {
		for _, s := range r.Sent {
			if s.Seed == seed {
				r.confirm(seed, s.At, over)
				return
			}
		}
	})
}

// Seeds returns the seeds that a miner may have for a datum, or ErrNotFound.
func (x *Index) Seeds(ctx context.Context, holder wallet.Address, hash string) (Seeds, error) {
	r, err := x.holding(ctx, holder, hash)
	if err != nil {
		return Seeds{}, err
	}
	return r.seeds(), nil
}

func (x *Index) changeSeeds(ctx context.Context, holder wallet.Address, hash, seed string, change func(*holdingRecord)) error {
	if err := checkText(seed, MaxSeed); err != nil {
		return err
	}
	return x.changeHolding(ctx, holder, hash, func(r *holdingRecord) error {
		if r.Kind == KindShard {
			return fmt.Errorf("%w: a seed of a shard", ErrInvalid)
		}
		change(r)
		return nil
	})
}
