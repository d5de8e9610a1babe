package devchain

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// apply executes one transaction whose signature was checked. It checks first
// and changes then: an error leaves the state as it was.
func (c *Config) apply(s *state, t *transaction) error {
	if want := s.Nonces[t.signer]; t.nonce != want {
		return fmt.Errorf("%w: %s is at %d, the transaction says %d", chain.ErrNonce, t.signer, want, t.nonce)
	}
	var err error
	switch call := t.call.(type) {
	case register:
		err = c.applyRegister(s, t.signer, call)
	case addStake:
		err = c.applyStake(s, t.signer, call)
	case serveAxon:
		err = c.applyServe(s, t.signer, call)
	case setWeights:
		err = c.applyWeights(s, t.signer, call)
	case commitWeights:
		err = c.applyCommit(s, t.signer, call)
	case revealWeights:
		err = c.applyReveal(s, t.signer, call)
	case transfer:
		err = applyTransfer(s, t.signer, call)
	default:
		err = fmt.Errorf("%w: unknown call", chain.ErrTransaction)
	}
	if err != nil {
		return err
	}
	s.Nonces[t.signer]++
	return nil
}

func (c *Config) subnet(net chain.NetUID) error {
	if net != c.NetUID {
		return fmt.Errorf("%w: %d", chain.ErrNoSubnet, net)
	}
	return nil
}

func (c *Config) applyRegister(s *state, coldkey wallet.Address, call register) error {
	if err := c.subnet(call.net); err != nil {
		return err
	}
	if _, err := s.find(call.hotkey); err == nil {
		return fmt.Errorf("%w: %s", chain.ErrAlreadyRegistered, call.hotkey)
	}
	// As on subtensor the balance must exceed the price, not only reach it.
	burn := c.Hyperparameters.Burn
	if burn > 0 && s.Balances[coldkey] <= burn {
		return fmt.Errorf("%w: a registration burns %s, %s has %s", chain.ErrBalanceTooLow, burn, coldkey, s.Balances[coldkey])
	}
	if owner, known := s.Owners[call.hotkey]; known && owner != coldkey {
		return fmt.Errorf("%w: %s", chain.ErrNotOwner, owner)
	}
	uid, err := s.slot(&c.Hyperparameters)
	if err != nil {
		return err
	}
	s.Balances[coldkey] -= burn
	s.Burned += burn
	s.Owners[call.hotkey] = coldkey
	s.seat(uid, call.hotkey, coldkey)
	s.happened("NeuronRegistered", call.net, uid, call.hotkey)
	return nil
}

func (c *Config) applyStake(s *state, coldkey wallet.Address, call addStake) error {
	if err := c.subnet(call.net); err != nil {
		return err
	}
	if _, known := s.Owners[call.hotkey]; !known {
		return fmt.Errorf("%w: %s never was", chain.ErrNotRegistered, call.hotkey)
	}
	if s.Balances[coldkey] < call.amount {
		return fmt.Errorf("%w: %s has %s", chain.ErrBalanceTooLow, coldkey, s.Balances[coldkey])
	}
	s.Balances[coldkey] -= call.amount
	s.Stakes[call.hotkey] += call.amount
	s.happened("StakeAdded", call.hotkey, call.amount)
	return nil
}

func applyTransfer(s *state, from wallet.Address, call transfer) error {
	if s.Balances[from] < call.amount {
		return fmt.Errorf("%w: %s has %s", chain.ErrBalanceTooLow, from, s.Balances[from])
	}
	s.Balances[from] -= call.amount
	s.Balances[call.to] += call.amount
	s.tell("Balances", "Transfer", map[string]any{"from": from, "to": call.to, "amount": call.amount})
	return nil
}

func (c *Config) applyServe(s *state, hotkey wallet.Address, call serveAxon) error {
	if err := c.subnet(call.net); err != nil {
		return err
	}
	uid, err := s.find(hotkey)
	if err != nil {
		return err
	}
	if err := checkAxon(call.axon); err != nil {
		return err
	}
	n := &s.Neurons[uid]
	limit := c.Hyperparameters.ServingRateLimit
	if last := n.Axon.Block; last != 0 && s.Head.Number-last < limit {
		return fmt.Errorf("%w: served at block %d, next at %d", chain.ErrRateLimit, last, last+limit)
	}
	n.Axon = call.axon
	n.Axon.Block = s.Head.Number
	s.happened("AxonServed", call.net, hotkey)
	return nil
}

// checkAxon has subtensor's rules with one exception: all of 127.0.0.0/8 may be
// served, where subtensor refuses 127.0.0.1 and takes 127.0.0.2.
func checkAxon(a chain.Axon) error {
	switch {
	case a.Port == 0:
		return fmt.Errorf("%w: port 0", chain.ErrAxon)
	case a.IP.IsUnspecified(),
		a.IP == netip.AddrFrom4([4]byte{255, 255, 255, 255}),
		a.IP == netip.IPv6Loopback(),
		a.IP.Is6() && a.IP.As16() == [16]byte(slices.Repeat([]byte{255}, 16)):
		return fmt.Errorf("%w: address %v", chain.ErrAxon, a.IP)
	}
	return nil
}

