package cheat

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/seedchain"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// The cheaters that need other miners.

// twins are three hotkeys that keep each datum once. What the validator gives
// to all three in one step has the same size, and they take it for the same: the
// first, a real miner, keeps its own, and the others answer from that, with tags
// of their own.
func twins(a *arena) []*axon {
	var mu sync.Mutex // guards pool
	pool := map[int64][]byte{}
	first := a.axon("-a")
	first.trick = func(x *axon) trick {
		return trick{store: func(ctx context.Context, from wire.Caller, msg *wire.Store) error {
			mu.Lock()
			pool[int64(len(msg.EncryptedData))] = bytes.Clone(msg.EncryptedData)
			mu.Unlock()
			return x.honest[msg.Name()](ctx, from, msg)
		}}
	}
	axons := []*axon{first}
	for _, name := range []string{"-b", "-c"} {
		x := a.axon(name)
		x.trick = func(x *axon) trick {
			s := newShelf()
			pooled := func(k *kept) []byte {
				mu.Lock()
				defer mu.Unlock()
				if data := pool[k.size]; data != nil {
					return data
				}
				return make([]byte, k.size)
			}
			return trick{
				store: s.storing(func(k *kept) { k.data = nil }),
				challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (float64, error) {
					return 1, s.with(msg.ChallengeHash, func(k *kept) error {
						return answerFrom(msg, pooled(k), k.link(msg.Seed))
					})
				},
				tags:     s.pledging(x),
				audit:    s.proving(x, pooled, all),
				retrieve: s.giving(pooled),
				forget:   s.forget,
			}
		}
		axons = append(axons, x)
	}
	return axons
}

// relay keeps tags only: the data it has stored at another miner of its owner,
// an honest one, and fetches it when it is asked. No other miner could help it:
// nobody has its replica.
func relay(a *arena) []*axon {
	x, source := a.axon(""), a.axon("-source")
	source.silent = true
	client := synapse.NewClient(synapse.ClientConfig{Key: x.key}, synapse.ClientDeps{})
	a.closing("relay's connections", client.Close)
	call := func(ctx context.Context, msg wire.Message) error {
		_, err := client.Call(ctx, wire.Peer{Hotkey: source.key.Address(), Addr: source.addr}, msg)
		return err
	}
	fetch := func(ctx context.Context, hash string) ([]byte, error) {
		msg := &wire.Retrieve{DataHash: hash, Seed: "between us"}
		err := call(ctx, msg)
		return msg.Data, err
	}
	x.trick = func(*axon) trick {
		s := newShelf()
		store := s.storing(func(k *kept) { k.data = nil })
		return trick{
			store: func(ctx context.Context, from wire.Caller, msg *wire.Store) error {
				req, err := proof.NewStoreRequest(rand.Reader)
				if err != nil {
					return err
				}
				err = call(ctx, &wire.Store{EncryptedData: msg.EncryptedData, Curve: req.Curve, G: req.G, H: req.H, Seed: req.Seed})
				if err != nil {
					return err
				}
				return store(ctx, from, msg)
			},
			challenge: func(ctx context.Context, _ wire.Caller, msg *wire.Challenge) (float64, error) {
				return 0, s.with(msg.ChallengeHash, func(k *kept) error {
					data, err := fetch(ctx, msg.ChallengeHash)
					if err != nil {
						return err
					}
					return answerFrom(msg, data, k.link(msg.Seed))
				})
			},
			tags: s.pledging(x),
			audit: func(ctx context.Context, from wire.Caller, msg *wire.Audit) (float64, error) {
				return s.answering(func(k *kept, q receipt.Question, msg *wire.Audit) (float64, error) {
					data, err := fetch(ctx, q.Hash.String())
					if err != nil {
						return 0, err
					}
					return 0, x.prove(msg, q, data, k.tags)
				})(ctx, from, msg)
			},
			retrieve: func(ctx context.Context, _ wire.Caller, msg *wire.Retrieve) error {
				return s.with(msg.DataHash, func(k *kept) (err error) {
					l := k.link(msg.Seed)
					msg.CommitmentHash, msg.CommitmentProof = l.Hash, l.Proof
					msg.Data, err = fetch(ctx, msg.DataHash)
					return err
				})
			},
		}
	}
	return []*axon{x, source}
}

