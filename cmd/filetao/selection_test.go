package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// TestSelectionIsCPythons draws what CPython drew from the same hashes.
func TestSelectionIsCPythons(t *testing.T) {
	data, err := os.ReadFile("../../testdata/vectors/cpython_random.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Sample []struct {
			Hash       string `json:"block_hash"`
			Population int    `json:"population"`
			K          int    `json:"k"`
			Sample     []int  `json:"sample"`
		} `json:"sample"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Sample) == 0 {
		t.Fatal(len(vectors.Sample), err)
	}
	checked := 0
	for _, v := range vectors.Sample {
		var hash chain.Hash
		if hash.UnmarshalText([]byte(v.Hash)) != nil {
			continue // a short one, which no block has
		}
		checked++
		m := &chain.Metagraph{}
		for uid := range v.Population {
			m.Neurons = append(m.Neurons, chain.Neuron{
				UID: chain.UID(uid), Hotkey: wallet.Address(fmt.Sprint(uid)), Axon: chain.Axon{IP: netip.MustParseAddr("10.0.0.1"), Port: 1},
			})
		}
		due := fleet.Draw(hash, fleet.Available(m, 1, ""), v.K)
		if got := fmt.Sprint(uidsOf(due)); got != fmt.Sprint(v.Sample) {
			t.Errorf("%s: %v, CPython has %v", v.Hash, got, v.Sample)
		}
	}
	if checked == 0 {
		t.Fatal("no vector has a block's hash")
	}
}

// steps makes blocks of a chain.
type steps struct {
	*devchain.Devchain
	t *testing.T
}

func (s steps) step() chain.Block {
	s.t.Helper()
	b, err := s.Step(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// included makes blocks until a transaction is in one.
func (s steps) included(do func() error) {
	s.t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				s.t.Fatal(err)
			}
			return
		default:
			s.step()
		}
	}
}

// selectionChain is a chain with a large validator, UID 0, and miners from UID 1
// on, all serving, and some blocks after that; UID 13 serves nothing.
func selectionChain(t *testing.T) (*devchain.Devchain, chain.Block) {
	t.Helper()
	dev, err := devchain.Open(devchain.Config{NetUID: 21}, devchain.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	key := func(uri string) *wallet.Keypair {
		k, err := wallet.KeypairFromURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	s, alice := steps{dev, t}, key("//Alice")
	for uid := range 14 {
		hotkey := key(fmt.Sprintf("//Selected%d", uid))
		s.included(func() error { return dev.Register(t.Context(), alice, 21, hotkey.Address(), 0) })
		if uid == 13 {
			continue
		}
		s.included(func() error {
			return dev.ServeAxon(t.Context(), hotkey, 21, chain.Axon{IP: netip.MustParseAddr("127.0.0.1"), Port: uint16(1000 + uid), Protocol: 4})
		})
		if uid == 0 {
			s.included(func() error { return dev.AddStake(t.Context(), alice, 21, hotkey.Address(), 5000*chain.TAO) })
		}
	}
	last := s.step()
	for last.Number%3 != 0 {
		last = s.step()
	}
	s.step()
	return dev, last
}

// look runs `selection` about a block, as text and as JSON.
func look(t *testing.T, dev *devchain.Devchain, block chain.Block, change func(*selectionFlags)) (selected, string, error) {
	t.Helper()
	d := validator.DefaultConfig()
	s := selectionFlags{
		block: fmt.Sprint(block.Number), task: drawChallenge, blocksPerStep: 3, permitLimit: 500,
		store: d.StoreSample, challenge: d.ChallengeSample, retrieve: d.RetrieveSample, ping: d.MonitorSample,
	}
	change(&s)
	var text, out bytes.Buffer
	c := newCLI(streams{out: &text, err: &text})
	c.netuid = 21
	err := c.selection(t.Context(), &s, dev)
	j := newCLI(streams{out: &out, err: &out})
	j.netuid, j.json = 21, true
	if again := j.selection(t.Context(), &s, dev); fmt.Sprint(again) != fmt.Sprint(err) {
		t.Fatalf("%v, with --json %v", err, again)
	}
	var x selected
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &x); err != nil {
			t.Fatalf("%s: %v", &out, err)
		}
	}
	return x, text.String(), err
}

func TestSelection(t *testing.T) {
	dev, block := selectionChain(t)
	x, text, err := look(t, dev, block, func(*selectionFlags) {})
	if err != nil || len(x.Available) != 12 || len(x.Due[drawChallenge]) != 10 || len(x.Due[drawStore]) != 12 || !*x.Step || x.Hash != block.Hash || len(x.Changed) != 0 {
		t.Fatalf("%+v, %v: %s", x, err, text)
	}
	has(t, text, ", which begins a step\n", "12 miners of 14: 1 2 3", "nobody has registered\n")
	if slices.Contains(x.Available, 0) || slices.Contains(x.Available, 13) {
		t.Errorf("available: %v", x.Available)
	}
	drawn, left := x.Due[drawChallenge][0], chain.UID(0)
	for _, uid := range x.Available {
		if !slices.Contains(x.Due[drawChallenge], uid) {
			left = uid
		}
	}
	uid := func(uid chain.UID) func(*selectionFlags) {
		return func(s *selectionFlags) { s.check = fmt.Sprint(uid) }
	}
	for name, c := range map[string]struct {
		change func(*selectionFlags)
		want   exitCode
		says   string
	}{
		"drawn":       {uid(drawn), exitOK, fmt.Sprintf("challenge of UID %d: legitimate", drawn)},
		"not drawn":   {uid(left), exitRefused, "is not among the 10 that the block's hash draws for challenge"},
		"a validator": {uid(0), exitRefused, "is not available"},
		"no axon":     {uid(13), exitRefused, "serves no axon"},
		"not there":   {uid(77), exitNotFound, ""},
		"a stand-in":  {func(s *selectionFlags) { s.check, s.task, s.store = fmt.Sprint(left), drawStore, 0 }, exitOpen, "another one is drawn in its place"},
		"no step": {func(s *selectionFlags) {
			s.check, s.block, s.challenge = fmt.Sprint(drawn), fmt.Sprint(block.Number+1), 99
		}, exitOpen, "begins no step"},
		"only a hash":   {func(s *selectionFlags) { s.check, s.block = fmt.Sprint(drawn), block.Hash.String() }, exitOpen, "the block's number is not known"},
		"before that":   {func(s *selectionFlags) { s.check, s.block = fmt.Sprint(drawn), "3" }, exitOpen, "the subnet has changed since that block"},
		"not before":    {func(s *selectionFlags) { s.check, s.block, s.challenge = fmt.Sprint(drawn), "3", 0 }, exitOpen, "is not among those drawn"},
		"the asker":     {func(s *selectionFlags) { s.check, s.asker = fmt.Sprint(drawn), fmt.Sprint(drawn) }, exitRefused, "leaves itself out"},
		"no block":      {func(s *selectionFlags) { s.block = "999999" }, exitNotFound, ""},
		"no block name": {func(s *selectionFlags) { s.block = "newest" }, exitUsage, ""},
	} {
		_, text, err := look(t, dev, block, c.change)
		if got, _ := exitOf(err); got != c.want || !strings.Contains(strings.Join(strings.Fields(text), " "), c.says) {
			t.Errorf("%s: exit code %d, want %d: %v: %s", name, got, c.want, err, text)
		}
	}
}

// TestSelectionTakesADevnetsSettings draws as many as devnet.json says, unless a
// flag does, and at the newest block that begins a step.
func TestSelectionTakesADevnetsSettings(t *testing.T) {
	dev, block := selectionChain(t)
	net := &devnetFile{StoreSample: 4, ChallengeSample: 3, RetrieveSample: 2, MonitorSample: 5, BlocksPerStep: 3, PermitLimit: 9000}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.Int("k-retrieve", 0, "")
	if err := flags.Set("k-retrieve", "1"); err != nil {
		t.Fatal(err)
	}
	x, text, err := look(t, dev, block, func(s *selectionFlags) { s.block, s.retrieve = "", 1; s.take(flags, net) })
	if err != nil || *x.Block != block.Number || x.Hash != block.Hash || !*x.Step || x.Metagraph == block.Number {
		t.Fatalf("%+v, %v: %s", x, err, text)
	}
	for task, n := range map[string]int{drawStore: 4, drawChallenge: 3, drawRetrieve: 1, drawMonitor: 5} {
		if len(x.Due[task]) != n {
			t.Errorf("%s: %v are due, want %d", task, x.Due[task], n)
		}
	}
	if !slices.Contains(x.Available, 0) {
		t.Errorf("a validator of 5000 TAO is not among %v", x.Available)
	}
}

// TestADevnetsChallengesAreLegitimate checks by devnet.json whom a devnet challenged.
func TestADevnetsChallengesAreLegitimate(t *testing.T) {
	t.Parallel()
	cfg := quickDevnet(t)
	cfg.Validator.ChallengeSample = 1
	u, d := startDevnetOf(t, cfg)
	ready, err := d.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for {
		u.run(exitOK, "chain", "status", "--wait", "2")
		now, err := d.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range now.Miners {
			if m.Last == nil || m.Last.Block <= ready.Block {
				continue
			}
			check := func(want exitCode, uid int) {
				u.run(want, "selection", "--block", fmt.Sprint(m.Last.Block), "--check", fmt.Sprint(uid))
			}
			check(exitOK, m.UID)
			check(exitRefused, now.Miners[(i+1)%len(now.Miners)].UID)
			return
		}
	}
}
