package substrate

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/wallet"
)

// connect runs a client of the nodes until the test ends.
func connect(t testing.TB, cfg Config, nodes ...*node) *Client {
	t.Helper()
	for _, n := range nodes {
		cfg.Endpoints = append(cfg.Endpoints, n.url)
	}
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = 10 * time.Second
	}
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff, cfg.MaxBackoff = time.Millisecond, 20*time.Millisecond
	}
	c, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	run(t, c)
	return c
}

// run lets a client work until the test ends.
func run(t testing.TB, c *Client) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

// recordedAxon is an AxonInfo as polkadot-js writes it.
type recordedAxon struct {
	Block            uint64
	Version          uint32
	IP               json.Number
	Port             uint16
	IPType, Protocol uint8
}

func (a *recordedAxon) axon(t testing.TB) chain.Axon {
	t.Helper()
	out := chain.Axon{}
	if a == nil || a.IPType == 0 {
		return out
	}
	ip, ok := new(big.Int).SetString(a.IP.String(), 10)
	if !ok || a.IPType != 4 {
		t.Fatalf("recorded axon %+v", a)
	}
	b := ip.FillBytes(make([]byte, 4))
	return chain.Axon{Block: a.Block, Version: a.Version, IP: netip.AddrFrom4([4]byte(b)), Port: a.Port, Protocol: a.Protocol}
}

// neurons puts the recorded meanings of storage together.
func (r *recording) neurons(t testing.TB) []chain.Neuron {
	t.Helper()
	var n int
	var active, permit []bool
	var vtrust, trust, consensus, incentive, dividends []uint16
	var emission, lastUpdate []uint64
	r.decoded(t, "SubnetworkN", &n, r.net)
	r.decoded(t, "Active", &active, r.net)
	r.decoded(t, "ValidatorPermit", &permit, r.net)
	for item, into := range map[string]any{"ValidatorTrust": &vtrust, "Trust": &trust, "Consensus": &consensus, "Incentive": &incentive,
		"Dividends": &dividends, "Emission": &emission, "LastUpdate": &lastUpdate} {
		r.decoded(t, item, into, r.net)
	}
	names := r.names(t)
	list := make([]chain.Neuron, n)
	for uid := range list {
		e := chain.Neuron{UID: chain.UID(uid), ValidatorPermit: permit[uid], Active: active[uid], ValidatorTrust: vtrust[uid], Trust: trust[uid],
			Consensus: consensus[uid], Incentive: incentive[uid], Dividends: dividends[uid], Emission: chain.Rao(emission[uid]), LastUpdate: lastUpdate[uid]}
		r.decoded(t, "Keys", &e.Hotkey, r.net, uid)
		r.decoded(t, "BlockAtRegistration", &e.RegisteredAt, r.net, uid)
		name := names[e.Hotkey]
		r.decoded(t, "Owner", &e.Coldkey, name)
		var axon *recordedAxon
		r.decoded(t, "Axons", &axon, r.net, name)
		e.Axon = axon.axon(t)
		if r.dir == "spec185" {
			r.decoded(t, "TotalHotkeyStake", &e.Stake, name)
		} else {
			r.decoded(t, "TotalHotkeyAlpha", &e.Stake, name, r.net)
		}
		list[uid] = e
	}
	return list
}

// names are the development keys, which recordings call by name.
func (r *recording) names(t testing.TB) map[wallet.Address]string {
	names := map[wallet.Address]string{}
	for _, name := range []string{"Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie", "One", "Two"} {
		names[devKey(t, name).Address()] = name
	}
	return names
}

func devKey(t testing.TB, name string) *wallet.Keypair {
	t.Helper()
	key, err := wallet.KeypairFromURI("//" + name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestMetagraphIsWhatWasRecorded(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		n := newNode(t, r)
		m, err := connect(t, Config{}, n).Metagraph(t.Context(), r.net)
		if err != nil {
			t.Fatal(err)
		}
		want := r.neurons(t)
		if len(want) < 6 || !slices.Equal(m.Neurons, want) {
			t.Errorf("neurons\n%+v\nwant\n%+v", m.Neurons, want)
		}
		if m.NetUID != r.net || m.Block.Number != r.storage.Number || m.Block.Hash != r.storage.Hash || m.Block.Time.IsZero() {
			t.Errorf("metagraph of subnet %d at %+v", m.NetUID, m.Block)
		}
		if asked := n.count("state_call") > 1; asked != (r.dir == "spec300") {
			t.Errorf("%s asked its runtime APIs: %v", r.dir, asked)
		}
		r.noneMissed(t, n)
	})
}

