package cheat

import (
	"context"

	"github.com/filetao/filetao/proof/seedchain"
	"github.com/filetao/filetao/wire"
)

// The cheaters that keep less than they were given, or something else.

// fabricator keeps the size only.
func fabricator(x *axon) trick {
	s := newShelf()
	invent := func(k *kept) []byte { return x.bytes(k.size) }
	return trick{
		store: s.storing(func(k *kept) { k.data = nil }),
		challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (float64, error) {
			return 1, s.with(msg.ChallengeHash, func(k *kept) error {
				return answerFrom(msg, invent(k), seedchain.Prove([32]byte(x.bytes(32)), msg.Seed))
			})
		},
		retrieve: s.giving(invent),
	}
}

// midstateKeeper keeps the hash's state beside it: its chain is right for ever.
func midstateKeeper(x *axon) trick {
	s := newShelf()
	invent := func(k *kept) []byte { return x.bytes(k.size) }
	return trick{
		store: s.storing(func(k *kept) { k.data = nil }),
		challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (float64, error) {
			return 1, s.with(msg.ChallengeHash, func(k *kept) error {
				return answerFrom(msg, invent(k), k.link(msg.Seed))
			})
		},
		retrieve: s.giving(invent),
	}
}

// spoiler keeps the state and spoiled data, and answers from both.
func spoiler(spoil func(*kept)) trick {
	s := newShelf()
	return trick{
		store: s.storing(spoil),
		challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (lacks float64, err error) {
			err = s.with(msg.ChallengeHash, func(k *kept) error {
				lacks = k.lacks(msg.ChunkSize)
				return answerFrom(msg, k.data, k.link(msg.Seed))
			})
			return lacks, err
		},
		retrieve: s.giving(func(k *kept) []byte { return k.data }),
	}
}

// dropper lacks a share of each datum, at least a byte, in one span: no other
// way touches fewer pieces.
func dropper(share float64) func(*axon) trick {
	return func(x *axon) trick {
		return spoiler(func(k *kept) {
			n := min(max(1, int64(share*float64(k.size))), k.size)
			from := int64(x.intN(int(k.size - n + 1)))
			k.lost = span{from, from + n}
			for i := range k.data[from : from+n] {
				k.data[from+int64(i)] ^= byte(1 + x.intN(255))
			}
		})
	}
}

// bitRot has one bit of each datum flipped.
func bitRot(x *axon) trick {
	return spoiler(func(k *kept) {
		at := x.intN(int(k.size))
		k.lost = span{int64(at), int64(at) + 1}
		k.data[at] ^= 1 << x.intN(8)
	})
}

// replayer answers once for a datum, then drops it and sends that answer again.
// Its chain is right.
func replayer(*axon) trick {
	s := newShelf()
	return trick{
		store: s.storing(func(*kept) {}),
		challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (lacks float64, err error) {
			err = s.with(msg.ChallengeHash, func(k *kept) error {
				l := k.link(msg.Seed)
				if k.answer == nil {
					lacks = inOrder
					err := answerFrom(msg, k.data, l)
					k.answer, k.data = remembered(msg), nil
					return err
				}
				lacks = 1
				copyAnswer(msg, k.answer)
				msg.CommitmentHash, msg.CommitmentProof = l.Hash, l.Proof
				return nil
			})
			return lacks, err
		},
		retrieve: s.giving(func(k *kept) []byte { return make([]byte, k.size) }),
	}
}

// swapper keeps the first two data it gets and answers for all with one that
// was not asked for, as often as it fits into the size; its chain is right.
func swapper(*axon) trick {
	s := newShelf()
	var only []*kept // guarded by s.mu
	other := func(k *kept) []byte {
		from := only[0]
		if from == k {
			from = only[1]
		}
		data := make([]byte, 0, k.size)
		for int64(len(data)) < k.size {
			data = append(data, from.data[:min(from.size, k.size-int64(len(data)))]...)
		}
		return data
	}
	return trick{
		store: s.storing(func(k *kept) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(only) < 2 {
				only = append(only, k)
			} else {
				k.data = nil
			}
		}),
		challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (lacks float64, err error) {
			lacks = inOrder
			err = s.with(msg.ChallengeHash, func(k *kept) error {
				if len(only) < 2 {
					return answerFrom(msg, k.data, k.link(msg.Seed))
				}
				lacks = 1
				return answerFrom(msg, other(k), k.link(msg.Seed))
			})
			return lacks, err
		},
		retrieve: s.giving(func(k *kept) []byte {
			if len(only) < 2 {
				return nil
			}
			return other(k)
		}),
	}
}

// hoarder has everything, and gives nothing back: by turns it has none, is
// broken, or gives back something else.
func hoarder(x *axon) trick {
	return trick{
		retrieve: func(ctx context.Context, from wire.Caller, msg *wire.Retrieve) error {
			switch x.intN(3) {
			case 0:
				return wire.NotFound("You have no such data here.")
			case 1:
				return &wire.Error{Status: wire.StatusInternal, Text: "Out of order."}
			}
			if err := x.honest[msg.Name()](ctx, from, msg); err != nil {
				return err
			}
			msg.Data = x.bytes(int64(len(msg.Data)))
			return nil
		},
	}
}
