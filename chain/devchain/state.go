package devchain

import (
	"fmt"
	"maps"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// state is everything the chain knows after one block. Once a block is made its
// state is never changed; the next block's is a clone. The exported fields are
// the snapshot on disk.
type state struct {
	Head chain.Block
	// Balances are the coldkeys' free money, Nonces the number of each account's
	// next transaction.
	Balances map[wallet.Address]chain.Rao
	Nonces   map[wallet.Address]uint64
	// Owners gives every hotkey that was ever registered its coldkey, Stakes
	// what is staked to it.
	Owners map[wallet.Address]wallet.Address
	Stakes map[wallet.Address]chain.Rao
	// Neurons is indexed by UID; their Stake and Active are not kept here.
	Neurons []chain.Neuron
	// Weights are the rows, by UID of the one who set them. A row is replaced,
	// never changed.
	Weights [][]chain.Weight
	// Commits are the hotkeys' commitments to weights, oldest first.
	Commits map[wallet.Address][]commit `json:",omitempty"`
	// Burned went for registrations, Issued came from epochs, Pending waits for
	// the next one. Balances + Stakes + Burned = genesis + Issued.
	Burned, Issued, Pending chain.Rao

	registered []chain.Registration // in this block
	events     []chain.Event        // in this block
}

func (s *state) clone() *state {
	n := *s
	n.Balances, n.Nonces = maps.Clone(s.Balances), maps.Clone(s.Nonces)
	n.Owners, n.Stakes = maps.Clone(s.Owners), maps.Clone(s.Stakes)
	n.Neurons, n.Weights = slices.Clone(s.Neurons), slices.Clone(s.Weights)
	n.Commits = maps.Clone(s.Commits) // a hotkey's list is replaced, never changed
	n.registered, n.events = nil, nil
	return &n
}

// find looks a hotkey's slot up.
func (s *state) find(hotkey wallet.Address) (chain.UID, error) {
	for i := range s.Neurons {
		if s.Neurons[i].Hotkey == hotkey {
			return chain.UID(i), nil
		}
	}
	return 0, fmt.Errorf("%w: %s", chain.ErrNotRegistered, hotkey)
}

// active says whether the neuron set weights, or came, lately enough.
func (s *state) active(n *chain.Neuron, cutoff uint16) bool {
	return n.LastUpdate+uint64(cutoff) >= s.Head.Number
}

func (s *state) metagraph(cfg *Config) *chain.Metagraph {
	m := &chain.Metagraph{NetUID: cfg.NetUID, Block: s.Head, Neurons: slices.Clone(s.Neurons)}
	for i := range m.Neurons {
		n := &m.Neurons[i]
		n.Stake = s.Stakes[n.Hotkey]
		n.Active = s.active(n, cfg.ActivityCutoff)
	}
	return m
}

// permit gives the permits: to the MaxValidators highest stakes of at least
// MinStake, the lower UID first among equals.
func (s *state) permit(h *chain.Hyperparameters) {
	order := make([]chain.UID, len(s.Neurons))
	for i := range order {
		order[i] = chain.UID(i)
		s.Neurons[i].ValidatorPermit = false
	}
	stake := func(uid chain.UID) chain.Rao { return s.Stakes[s.Neurons[uid].Hotkey] }
	slices.SortStableFunc(order, func(a, b chain.UID) int {
		switch {
		case stake(a) > stake(b):
			return -1
		case stake(a) < stake(b):
			return 1
		}
		return 0
	})
	for _, uid := range order[:min(len(order), int(h.MaxValidators))] {
		s.Neurons[uid].ValidatorPermit = stake(uid) > 0 && stake(uid) >= h.MinStake
	}
}

// slot is where a new neuron goes: a free one, or that of the lowest emission
// past its immunity, the oldest first among equals.
func (s *state) slot(h *chain.Hyperparameters) (chain.UID, error) {
	if len(s.Neurons) < int(h.MaxUIDs) {
		return chain.UID(len(s.Neurons)), nil
	}
	var worst *chain.Neuron
	for i := range s.Neurons {
		n := &s.Neurons[i]
		if s.Head.Number-n.RegisteredAt < uint64(h.ImmunityPeriod) {
			continue
		}
		if worst == nil || n.Emission < worst.Emission ||
			n.Emission == worst.Emission && n.RegisteredAt < worst.RegisteredAt {
			worst = n
		}
	}
	if worst == nil {
		return 0, fmt.Errorf("%w: all %d are immune", chain.ErrFull, len(s.Neurons))
	}
	return worst.UID, nil
}

// seat puts a new neuron into a slot: nothing of the previous holder stays,
// neither its statistics nor anybody's weight on it.
func (s *state) seat(uid chain.UID, hotkey, coldkey wallet.Address) {
	n := chain.Neuron{UID: uid, Hotkey: hotkey, Coldkey: coldkey,
		LastUpdate: s.Head.Number, RegisteredAt: s.Head.Number}
	s.registered = append(s.registered, chain.Registration{UID: uid, Hotkey: hotkey})
	if int(uid) == len(s.Neurons) {
		s.Neurons, s.Weights = append(s.Neurons, n), append(s.Weights, nil)
		return
	}
	s.Neurons[uid], s.Weights[uid] = n, nil
	for i, row := range s.Weights {
		s.Weights[i] = slices.DeleteFunc(slices.Clone(row), func(w chain.Weight) bool { return w.UID == uid })
	}
}