// noneMissed checks that nothing was asked for that was not recorded.
func (r *recording) noneMissed(t *testing.T, n *node) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.missed) > 0 {
		t.Errorf("%d storage keys were not recorded, such as %s", len(n.missed), n.missed[0])
	}
}

// Without metadata 15 the newest runtime is read like the older ones.
func TestMetagraphFromStorageIsThatOfTheRuntimeAPI(t *testing.T) {
	r := loadRecording(t, "spec300")
	r.metadata15 = nil
	n := newNode(t, r)
	m, err := connect(t, Config{}, n).Metagraph(t.Context(), r.net)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Neurons, r.neurons(t)) || n.count("state_call") != 1 {
		t.Errorf("neurons %+v after %d calls", m.Neurons, n.count("state_call"))
	}
	r.noneMissed(t, n)
}

// A node may lack state_queryStorageAt, and need not know runtime APIs.
func TestMetagraphKeyByKey(t *testing.T) {
	r := loadRecording(t, "spec185")
	n := newNode(t, r)
	n.before = func(p *peer, q query) bool {
		if q.Method == "state_queryStorageAt" {
			p.send(`{"jsonrpc":"2.0","id":` + string(q.ID) + `,"error":{"code":-32601,"message":"Method not found"}}`)
		}
		return q.Method == "state_queryStorageAt"
	}
	m, err := connect(t, Config{}, n).Metagraph(t.Context(), r.net)
	if err != nil || !slices.Equal(m.Neurons, r.neurons(t)) {
		t.Errorf("%v: %+v", err, m)
	}
}

// The values of get_metagraph and get_neurons_lite, as polkadot-js read them.
func TestMetagraphAgreesWithTheRuntimeAPIs(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		m, err := connect(t, Config{}, newNode(t, r)).Metagraph(t.Context(), r.net)
		if err != nil {
			t.Fatal(err)
		}
		var lite []struct {
			Hotkey, Coldkey                 wallet.Address
			UID                             chain.UID
			Active, ValidatorPermit         bool
			AxonInfo                        recordedAxon
			Emission                        chain.Rao
			Incentive, Consensus, Dividends uint16
			ValidatorTrust                  uint16
			LastUpdate                      uint64
		}
		for _, c := range r.calls {
			if strings.HasSuffix(c.Method, "get_neurons_lite") && len(lite) == 0 {
				if err := json.Unmarshal(c.Decoded, &lite); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(lite) != len(m.Neurons) {
			t.Fatalf("%d neurons, the runtime has %d", len(m.Neurons), len(lite))
		}
		for i, l := range lite {
			got := m.Neurons[i]
			want := got // trust, stake and registration are told elsewhere
			want.Hotkey, want.Coldkey, want.UID, want.Active, want.ValidatorPermit = l.Hotkey, l.Coldkey, l.UID, l.Active, l.ValidatorPermit
			want.Axon, want.Emission, want.Consensus, want.Dividends = l.AxonInfo.axon(t), l.Emission, l.Consensus, l.Dividends
			want.ValidatorTrust, want.LastUpdate, want.Incentive = l.ValidatorTrust, l.LastUpdate, l.Incentive
			if r.dir == "spec300" {
				want.Incentive = got.Incentive // its get_neurons_lite says 0
			}
			if got != want {
				t.Errorf("neuron %+v, the runtime has %+v", got, want)
			}
		}
	})
}

func TestHyperparametersAreWhatWasRecorded(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		n := newNode(t, r)
		c := connect(t, Config{}, n)
		h, err := c.Hyperparameters(t.Context(), r.net)
		if err != nil {
			t.Fatal(err)
		}
		var want chain.Hyperparameters
		for item, into := range map[string]any{"Tempo": &want.Tempo, "ImmunityPeriod": &want.ImmunityPeriod,
			"MinAllowedWeights": &want.MinAllowedWeights, "MaxWeightsLimit": &want.MaxWeightsLimit, "MaxAllowedUids": &want.MaxUIDs,
			"MaxAllowedValidators": &want.MaxValidators, "WeightsVersionKey": &want.WeightsVersion, "WeightsSetRateLimit": &want.WeightsRateLimit,
			"ServingRateLimit": &want.ServingRateLimit, "Burn": &want.Burn, "CommitRevealWeightsEnabled": &want.CommitReveal} {
			r.decoded(t, item, into, r.net)
		}
		if r.dir != "spec185" {
			r.decoded(t, "RevealPeriodEpochs", &want.RevealPeriod, r.net)
		}
		item := "WeightsMinStake"
		if r.dir == "spec300" {
			item = "StakeThreshold"
		}
		r.decoded(t, item, &want.MinStake)
		if h != want || want.Tempo != 5 || want.WeightsVersion < 302 {
			t.Errorf("hyperparameters %+v, want %+v", h, want)
		}
		r.noneMissed(t, n)
	})
}

