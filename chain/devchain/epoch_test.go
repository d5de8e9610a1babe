package devchain

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// named is an address of a made-up account.
func named(kind, i byte) wallet.Address { return wallet.AddressOf([32]byte{kind, i}) }

// hot and cold are the accounts of neuron i.
func hot(i int) wallet.Address  { return named('h', byte(i)) }
func cold(i int) wallet.Address { return named('c', byte(i)) }

// ruled is the test configuration with defaults and a change.
func ruled(t testing.TB, change func(*Config)) *Config {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return &cfg
}

// populated is a state with neurons of the given stakes, all with a permit if
// they have a stake.
func populated(cfg *Config, stakes ...chain.Rao) *state {
	s := cfg.genesis(time.Unix(1_700_000_000, 0))
	s.Head.Number = 1
	for i, stake := range stakes {
		s.seat(chain.UID(i), hot(i), cold(i))
		s.Owners[hot(i)] = cold(i)
		s.Stakes[hot(i)] = stake
		s.Neurons[i].ValidatorPermit = stake > 0
	}
	return s
}

func row(values ...uint16) (row []chain.Weight) {
	for uid, v := range values {
		if v > 0 {
			row = append(row, chain.Weight{UID: chain.UID(uid), Value: v})
		}
	}
	return row
}

// TestEpochByHand has three validators with half, 3/10 and 1/5 of the stake and
// two miners. On miner 3 they put 1/2, 3/4 and 0; half of the stake (kappa) is
// reached at 1/2. On miner 4 they put 1/2, 1/4 and 1; again it is 1/2.
//
//	clipped      miner 3  miner 4  sum = validator trust
//	validator 0    1/2      1/2     1
//	validator 1    1/2      1/4     3/4
//	validator 2     0       1/2     1/2
//
//	rank         0.5·0.5+0.3·0.5 = 0.4       0.5·0.5+0.3·0.25+0.2·0.5 = 0.425
//	not clipped  0.5·0.5+0.3·0.75 = 0.475    0.5·0.5+0.3·0.25+0.2·1 = 0.525
//	trust        0.4/0.475                   0.425/0.525
//	incentive    0.4/0.825                   0.425/0.825
//	dividends    0.5·1, 0.3·0.75, 0.2·0.5 of their sum 0.825
//
// Of 16.5 TAO each half is 8.25, ten for each unit above.
func TestEpochByHand(t *testing.T) {
	cfg := ruled(t, nil)
	s := populated(cfg, 500*chain.TAO, 300*chain.TAO, 200*chain.TAO, 0, 0)
	s.Weights[0] = row(0, 0, 0, 65535, 65535)
	s.Weights[1] = row(0, 0, 0, 65535, 21845)
	s.Weights[2] = row(0, 0, 60000, 0, 65535) // and on itself, which counts for nothing
	s.Weights[3] = row(1, 1, 1, 1, 1)         // without a permit
	s.Pending = 16_500_000_000
	cfg.epoch(s)
	type shares struct{ consensus, trust, incentive, validatorTrust, dividends uint16 }
	of := func(x float64) uint16 { return uint16(x * 65535) }
	for uid, want := range []struct {
		shares
		tao float64
	}{
		{shares{0, 0, 0, 65535, of(0.5 / 0.825)}, 5},
		{shares{0, 0, 0, of(0.75), of(0.225 / 0.825)}, 2.25},
		{shares{0, 0, 0, of(0.5), of(0.1 / 0.825)}, 1},
		{shares{of(0.5), of(0.4 / 0.475), of(0.4 / 0.825), 0, 0}, 4},
		{shares{of(0.5), of(0.425 / 0.525), of(0.425 / 0.825), 0, 0}, 4.25},
	} {
		n := s.Neurons[uid]
		if got := (shares{n.Consensus, n.Trust, n.Incentive, n.ValidatorTrust, n.Dividends}); got != want.shares {
			t.Errorf("UID %d has %+v, want %+v", uid, got, want.shares)
		}
		if math.Abs(float64(n.Emission)-want.tao*1e9) > 10 {
			t.Errorf("UID %d got %s, want %v TAO", uid, n.Emission, want.tao)
		}
		if got := s.Balances[cold(uid)]; uid >= 3 && got != n.Emission || uid < 3 && got != 0 {
			t.Errorf("coldkey %d has %s of an emission of %s", uid, got, n.Emission)
		}
	}
	if stake := s.Stakes[hot(0)]; stake != 500*chain.TAO+s.Neurons[0].Emission {
		t.Errorf("validator 0 has a stake of %s", stake)
	}
	if s.Pending != 0 || s.Issued > 16_500_000_000 || s.Issued < 16_499_999_950 {
		t.Errorf("issued %s, %s pending", s.Issued, s.Pending)
	}
}