// applyWeights makes subtensor's checks in subtensor's order. That uids and
// values are equally many is so by the encoding.
func (c *Config) applyWeights(s *state, hotkey wallet.Address, call setWeights) error {
	if err := c.subnet(call.net); err != nil {
		return err
	}
	if c.Hyperparameters.CommitReveal {
		return chain.ErrCommitReveal
	}
	uid, err := c.replaceRow(s, hotkey, call)
	if err == nil {
		s.Neurons[uid].LastUpdate = s.Head.Number
	}
	return err
}

// replaceRow is what setting and revealing weights have in common; the first
// marks the update, for the second the commitment did.
func (c *Config) replaceRow(s *state, hotkey wallet.Address, call setWeights) (chain.UID, error) {
	h := &c.Hyperparameters
	if len(call.weights) > len(s.Neurons) {
		return 0, fmt.Errorf("%w: %d entries for %d neurons", chain.ErrWeights, len(call.weights), len(s.Neurons))
	}
	uid, err := s.find(hotkey)
	if err != nil {
		return 0, err
	}
	n := &s.Neurons[uid]
	onlySelf := len(call.weights) == 1 && call.weights[0].UID == uid
	switch stake := s.Stakes[hotkey]; {
	case stake < h.MinStake:
		return 0, fmt.Errorf("%w: %s of %s", chain.ErrStakeTooLow, stake, h.MinStake)
	case h.WeightsVersion != 0 && call.version < h.WeightsVersion:
		return 0, fmt.Errorf("%w: %d, want %d", chain.ErrVersionKey, call.version, h.WeightsVersion)
	case !h.CommitReveal && s.tooSoon(n, h):
		return 0, rateLimited(n, h)
	case !n.ValidatorPermit && !onlySelf:
		return 0, fmt.Errorf("%w: %s", chain.ErrNoPermit, hotkey)
	}
	row, err := s.row(h, call.weights, onlySelf)
	if err != nil {
		return 0, err
	}
	s.Weights[uid] = row
	s.happened("WeightsSet", call.net, uid)
	return uid, nil
}

// tooSoon says whether the neuron updated its weights too lately to do so again.
func (s *state) tooSoon(n *chain.Neuron, h *chain.Hyperparameters) bool {
	return n.LastUpdate != 0 && s.Head.Number-n.LastUpdate < h.WeightsRateLimit
}

func rateLimited(n *chain.Neuron, h *chain.Hyperparameters) error {
	return fmt.Errorf("%w: updated at block %d, next at %d", chain.ErrRateLimit, n.LastUpdate, n.LastUpdate+h.WeightsRateLimit)
}

// row checks the weights themselves and scales them so that the largest is
// 65535.
func (s *state) row(h *chain.Hyperparameters, weights []chain.Weight, onlySelf bool) ([]chain.Weight, error) {
	seen := make(map[chain.UID]bool, len(weights))
	for _, w := range weights {
		if seen[w.UID] {
			return nil, fmt.Errorf("%w: UID %d twice", chain.ErrWeights, w.UID)
		}
		seen[w.UID] = true
	}
	for _, w := range weights {
		if int(w.UID) >= len(s.Neurons) {
			return nil, fmt.Errorf("%w: no UID %d", chain.ErrWeights, w.UID)
		}
	}
	if least := min(int(h.MinAllowedWeights), len(s.Neurons)); len(weights) < least && !onlySelf {
		return nil, fmt.Errorf("%w: %d of at least %d", chain.ErrWeights, len(weights), least)
	}
	row := upscale(weights)
	var sum, largest uint64
	for _, w := range row {
		sum += uint64(w.Value)
		largest = max(largest, uint64(w.Value))
	}
	if h.MaxWeightsLimit != 65535 && !onlySelf && largest*65535 > uint64(h.MaxWeightsLimit)*sum {
		return nil, fmt.Errorf("%w: one has %d of %d, the limit is %d of 65535", chain.ErrWeights, largest, sum, h.MaxWeightsLimit)
	}
	return row, nil
}

// upscale multiplies so that the largest value is 65535, rounding halves up.
func upscale(weights []chain.Weight) []chain.Weight {
	var largest uint32
	for _, w := range weights {
		largest = max(largest, uint32(w.Value))
	}
	row := slices.Clone(weights)
	for i := range row {
		if largest > 0 {
			row[i].Value = uint16((uint64(row[i].Value)*65535 + uint64(largest)/2) / uint64(largest))
		}
	}
	return row
}
