package cheat

import (
	"bytes"
	"context"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/proof/seedchain"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// The cheaters that keep less than they were given, or something else.

// fabricator keeps the size only. It signs two of three proofs that it invents.
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
		tags: s.pledging(x),
		audit: s.answering(func(_ *kept, q receipt.Question, msg *wire.Audit) (float64, error) {
			err := x.sign(msg, q, x.invented())
			if x.intN(3) == 0 {
				msg.Receipt = x.bytes(int64(x.intN(2) * wallet.SignatureSize)) // without a signature, or with none of anybody
			}
			return 1, err
		}),
		retrieve: s.giving(invent),
		forget:   s.forget,
	}
}

// midstateKeeper keeps the hash's state beside it, with which its chain is right
// for ever, and the tags, with which its sums of tags are.
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
		tags:     s.pledging(x),
		audit:    s.proving(x, invent, all),
		retrieve: s.giving(invent),
		forget:   s.forget,
	}
}

// spoiler keeps state and tags and spoiled data, and answers from these.
func spoiler(x *axon, spoil func(*kept)) trick {
	s := newShelf()
	spoiled := func(k *kept) []byte { return k.data }
	return trick{
		store: s.storing(spoil),
		challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (lacks float64, err error) {
			err = s.with(msg.ChallengeHash, func(k *kept) error {
				lacks = k.lacks(msg.ChunkSize)
				return answerFrom(msg, k.data, k.link(msg.Seed))
			})
			return lacks, err
		},
		tags:     s.pledging(x),
		audit:    s.proving(x, spoiled, (*kept).lacksBlocks),
		retrieve: s.giving(spoiled),
		forget:   s.forget,
	}
}

// dropper lacks a share of each datum, at least a byte, in one span: no other
// way touches fewer pieces and blocks. Other bytes are in their place, so that
// none is there by chance.
func dropper(share float64) func(*axon) trick {
	return func(x *axon) trick {
		return spoiler(x, func(k *kept) {
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
	return spoiler(x, func(k *kept) {
		at := x.intN(int(k.size))
		k.lost = span{int64(at), int64(at) + 1}
		k.data[at] ^= 1 << x.intN(8)
	})
}

// replayer answers once for a datum, then drops it and sends that answer again:
// a challenge's with a right chain, an audit's proof as it was or signed anew.
func replayer(x *axon) trick {
	s := newShelf()
	nothing := func(k *kept) []byte { return make([]byte, k.size) }
	return trick{
		store: s.storing(func(*kept) {}),
		challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (lacks float64, err error) {
			lacks = 1
			err = s.with(msg.ChallengeHash, func(k *kept) error {
				l := k.link(msg.Seed)
				if k.data != nil {
					lacks = inOrder
					err := answerFrom(msg, k.data, l)
					k.answer, k.data = remembered(msg), nil
					return err
				}
				if k.answer == nil { // it was audited natively
					return answerFrom(msg, nothing(k), l)
				}
				copyAnswer(msg, k.answer)
				msg.CommitmentHash, msg.CommitmentProof = l.Hash, l.Proof
				return nil
			})
			return lacks, err
		},
		tags: s.pledging(x),
		audit: s.answering(func(k *kept, q receipt.Question, msg *wire.Audit) (float64, error) {
			switch {
			case k.data != nil:
				err := x.prove(msg, q, k.data, k.tags)
				k.proof, k.data = rememberedProof(msg), nil
				return inOrder, err
			case k.proof == nil: // it was challenged
				return 1, x.prove(msg, q, nothing(k), k.tags)
			}
			return 1, x.again(msg, q, k.proof, x.intN(2) == 0)
		}),
		retrieve: s.giving(nothing),
		forget:   s.forget,
	}
}

// swapper keeps the first two data it gets and answers for all with one that
// was not asked for, as often as it fits into the size, and its tags; its chain
// is right.
func swapper(x *axon) trick {
	s := newShelf()
	var only []*kept // guarded by s.mu
	other := func(k *kept) *kept {
		if only[0] == k {
			return only[1]
		}
		return only[0]
	}
	otherData := func(k *kept) []byte { return stretched(other(k).data, k.size) }
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
				return answerFrom(msg, otherData(k), k.link(msg.Seed))
			})
			return lacks, err
		},
		tags: s.pledging(x),
		audit: s.answering(func(k *kept, q receipt.Question, msg *wire.Audit) (float64, error) {
			if len(only) < 2 || other(k).tags == nil {
				return inOrder, x.prove(msg, q, k.data, k.tags)
			}
			return 1, x.prove(msg, q, otherData(k), stretched(other(k).tags, por.TagsSize(q.Size)))
		}),
		retrieve: s.giving(func(k *kept) []byte {
			if len(only) < 2 {
				return nil
			}
			return otherData(k)
		}),
		forget: s.forget,
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

// chooser keeps every second datum it gets, answers for that, and is silent when
// it is asked for another: who says that it is busy, or that its time is over,
// has not answered, and is asked again.
func chooser(x *axon) trick {
	s := newShelf()
	given, last := 0, "" // guarded by s.mu
	silence := func(question string) error {
		if question != last { // there is never another one in between
			last = question
			x.silences++
		}
		return [...]error{
			wire.Unavailable("Out of order."), wire.TooMany("Later."), wire.Timeout("The disk is slow."),
		}[x.intN(3)]
	}
	return trick{
		store: s.storing(func(k *kept) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if given++; given%2 == 0 {
				k.data = nil
			}
		}),
		challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (lacks float64, err error) {
			err = s.with(msg.ChallengeHash, func(k *kept) error {
				if k.data == nil {
					lacks = 1
					return silence(msg.Seed)
				}
				return answerFrom(msg, k.data, k.link(msg.Seed))
			})
			return lacks, err
		},
		tags: s.pledging(x),
		audit: s.answering(func(k *kept, q receipt.Question, msg *wire.Audit) (float64, error) {
			if k.data == nil {
				return 1, silence(string(msg.Question))
			}
			return 0, x.prove(msg, q, k.data, k.tags)
		}),
		retrieve: func(_ context.Context, _ wire.Caller, msg *wire.Retrieve) error {
			return s.with(msg.DataHash, func(k *kept) error {
				if k.data == nil {
					return silence(msg.Seed)
				}
				l := k.link(msg.Seed)
				msg.Data, msg.CommitmentHash, msg.CommitmentProof = bytes.Clone(k.data), l.Hash, l.Proof
				return nil
			})
		},
		forget: s.forget,
	}
}