// The real runtime 185, seen with one validator and these weights, had the
// incentives 43645, 21823 and 66.
func TestEpochOfOneValidatorIsAsOnSubtensor(t *testing.T) {
	cfg := ruled(t, nil)
	s := populated(cfg, chain.TAO, 0, 0, 0)
	s.Weights[0] = row(0, 65535, 32768, 100)
	cfg.epoch(s)
	for uid, want := range []uint16{0, 43645, 21823, 66} {
		if got := s.Neurons[uid].Incentive; got != want {
			t.Errorf("UID %d has incentive %d, want %d", uid, got, want)
		}
	}
}

func TestEpochWithoutAnything(t *testing.T) {
	cfg := ruled(t, nil)
	for name, s := range map[string]*state{
		"neurons": populated(cfg), "stake": populated(cfg, 0, 0), "weights": populated(cfg, chain.TAO, 0),
	} {
		s.Pending = chain.TAO
		s.Balances = map[wallet.Address]chain.Rao{}
		cfg.epoch(s)
		if s.Issued != 0 || s.Pending != 0 || len(s.Balances) != 0 {
			t.Errorf("without %s %s was issued", name, s.Issued)
		}
	}
}

// Old validators count no more, and old shares do not stay.
func TestEpochForgets(t *testing.T) {
	cfg := ruled(t, func(c *Config) { c.ActivityCutoff = 10 })
	s := populated(cfg, chain.TAO, 0)
	s.Weights[0] = row(0, 1)
	s.Head.Number = s.Neurons[0].LastUpdate + 10
	cfg.epoch(s)
	if s.Neurons[1].Incentive != 65535 || s.Neurons[0].Dividends != 65535 {
		t.Fatalf("active, the neurons are %+v", s.Neurons)
	}
	s.Head.Number++
	s.Pending = chain.TAO
	cfg.epoch(s)
	n := s.Neurons
	if n[1].Incentive != 0 || n[1].Emission != 0 || n[0].Dividends != 0 || n[0].ValidatorTrust != 0 || s.metagraph(cfg).Neurons[0].Active {
		t.Errorf("inactive, the neurons are %+v", n)
	}
}

func TestEpochDue(t *testing.T) {
	cfg := ruled(t, func(c *Config) { c.NetUID = 3; c.Hyperparameters.Tempo = 9 })
	var due []uint64
	for block := range uint64(30) {
		if cfg.epochDue(block) {
			due = append(due, block)
		}
	}
	// (block + 4) mod 10 = 9
	if len(due) != 3 || due[0] != 5 || due[1] != 15 || due[2] != 25 {
		t.Errorf("epochs at %v", due)
	}
	cfg.Hyperparameters.Tempo = 0
	for block := range uint64(30) {
		if cfg.epochDue(block) {
			t.Fatalf("tempo 0 has an epoch at %d", block)
		}
	}
}

// TestEpochIsTotal: whatever the stakes and weights, nothing overflows, shares
// sum to one and no more is paid than there was.
func TestEpochIsTotal(t *testing.T) {
	stakes := rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(1, 10), rapid.Uint64Range(1, maxSupply/64))
	base := ruled(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		cfg := *base
		cfg.Kappa = rapid.Uint16().Draw(t, "kappa")
		n := rapid.IntRange(1, 32).Draw(t, "n")
		var list []chain.Rao
		for range n {
			list = append(list, chain.Rao(stakes.Draw(t, "stake")))
		}
		s := populated(&cfg, list...)
		for uid := range n {
			s.Weights[uid] = upscale(row(rapid.SliceOfN(rapid.Uint16(), 0, n).Draw(t, "row")...))
		}
		s.Pending = chain.Rao(rapid.Uint64Range(0, maxSupply).Draw(t, "pending"))
		pending, before := s.Pending, s.Issued
		cfg.epoch(s)
		var emission chain.Rao
		var incentive, dividends int
		for _, n := range s.Neurons {
			emission += n.Emission
			incentive += int(n.Incentive)
			dividends += int(n.Dividends)
		}
		if emission > pending || s.Issued-before != emission {
			t.Fatalf("paid %d and issued %d of %d", emission, s.Issued-before, pending)
		}
		for name, sum := range map[string]int{"incentive": incentive, "dividends": dividends} {
			if sum > 65535 || sum != 0 && sum < 65535-n {
				t.Fatalf("%s sums to %d", name, sum)
			}
		}
		if (incentive == 0) != (dividends == 0) {
			t.Fatalf("incentive %d, dividends %d", incentive, dividends)
		}
		if incentive > 0 && pending-emission > chain.Rao(2*n+2) {
			t.Fatalf("%d of %d were not paid", pending-emission, pending)
		}
	})
}
