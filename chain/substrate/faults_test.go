package substrate

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// living starts a node whose blocks the test makes: Bob validates with 100 TAO,
// Charlie and Dave serve.
func living(t *testing.T, cfg substratetest.Config) *substratetest.Node {
	t.Helper()
	g := substratetest.DefaultGenesis()
	g.Rules.MinStake, g.Rules.ServingRateLimit = 10*chain.TAO, 5
	for i, name := range []string{"Bob", "Charlie", "Dave"} {
		n := substratetest.Neuron{Hotkey: devKey(t, name).Address(), Coldkey: substratetest.Alice}
		if i == 0 {
			n.Stake, n.Permit = 100*chain.TAO, true
		} else {
			n.Axon = chain.Axon{Block: 1, Version: 302, IP: netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), Port: 8091, Protocol: 4}
		}
		g.Neurons = append(g.Neurons, n)
	}
	cfg.Genesis = &g
	return substratetest.Start(t, cfg)
}

// client connects to a node with a short patience.
func client(t *testing.T, n *substratetest.Node, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{Endpoints: []string{n.URL()}}
	if change != nil {
		change(&cfg)
	}
	return connect(t, cfg)
}

// expect reads blocks, which shall be those of the chain, one after the other.
func expect(t *testing.T, blocks <-chan chain.Block, from uint64, count int) {
	t.Helper()
	for i := range uint64(count) {
		if b := within(t, blocks, "blocks"); b.Number != from+i {
			t.Fatalf("block %d came, want %d", b.Number, from+i)
		}
	}
}

// A connection that breaks in the middle of being told, by whatever fault,
// costs no block.
func TestFaultsCostNoBlock(t *testing.T) {
	for _, fault := range []substratetest.Fault{
		{Kind: substratetest.Drop, Method: "chain_newHead"},
		{Kind: substratetest.Truncate, Method: "chain_newHead"},
		{Kind: substratetest.Oversize, Method: "chain_newHead", Size: 3 << 20},
		{Kind: substratetest.Drop, Method: "state_getStorage"},
		{Kind: substratetest.Truncate, Method: "state_getStorage"},
		{Kind: substratetest.WrongID, Method: "state_getStorage"},
		{Kind: substratetest.LongLength, Method: "state_getStorage"},
		{Kind: substratetest.Stall, Method: "state_getStorage"},
		{Kind: substratetest.Refuse, Method: "state_getStorage", Code: -32000, Message: "busy"},
	} {
		t.Run(fmt.Sprintf("%s of %s", fault.Kind, fault.Method), func(t *testing.T) {
			n := living(t, substratetest.Config{})
			c := client(t, n, func(cfg *Config) {
				cfg.MaxMessage = 2 << 20
				if fault.Kind == substratetest.Stall {
					cfg.RequestTimeout = time.Second
				}
			})
			blocks, err := c.Subscribe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n.Steps(3)
			expect(t, blocks, 1, 3)
			fault.Skip, fault.Times = 2, 1
			n.Fail(fault)
			for range 5 { // each is heard of, as far as the fault lets it
				n.Step()
			}
			expect(t, blocks, 4, 5)
			n.DropAll()
			n.Steps(3)
			expect(t, blocks, 9, 3)
			if fault.Kind != substratetest.Refuse && n.Asked("chain_subscribeNewHeads") < 3 {
				t.Errorf("%d connections", n.Asked("chain_subscribeNewHeads"))
			}
		})
	}
}

// A node that lies about lengths is an error, whatever is read, and costs next
// to no memory; what it said is not kept.
func TestANodeThatLiesAboutLengths(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		n := living(t, substratetest.Config{Runtime: spec})
		n.Step() // block 0 has no events
		c := client(t, n, nil)
		reads := map[string]func() error{
			"metagraph":  func() error { _, err := c.Metagraph(t.Context(), 1); return err },
			"parameters": func() error { _, err := c.Hyperparameters(t.Context(), 1); return err },
			"balance":    func() error { _, err := c.Balance(t.Context(), substratetest.Alice); return err },
			"events":     func() error { _, err := c.Events(t.Context(), 1); return err },
			"registrations": func() error {
				_, err := c.Registrations(t.Context(), 1, 1)
				return err
			},
		}
		for name, read := range reads {
			if err := read(); err != nil {
				t.Fatal(spec, name, err)
			}
			for _, method := range []string{"state_call", "state_queryStorageAt", "state_getStorage"} { // metadata is asked for again after a lie
				before := n.Asked(method)
				n.Fail(substratetest.Fault{Kind: substratetest.LongLength, Method: method})
				err := read()
				n.Heal()
				if asked := n.Asked(method) > before; asked && !errors.Is(err, chain.ErrUnavailable) || !asked && err != nil {
					t.Errorf("%d: %s with lies of %s (asked: %v): %v", spec, name, method, asked, err)
				}
			}
			if err := read(); err != nil {
				t.Error(spec, name, err)
			}
		}
	}
}