// loot is what a thief has read of its victim's answers: the latest, and that
// about each size, by which it knows the datum.
type loot[M any] struct {
	mu    sync.Mutex // guards those below
	of    map[int64]M
	last  M
	any   bool
	turns int
}

func (l *loot[M]) put(size int64, answer M) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[int64]M{}
	}
	l.of[size], l.last, l.any = answer, answer, true
}

// steal is false when there is nothing yet; by turns the answer is to be sent
// as it is.
func (l *loot[M]) steal(size int64) (answer M, verbatim, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns++
	answer, ok = l.of[size]
	if !ok {
		answer = l.last
	}
	return answer, l.turns%2 == 0, l.any
}

// thief stores nothing and reads the answers of an honest miner that has its
// own replica of the same data. By turns it sends one as it is, and one bound to
// the question: a challenge's piece and chain proof, an audit's proof signed by
// itself.
func thief(a *arena) []*axon {
	x, victim := a.axon(""), a.axon("-victim")
	victim.silent = true
	var answers loot[*wire.Challenge]
	var proofs loot[*wire.Audit]
	owner := a.validator.Address()
	victim.trick = func(*axon) trick { return robbed(victim, owner, &answers, &proofs) }
	x.trick = func(*axon) trick {
		s := newShelf()
		return trick{
			store: s.storing(func(k *kept) { k.data = nil }),
			challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (lacks float64, err error) {
				lacks = 1
				err = s.with(msg.ChallengeHash, func(k *kept) error {
					stolen, verbatim, ok := answers.steal(k.size)
					switch {
					case !ok:
						lacks = inOrder
						return wire.NotFound("You have no such data here.")
					case verbatim:
						copyAnswer(msg, stolen)
						return nil
					}
					data := x.bytes(k.size)
					copy(data[min(msg.ChallengeIndex*msg.ChunkSize, k.size):], stolen.DataChunk)
					return answerFrom(msg, data, seedchain.Link{
						Proof: stolen.CommitmentProof, Hash: proof.Sum([]byte(stolen.CommitmentProof), []byte(msg.Seed)).String(),
					})
				})
				return lacks, err
			},
			tags: s.pledging(x),
			audit: s.answering(func(k *kept, q receipt.Question, msg *wire.Audit) (float64, error) {
				stolen, verbatim, ok := proofs.steal(k.size)
				if !ok {
					return inOrder, wire.NotFound("You have no such data here.")
				}
				return 1, x.again(msg, q, stolen, verbatim)
			}),
			retrieve: s.giving(func(k *kept) []byte { return x.bytes(k.size) }),
			forget:   s.forget,
		}
	}
	return []*axon{x, victim}
}

// robbed is an honest miner whose answers are read.
func robbed(x *axon, owner wallet.Address, answers *loot[*wire.Challenge], proofs *loot[*wire.Audit]) trick {
	return trick{
		challenge: func(ctx context.Context, from wire.Caller, msg *wire.Challenge) (float64, error) {
			err := x.honest[msg.Name()](ctx, from, msg)
			if err != nil {
				return 0, err
			}
			if r, err := x.store.Stat(ctx, owner, msg.ChallengeHash); err == nil {
				answers.put(r.Size, remembered(msg))
			}
			return 0, nil
		},
		audit: func(ctx context.Context, from wire.Caller, msg *wire.Audit) (float64, error) {
			err := x.honest[msg.Name()](ctx, from, msg)
			if err != nil {
				return 0, err
			}
			if q, err := receipt.ParseQuestion(msg.Question); err == nil {
				proofs.put(q.Size, rememberedProof(msg))
			}
			return 0, nil
		},
	}
}

// newFace is a fabricator that is registered only when honest miners have
// earned a score, on a full subnet: it gets the UID of one of them.
func newFace(a *arena) []*axon {
	x := a.axon("")
	x.trick = fabricator
	a.newcomer = x
	return []*axon{x}
}