func TestWeightsAndBalancesAreWhatWasRecorded(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		n := newNode(t, r)
		c := connect(t, Config{}, n)
		rows, err := c.Weights(t.Context(), r.net)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, e := range r.storage.Entries {
			if e.Item != "Weights" {
				continue
			}
			var pairs [][2]uint16
			if err := json.Unmarshal(e.Decoded, &pairs); err != nil {
				t.Fatal(err)
			}
			uid := chain.UID(e.Keys[1].(float64))
			var want []chain.Weight
			for _, p := range pairs {
				want = append(want, chain.Weight{UID: chain.UID(p[0]), Value: p[1]})
			}
			if _, has := rows[uid]; !slices.Equal(rows[uid], want) || has != (len(want) > 0) {
				t.Errorf("row %d is %v, want %v", uid, rows[uid], want)
			}
			found += len(want)
		}
		if found < 5 {
			t.Errorf("%d weights were recorded", found)
		}
		for address, name := range r.names(t) {
			var account struct{ Data struct{ Free any } }
			if !slices.Contains([]string{"Alice", "Bob", "Charlie"}, name) {
				continue
			}
			r.decoded(t, "Account", &account, name)
			want := bigNumber(t, account.Data.Free).Uint64()
			if free, err := c.Balance(t.Context(), address); err != nil || free != chain.Rao(want) {
				t.Errorf("%s has %d, %v, want %d", name, free, err, want)
			}
		}
		r.noneMissed(t, n)
	})
}

// bigNumber reads an integer of polkadot-js: above 2^53 it is big-endian hex.
func bigNumber(t testing.TB, v any) *big.Int {
	t.Helper()
	if f, small := v.(float64); small {
		return big.NewInt(int64(f))
	}
	text, _ := v.(string)
	n, ok := new(big.Int).SetString(text, 0)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	return n
}

func TestNoSubnet(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		c := connect(t, Config{}, newNode(t, r))
		_, graphErr := c.Metagraph(t.Context(), 999)
		_, rulesErr := c.Hyperparameters(t.Context(), 999)
		_, rowsErr := c.Weights(t.Context(), 999)
		_, eventsErr := c.Registrations(t.Context(), 999, r.storage.Number)
		key := devKey(t, "Alice")
		serveErr := c.ServeAxon(t.Context(), key, 999, chain.Axon{IP: netip.MustParseAddr("8.8.8.8"), Port: 1})
		stakeErr := c.AddStake(t.Context(), key, 999, key.Address(), 1)
		registerErr := c.Register(t.Context(), key, 999, key.Address(), 0)
		for i, err := range []error{graphErr, rulesErr, rowsErr, eventsErr, serveErr, stakeErr, registerErr} {
			if !errors.Is(err, chain.ErrNoSubnet) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

// Where get_metagraph traps, storage is read; of a state that is gone neither
// can be.
func TestAMetagraphThatTraps(t *testing.T) {
	n := living(t, substratetest.Config{})
	c, err := New(Config{Endpoints: []string{n.URL()}}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	log := c.logged()
	run(t, c)
	want, err := c.Metagraph(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	n.Fail(substratetest.Fault{Kind: substratetest.Refuse, Method: "state_call", Code: 4003,
		Message: "Client error: Execution failed: Execution aborted due to trap: wasm trap: wasm `unreachable` instruction executed", Times: 2})
	for range 2 {
		got, err := c.Metagraph(t.Context(), 1)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\n%+v\nwant\n%+v", err, got, want)
		}
	}
	if log.count("get_metagraph fails") != 1 {
		t.Errorf("told of %d times", log.count("get_metagraph fails"))
	}
	n.Fail(substratetest.Fault{Kind: substratetest.Refuse, Method: "state_call", Code: 4003,
		Message: "Client error: UnknownBlock: State already discarded for 0x00"})
	if _, err := c.Metagraph(t.Context(), 1); !errors.Is(err, chain.ErrNoBlock) {
		t.Error(err)
	}
}
