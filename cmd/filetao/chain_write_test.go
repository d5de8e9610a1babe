package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/wallet"
)

// costly is a chain whose price rises as soon as it has been read.
type costly struct {
	chain.Chain
	most []chain.Rao // what registrations would have paid
}

func (c *costly) Register(_ context.Context, _ *wallet.Keypair, _ chain.NetUID, _ wallet.Address, most chain.Rao) error {
	c.most = append(c.most, most)
	return chain.ErrBurn
}

// writing is a command line whose wallet is //Alice, with the hotkey //Bob, and a
// chain under rules.
func writing(t *testing.T, rules func(*chain.Hyperparameters)) (*cli, *bytes.Buffer, chain.Chain) {
	t.Helper()
	var said bytes.Buffer
	c := newCLI(streams{out: &said, err: &said})
	c.netuid, c.wallet = 21, wallet.Location{Path: t.TempDir(), Name: "w", Hotkey: "h"}
	cold, err := wallet.KeypairFromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	hot, err := wallet.KeypairFromURI("//Bob")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wallet.Create(c.wallet, wallet.CreateOptions{Coldkey: cold, Hotkey: hot}); err != nil {
		t.Fatal(err)
	}
	h := devchain.DefaultHyperparameters()
	rules(&h)
	dev, err := devchain.Open(devchain.Config{NetUID: 21, Hyperparameters: h}, devchain.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, &said, dev
}

// TestNoMorePaidThanWasShown: without --max-burn the price shown is the limit.
func TestNoMorePaidThanWasShown(t *testing.T) {
	c, _, dev := writing(t, func(h *chain.Hyperparameters) { h.Burn = 3 * chain.TAO })
	on := &costly{Chain: dev}
	for limit, want := range map[chain.Rao]chain.Rao{0: 3 * chain.TAO, 5 * chain.TAO: 5 * chain.TAO} {
		err := c.register(t.Context(), on, limit, true)
		if code, hint := exitOf(err); code != exitRefused || !strings.Contains(hint, "--max-burn") {
			t.Errorf("a price that rose: %v, exit code %d, %q", err, code, hint)
		}
		if got := on.most[len(on.most)-1]; got != want {
			t.Errorf("with --max-burn %s it pays up to %s, want %s", limit, got, want)
		}
	}
	if err := c.register(t.Context(), on, chain.TAO, true); !errors.Is(err, chain.ErrBurn) || len(on.most) != 2 {
		t.Errorf("too dear from the start: %v, %v", err, on.most)
	}
}

func TestTimelockedWeightsAreExplained(t *testing.T) {
	c, _, dev := writing(t, func(h *chain.Hyperparameters) { h.CommitReveal, h.CommitRevealVersion = true, 4 })
	hotkey, err := c.hotkey()
	if err != nil {
		t.Fatal(err)
	}
	err = c.setWeights(t.Context(), dev, hotkey, nil, 302, true)
	if !errors.Is(err, chain.ErrTimelock) || !strings.Contains(err.Error(), "subnet 21 has commit-reveal version 4") || !strings.Contains(err.Error(), "nothing can be changed here") {
		t.Error(err)
	}
}

// TestWhatMayBeUnderWay: the transaction is named once, and how to look for it.
func TestWhatMayBeUnderWay(t *testing.T) {
	lost := &chain.InFlightError{Transaction: chain.Hash{0xab}, Until: 20, Err: chain.ErrUnavailable}
	broken := &chain.InFlightError{Transaction: chain.Hash{0xab}, Until: 20, Err: context.Canceled}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, x := range []struct {
		ctx  context.Context
		err  error
		code exitCode
		want string
	}{
		{t.Context(), lost, exitUnavailable, "fate is unknown: chain unavailable (transaction 0xab00"},
		{t.Context(), lost, exitUnavailable, "\nsee `filetao chain neuron` before you do it again\n"},
		{ended, broken, exitInterrupted, "filetao: interrupted\nsent as 0xab00"},
		{ended, broken, exitInterrupted, ", valid until block 19; see `filetao chain neuron` before"},
		{ended, context.Canceled, exitInterrupted, "filetao: interrupted\nif it was sent, it may be in a block or come into one yet: see"},
		{t.Context(), chain.ErrInFlight, exitUnavailable, "if it was sent"},
		{t.Context(), chain.ErrFull, exitFull, "filetao: no slot can be given away\n"},
	} {
		var said bytes.Buffer
		c := newCLI(streams{err: &said})
		c.chainNetwork = "local"
		code := c.report(x.ctx, afterSending(x.err, "chain neuron"), "filetao")
		if code != x.code || !strings.Contains(said.String(), x.want) || strings.Count(said.String(), "0xab") > 1 || strings.Contains(said.String(), "is the chain running") {
			t.Errorf("%v: exit code %d, said %s; want %d, %s", x.err, code, &said, x.code, x.want)
		}
	}
}

func TestWeightsDescribed(t *testing.T) {
	for want, h := range map[string]rulesJSON{
		"set plainly, as often as one likes, any version key":                                             {},
		"set plainly, once a block at most, version key 7 or later":                                       {WeightsRateLimit: 1, WeightsVersion: 7},
		"committed, and revealed 1 epoch later, once in 100 blocks at most, any version key":              {CommitReveal: true, RevealPeriod: 1, WeightsRateLimit: 100},
		"committed timelocked (version 4), opened 2 epochs later, as often as one likes, any version key": {CommitReveal: true, RevealPeriod: 2, CommitRevealVersion: 4},
	} {
		if got := describeWeights(h); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
