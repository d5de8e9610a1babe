package devchain

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// drawCall draws a call of account i that often, but not always, is allowed.
func drawCall(t *rapid.T, i int, block uint64) (signer wallet.Address, c call) {
	other := rapid.IntRange(0, 9).Draw(t, "other")
	amount := chain.Rao(rapid.Uint64Range(0, 2000).Draw(t, "amount"))
	switch rapid.IntRange(0, 9).Draw(t, "call") {
	case 0:
		return cold(i % 3), register{net1, hot(i)}
	case 1:
		return cold(i), addStake{net1, hot(other), amount}
	case 2:
		a := testAxon()
		a.Port = uint16(block)
		return hot(i), serveAxon{net1, a}
	case 3:
		return hot(i), setWeights{net1, drawRow(t), 0}
	case 4, 5, 6, 7, 8:
		return drawReveal(t, i)
	default:
		return cold(i), transfer{cold(other), amount}
	}
}

func drawRow(t *rapid.T) []chain.Weight {
	return row(rapid.SliceOfN(rapid.Uint16Max(3), 0, 6).Draw(t, "row")...)
}

// drawReveal commits to the one row it knows, or reveals it.
func drawReveal(t *rapid.T, i int) (wallet.Address, call) {
	r := revealWeights{net1, row(1), nil, 0}
	if rapid.Bool().Draw(t, "reveal") {
		return hot(i), r
	}
	hash, err := chain.CommitHash(hot(i), net1, r.weights, r.salt, r.version)
	if err != nil {
		t.Fatal(err)
	}
	return hot(i), commitWeights{net1, hash}
}

// TestHistories makes chains of random calls and checks after every block what
// always has to hold.
func TestHistories(t *testing.T) {
	t.Run("plain", func(t *testing.T) { histories(t, false) })
	t.Run("commit-reveal", func(t *testing.T) { histories(t, true) })
}

func histories(t *testing.T, reveal bool) {
	cfg := ruled(t, func(c *Config) {
		h := &c.Hyperparameters
		h.MaxUIDs, h.MaxValidators, h.ImmunityPeriod, h.Tempo = 6, 2, 3, 4
		h.Burn, h.MinStake, h.WeightsRateLimit, h.CommitReveal = 7, 1000, 0, reveal
		c.Genesis = map[wallet.Address]chain.Rao{cold(0): 20_000, cold(1): 10_000, cold(2): 5000}
		c.BlockEmission = 1000
		if reveal {
			h.MinStake = 1 // so that some come so far
		}
	})
	included, replaced, revealed := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := cfg.genesis(time.Unix(1_700_000_000, 0))
		for range rapid.IntRange(1, 40).Draw(t, "blocks") {
			txs := drawBlock(t, s)
			next, rec, errs := cfg.advance(s, txs, time.Unix(1_700_000_000, 0))
			checkHistory(t, cfg, s, next, rec)
			checkReplay(t, cfg, s, next, rec, txs)
			for _, err := range errs {
				if err == nil {
					included++
				}
			}
			for _, e := range rec.Events {
				if e.Name == "WeightsRevealed" {
					revealed++
				}
			}
			if len(s.Neurons) == len(next.Neurons) {
				replaced += len(rec.Registrations)
			}
			s = next
		}
	})
	if included < 300 || replaced < 15 || reveal != (revealed > 0) {
		t.Errorf("only %d transactions were included, %d neurons replaced and %d rows revealed: the test tests little", included, replaced, revealed)
	}
}

func drawBlock(t *rapid.T, s *state) (txs []*transaction) {
	nonces := map[wallet.Address]uint64{}
	for i := range rapid.IntRange(0, 8).Draw(t, "transactions") {
		signer, c := drawCall(t, rapid.IntRange(0, 9).Draw(t, "account"), uint64(i))
		if _, ok := nonces[signer]; !ok {
			nonces[signer] = s.Nonces[signer]
		}
		txs = append(txs, unsigned(t, signer, nonces[signer], c))
		nonces[signer]++
	}
	return txs
}

// unsigned is a transaction as if its signature had been checked.
func unsigned(t *rapid.T, signer wallet.Address, nonce uint64, c call) *transaction {
	pub, err := signer.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	body, err := encodeBody(chain.Hash{}, pub, nonce, c)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := decode(append(body, make([]byte, signatureSize)...))
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func checkHistory(t *rapid.T, cfg *Config, before, s *state, rec record) {
	var money, genesis chain.Rao
	for _, r := range s.Balances {
		money += r
	}
	for _, r := range s.Stakes {
		money += r
	}
	for _, r := range cfg.Genesis {
		genesis += r
	}
	if money+s.Burned != genesis+s.Issued {
		t.Fatalf("%d of money and %d burned, genesis had %d and %d were issued", money, s.Burned, genesis, s.Issued)
	}
	if s.Issued+s.Pending > chain.Rao(s.Head.Number)*cfg.BlockEmission {
		t.Fatalf("%d issued and %d pending at block %d", s.Issued, s.Pending, s.Head.Number)
	}
	permits := 0
	seen := map[wallet.Address]bool{}
	for i, n := range s.Neurons {
		if n.UID != chain.UID(i) || seen[n.Hotkey] || s.Owners[n.Hotkey] != n.Coldkey || n.LastUpdate < n.RegisteredAt {
			t.Fatalf("UID %d is %+v", i, n)
		}
		seen[n.Hotkey] = true
		if n.ValidatorPermit {
			permits++
		}
		for _, w := range s.Weights[i] {
			// A row that is revealed may be on who came after its commitment, which is
			// what LastUpdate tells of.
			late := s.Neurons[min(int(w.UID), len(s.Neurons)-1)].RegisteredAt > n.LastUpdate
			if int(w.UID) >= len(s.Neurons) || late && !cfg.Hyperparameters.CommitReveal {
				t.Fatalf("the weights of UID %d, set at %d, are %v", i, n.LastUpdate, s.Weights[i])
			}
		}
		isNew := i >= len(before.Neurons) || before.Neurons[i].Hotkey != n.Hotkey
		event := slices.Contains(rec.Registrations, chain.Registration{UID: n.UID, Hotkey: n.Hotkey})
		if isNew && !event {
			t.Fatalf("%s came to UID %d without an event", n.Hotkey, i)
		}
	}
	if permits > int(cfg.Hyperparameters.MaxValidators) || len(s.Neurons) > int(cfg.Hyperparameters.MaxUIDs) || len(s.Weights) != len(s.Neurons) {
		t.Fatalf("%d permits, %d neurons, %d rows", permits, len(s.Neurons), len(s.Weights))
	}
}

// checkReplay makes the block again: from its record, from the snapshot of its
// parent, and from its transactions in another order.
func checkReplay(t *rapid.T, cfg *Config, before, s *state, rec record, txs []*transaction) {
	want := s.clone() // without the block's events
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var kept state
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	again, err := cfg.replay(&kept, rec)
	if err != nil {
		t.Fatal(err)
	}
	if again = again.clone(); !sameJSON(t, again, want) {
		t.Fatalf("replayed, the state is\n%+v, was\n%+v", again, want)
	}
	backwards := slices.Clone(txs)
	slices.Reverse(backwards)
	other, _, _ := cfg.advance(before, backwards, rec.Block.Time)
	if other = other.clone(); !reflect.DeepEqual(other, want) {
		t.Fatalf("in another order the state is\n%+v, was\n%+v", other, want)
	}
}

// sameJSON compares as kept: a nil and an empty list are the same.
func sameJSON(t *rapid.T, a, b *state) bool {
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}