// After a reorganisation a number is told once, and its block is the new one.
func TestAReorganisedBlock(t *testing.T) {
	n := living(t, substratetest.Config{FinalityLag: 10})
	c := client(t, n, nil)
	blocks, err := c.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n.Steps(4)
	expect(t, blocks, 1, 4)
	lost := n.Head()
	n.Reorg(2, 3) // blocks 3 and 4 go, others and a 5 come
	b := within(t, blocks, "blocks")
	if b.Number != 5 {
		t.Fatalf("block %d came", b.Number)
	}
	for number := range uint64(6) {
		got, err := c.BlockAt(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		if number == 4 && (got.Hash == lost.Hash || got.Hash != b.Parent) || number == 5 && got != b {
			t.Errorf("block %d is %+v", number, got)
		}
	}
}

// A transaction whose block was lost is waited for again by who wants finality.
func TestATransactionInALostBlock(t *testing.T) {
	for _, style := range []substratetest.Style{substratetest.Native, substratetest.Chopsticks} {
		n := living(t, substratetest.Config{FinalityLag: 2, Style: style})
		c := client(t, n, func(cfg *Config) { cfg.Finalized = true })
		done := make(chan error, 1)
		go func() {
			done <- c.SetWeights(t.Context(), devKey(t, "Bob"), 1, []chain.Weight{{UID: 1, Value: 1}}, 0)
		}()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for len(n.Submitted()) == 0 {
			<-tick.C
		}
		n.Step()
		n.Reorg(1, 2)
		n.Steps(2)
		if err := within(t, done, "the transaction"); err != nil {
			t.Fatal(err)
		}
		if sent := n.Submitted(); len(sent) != 1 || sent[0].Failure != "" || len(n.Weights(1)[0]) != 1 {
			t.Errorf("submitted %+v, weights %v", sent, n.Weights(1))
		}
	}
}

// An upgrade between two reads, and between the requests of one, changes
// nothing of what is read; transactions are made for the new runtime.
func TestAnUpgradeBetweenReads(t *testing.T) {
	n := living(t, substratetest.Config{Runtime: 185, Instant: true})
	c := client(t, n, nil)
	read := func() any {
		t.Helper()
		m, err := c.Metagraph(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		h, err := c.Hyperparameters(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Neurons {
			if i > 0 {
				m.Neurons[i].LastUpdate = 0
			}
			m.Neurons[i].LastUpdate = 0
		}
		h.RevealPeriod = 0 // 185 has none
		return []any{m.Neurons, h}
	}
	blocks, err := c.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n.Step()
	within(t, blocks, "blocks")
	before := read()
	for _, spec := range []uint32{218, 300, 218, 185, 300} {
		n.Upgrade(spec)
		for range 3 { // the block with it, the one that moves storage, one more
			n.Step()
			within(t, blocks, "blocks")
			if after := read(); !reflect.DeepEqual(after, before) {
				t.Fatalf("at %d, block %d:\n%+v\nwas\n%+v", spec, n.Head().Number, after, before)
			}
		}
		if err := c.SetWeights(t.Context(), devKey(t, "Bob"), 1, []chain.Weight{{UID: 0, Value: 1}}, 0); err != nil {
			t.Fatal(spec, err)
		}
		for b := n.Head().Number; within(t, blocks, "blocks").Number < b; {
		}
		before = read()
	}
}

// Refusals mean the same from a node and from Chopsticks, in the pool and in a
// block.
func TestRefusalsOfBothStyles(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		for _, style := range []substratetest.Style{substratetest.Native, substratetest.Chopsticks} {
			n := living(t, substratetest.Config{Runtime: spec, Style: style, Instant: true})
			c := client(t, n, nil)
			refused := func(want error, fn func() error) {
				t.Helper()
				if err := fn(); !errors.Is(err, want) {
					t.Errorf("%d, style %d: %v, want %v", spec, style, err, want)
				}
			}
			serve := func(ip string, port uint16) func() error {
				return func() error {
					axon := chain.Axon{Version: 302, IP: netip.MustParseAddr(ip), Port: port, Protocol: 4}
					return c.ServeAxon(t.Context(), devKey(t, "Charlie"), 1, axon)
				}
			}
			refused(chain.ErrAxon, serve("127.0.0.1", 8091))
			refused(chain.ErrAxon, serve("::1", 8091))
			for n.Head().Number < 7 { // the genesis has served in block 1
				n.Step()
			}
			refused(nil, serve("127.0.0.9", 8091))
			n.Put("SubtensorModule", "ServingRateLimit", scale.Uint(uint64(1000)), scale.Uint(uint16(1)))
			refused(chain.ErrRateLimit, serve("127.0.0.9", 8092))
			poor, bob := wallet.KeypairFromSeed([32]byte{7}), devKey(t, "Bob")
			refused(chain.ErrBalanceTooLow, func() error { return c.Register(t.Context(), poor, 1, poor.Address(), 0) })
			refused(chain.ErrNoPermit, func() error {
				n.Put("SubtensorModule", "ValidatorPermit", scale.List(scale.Bool(false), scale.Bool(false), scale.Bool(false)), scale.Uint(uint16(1)))
				n.Put("SubtensorModule", "MaxAllowedValidators", scale.Uint(uint16(0)), scale.Uint(uint16(1)))
				return c.SetWeights(t.Context(), bob, 1, []chain.Weight{{UID: 1, Value: 1}}, 0)
			})
			n.Put("SubtensorModule", "RegistrationsThisInterval", scale.Uint(uint16(3000)), scale.Uint(uint16(1)))
			refused(chain.ErrRateLimit, func() error { return c.Register(t.Context(), devKey(t, "Alice"), 1, poor.Address(), 0) })
		}
	}
}

// The recorded weights, set by a client on the recorded chain, travel as the
// recorded call. Charlie's were recorded unscaled: a client scales them, by the
// rounding of the SDK, and the chain keeps that.
func TestRecordedWeightsAsCalls(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		n := substratetest.Start(t, substratetest.Config{Runtime: r.version.Spec, Recorded: true, Instant: true})
		c := client(t, n, nil)
		for _, x := range r.extrinsics {
			if x.Label != "set_weights Bob" && !strings.HasPrefix(x.Label, "set_weights Charlie") {
				continue
			}
			call, err := r.types.DecodeCall(x.Call.Hex)
			if err != nil {
				t.Fatal(err)
			}
			args := scale.NewReader(scale.Record(map[string]scale.Value{"dests": call.Args.Values[1], "weights": call.Args.Values[2]}))
			var weights []chain.Weight
			values := args.Uints("weights")
			for i, uid := range args.Uints("dests") {
				weights = append(weights, chain.Weight{UID: chain.UID(uid), Value: uint16(values[i])})
			}
			if args.Err() != nil || len(weights) < 2 {
				t.Fatal(weights, args.Err())
			}
			n.Put(pallet, "ValidatorPermit", everybody(7), scale.Uint(r.net))
			if err := c.SetWeights(t.Context(), devKey(t, x.Signer), r.net, weights, 302); err != nil {
				t.Fatal(x.Label, err)
			}
			sent := n.Submitted()
			got, want := sent[len(sent)-1], []byte(x.Call.Hex)
			if x.Signer == "Charlie" {
				call.Args.Values[2] = scale.Uints([]uint16{32768, 65535})
				want, err = r.types.Call(call.Pallet, call.Name, arguments{"netuid": call.Args.Values[0], "dests": call.Args.Values[1],
					"weights": call.Args.Values[2], "version_key": call.Args.Values[3]})
				if err != nil {
					t.Fatal(err)
				}
			}
			if string(got.CallBytes) != string(want) || got.Signer != devKey(t, x.Signer).Address() {
				t.Errorf("%s: %s sent %x, recorded %x", x.Label, got.Signer, got.CallBytes, want)
			}
		}
		if len(n.Submitted()) != 2 {
			t.Errorf("%d transactions", len(n.Submitted()))
		}
	})
}

func everybody(n int) scale.Value {
	list := make([]scale.Value, n)
	for i := range list {
		list[i] = scale.Bool(true)
	}
	return scale.List(list...)
}
