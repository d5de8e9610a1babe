package cheat

import (
	"context"
	"sync"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/seedchain"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// The cheaters that need other miners.

// twins are three hotkeys that keep each datum once: at best a third of what
// they are asked about is there.
func twins(a *arena) []*axon {
	const hotkeys = 3
	var mu sync.Mutex // guards pool
	pool := map[string][]byte{}
	pooled := func(k *kept) {
		mu.Lock()
		defer mu.Unlock()
		hash := k.state.Hash().String()
		if pool[hash] == nil {
			pool[hash] = k.data
		}
		k.data = pool[hash]
	}
	var all []*axon
	for _, name := range []string{"-a", "-b", "-c"} {
		x := a.axon(name)
		x.trick = func(*axon) trick {
			s := newShelf()
			return trick{
				store: s.storing(pooled),
				challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (float64, error) {
					return 1 - 1.0/hotkeys, s.with(msg.ChallengeHash, func(k *kept) error {
						return answerFrom(msg, k.data, k.link(msg.Seed))
					})
				},
				retrieve: s.giving(func(k *kept) []byte { return k.data }),
			}
		}
		all = append(all, x)
	}
	return all
}

// relay keeps no data: it has the other miner of its owner, an honest one, give
// it what it is asked about.
func relay(a *arena) []*axon {
	x, source := a.axon(""), a.axon("-source")
	x.partner, source.partner, source.silent = source, x, true
	client := synapse.NewClient(synapse.ClientConfig{Key: x.key}, synapse.ClientDeps{})
	a.closing("relay's connections", client.Close)
	fetch := func(ctx context.Context, hash string) ([]byte, error) {
		msg := &wire.Retrieve{DataHash: hash, Seed: "between us"}
		_, err := client.Call(ctx, wire.Peer{Hotkey: source.key.Address(), Addr: source.addr}, msg)
		return msg.Data, err
	}
	source.trick = func(*axon) trick { return trick{retrieve: lending(source, a.validator.Address())} }
	x.trick = func(*axon) trick {
		s := newShelf()
		return trick{
			store: s.storing(func(k *kept) { k.data = nil }),
			challenge: func(ctx context.Context, _ wire.Caller, msg *wire.Challenge) (float64, error) {
				return 1, s.with(msg.ChallengeHash, func(k *kept) error {
					data, err := fetch(ctx, msg.ChallengeHash)
					if err != nil {
						return err
					}
					return answerFrom(msg, data, k.link(msg.Seed))
				})
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

// lending gives to the axon's partner what the owner stored here, and to
// everybody else what is theirs.
func lending(x *axon, owner wallet.Address) func(context.Context, wire.Caller, *wire.Retrieve) error {
	return func(ctx context.Context, from wire.Caller, msg *wire.Retrieve) error {
		if from.Hotkey != x.partner.key.Address() {
			return x.honest[msg.Name()](ctx, from, msg)
		}
		data, _, err := x.store.Read(ctx, owner, msg.DataHash)
		if err != nil {
			return wire.NotFound("%w", err)
		}
		msg.Data = data
		return nil
	}
}

// thief stores nothing and reads the answers of an honest miner that has the
// same data. By turns it sends one as it is, and one's piece and chain proof
// bound to the validator's new seed and bases.
func thief(a *arena) []*axon {
	x, victim := a.axon(""), a.axon("-victim")
	victim.silent = true
	var mu sync.Mutex // guards those below
	loot := map[string]*wire.Challenge{}
	var last *wire.Challenge
	turns := 0
	victim.trick = func(*axon) trick {
		return trick{challenge: func(ctx context.Context, from wire.Caller, msg *wire.Challenge) (float64, error) {
			err := victim.honest[msg.Name()](ctx, from, msg)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				last = remembered(msg)
				loot[msg.ChallengeHash] = last
			}
			return 0, err
		}}
	}
	steal := func(hash string) (stolen *wire.Challenge, verbatim bool) {
		mu.Lock()
		defer mu.Unlock()
		turns++
		if stolen = loot[hash]; stolen == nil {
			stolen = last
		}
		return stolen, turns%2 == 0
	}
	x.trick = func(*axon) trick {
		s := newShelf()
		return trick{
			store: s.storing(func(k *kept) { k.data = nil }),
			challenge: func(_ context.Context, _ wire.Caller, msg *wire.Challenge) (float64, error) {
				stolen, verbatim := steal(msg.ChallengeHash)
				switch {
				case stolen == nil:
					return inOrder, wire.NotFound("You have no such data here.")
				case verbatim:
					copyAnswer(msg, stolen)
					return 1, nil
				}
				return 1, s.with(msg.ChallengeHash, func(k *kept) error {
					data := x.bytes(k.size)
					copy(data[min(msg.ChallengeIndex*msg.ChunkSize, k.size):], stolen.DataChunk)
					return answerFrom(msg, data, seedchain.Link{
						Proof: stolen.CommitmentProof, Hash: proof.Sum([]byte(stolen.CommitmentProof), []byte(msg.Seed)).String(),
					})
				})
			},
			retrieve: s.giving(func(k *kept) []byte { return x.bytes(k.size) }),
		}
	}
	return []*axon{x, victim}
}

// newFace is a fabricator that is registered only when honest miners have
// earned a score, on a full subnet: it gets the UID of one of them.
func newFace(a *arena) []*axon {
	x := a.axon("")
	x.trick = fabricator
	a.newcomer = x
	return []*axon{x}
}
