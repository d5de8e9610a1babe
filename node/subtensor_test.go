package node

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substrate"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// tensor is a subtensor whose blocks come quickly, but not more quickly than its
// nodes follow, and a client of it.
type tensor struct {
	*testing.T
	node *substratetest.Node
	on   *substrate.Remote
	net  chain.NetUID
	held sync.Mutex // while it is locked, no block comes by itself

	mu    sync.Mutex // guards nodes
	nodes []follows
}

// follows is a node that runs until there is something in ended.
type follows struct {
	*Node
	ended <-chan error
}

// followed says whether no node is many blocks behind. Who sends something looks
// for it in every block: when the machine is busy that takes longer than a block of
// a test, and the nodes would never come to the newest one.
func (s *tensor) followed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.node.Head().Number
	return !slices.ContainsFunc(s.nodes, func(n follows) bool {
		return len(n.ended) == 0 && n.follower.Head().Number+8 < head
	})
}

func newTensor(t *testing.T, cfg substratetest.Config) *tensor {
	t.Helper()
	s := &tensor{T: t, node: substratetest.Start(t, cfg), net: cfg.Genesis.NetUID}
	stop := make(chan struct{})
	var pulse sync.WaitGroup
	pulse.Go(func() {
		tick := time.NewTicker(15 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				s.held.Lock()
				if s.followed() {
					s.node.Step()
				}
				s.held.Unlock()
			}
		}
	})
	t.Cleanup(func() { close(stop); pulse.Wait() })
	on, err := substrate.Dial(t.Context(), substrate.Config{Endpoints: []string{s.node.URL()}, Mortality: 1024}, substrate.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	s.on = on
	t.Cleanup(func() {
		if err := on.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *tensor) key(name string) *wallet.Keypair {
	s.Helper()
	key, err := wallet.KeypairFromURI("//" + name)
	if err != nil {
		s.Fatal(err)
	}
	return key
}

func (s *tensor) uid(name string) chain.UID {
	s.Helper()
	uid, ok := s.node.UID(s.net, s.key(name).Address())
	if !ok {
		s.Fatalf("%s has no UID", name)
	}
	return uid
}

func (s *tensor) register(name string) {
	s.Helper()
	if err := s.on.Register(s.Context(), s.key("Alice"), s.net, s.key(name).Address(), 0); err != nil {
		s.Fatalf("register %s: %v", name, err)
	}
}

// await looks again and again.
func (s *tensor) await(what string, done func() bool) {
	s.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(2 * time.Minute); !done(); {
		select {
		case <-tick.C:
		case <-limit:
			s.Fatalf("never: %s", what)
		}
	}
}

// sent are the transactions of that name by a hotkey that are in a block.
func (s *tensor) sent(name, call string) (list []substratetest.Submitted) {
	for _, x := range s.node.Submitted() {
		if x.Block > 0 && x.Name == call && x.Signer == s.key(name).Address() {
			list = append(list, x)
		}
	}
	return list
}

// seed gives a validator, before it starts, scores of neurons by name.
func (s *tensor) seed(ix *index.Index, validator string, scores map[string]float64) {
	s.Helper()
	m, err := s.on.Metagraph(s.Context(), s.net)
	if err != nil {
		s.Fatal(err)
	}
	rows := make([]map[string]any, len(m.Neurons))
	for uid, n := range m.Neurons {
		rows[uid] = map[string]any{"hotkey": n.Hotkey, "registered_at": n.RegisteredAt}
		for name, score := range scores {
			if n.Hotkey == s.key(name).Address() {
				rows[uid]["score"] = score
			}
		}
	}
	state, err := json.Marshal(map[string]any{"v": 3, "uids": rows})
	if err != nil {
		s.Fatal(err)
	}
	if err := ix.PutState(s.Context(), "validator/"+string(s.key(validator).Address()), state); err != nil {
		s.Fatal(err)
	}
}

func (s *tensor) index() *index.Index {
	s.Helper()
	ix, err := OpenIndex(s.Context(), s.TempDir(), nil)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := ix.Close(); err != nil {
			s.Error(err)
		}
	})
	return ix
}

// common serves at 127.0.0.2, since the chain takes no 127.0.0.1.
func (s *tensor) common(name string, log *slog.Logger) Common {
	return Common{Chain: s.on, NetUID: s.net, Hotkey: s.key(name), Listen: "127.0.0.2:0", Dir: s.TempDir(), Log: log}
}

func (s *tensor) miner(name string, log *slog.Logger) *Miner {
	s.Helper()
	m, err := NewMiner(MinerConfig{Common: s.common(name, log)})
	if err != nil {
		s.Fatal(err)
	}
	s.start(m.Node)
	return m
}

func (s *tensor) validator(name string, ix *index.Index, cfg validator.Config) *Validator {
	s.Helper()
	v, err := NewValidator(ValidatorConfig{Common: s.common(name, nil), Index: ix, Validator: cfg, Axon: true})
	if err != nil {
		s.Fatal(err)
	}
	s.start(v.Node)
	return v
}

// start runs a node until the test ends, and waits until it is ready.
func (s *tensor) start(n *Node) {
	s.Helper()
	done := started(s.T, n)
	select {
	case <-n.Ready():
	case err := <-done:
		s.Fatalf("the node ended: %v", err)
	case <-time.After(time.Minute):
		s.Fatal("the node is not ready")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes = append(s.nodes, follows{n, done})
}

// recordedCalls are the calls of the recorded scenario by label.
func recordedCalls(t *testing.T, spec uint32) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", "chain", fmt.Sprintf("spec%d", spec), "extrinsics.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Extrinsics []struct {
			Label string
			Call  struct {
				Hex string `json:"call_hex"`
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	calls := map[string]string{}
	for _, x := range file.Extrinsics {
		calls[x.Label] = x.Call.Hex
	}
	return calls
}

// recordedSubnet is the subnet of the recordings before anybody was registered
// by hand: with room for five, and the owner in 218 and 300.
func recordedSubnet(spec uint32) *substratetest.Genesis {
	g := substratetest.DefaultGenesis()
	g.Rules.MaxUIDs, g.Rules.MaxValidators, g.Rules.ImmunityPeriod = 5, 2, 0
	g.Rules.WeightsVersion, g.Rules.MinStake = 302, 10*chain.TAO
	if spec != 185 {
		g.NetUID, g.Rules.MaxUIDs = 2, 6
		g.Neurons = []substratetest.Neuron{{Hotkey: substratetest.Alice, Coldkey: substratetest.Alice}}
	}
	return &g
}

// TestNodesOnSubtensor: miners and validators on each recorded runtime, from
// the registration to weights, and through a UID that changes hands.
func TestNodesOnSubtensor(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			t.Parallel()
			s := newTensor(t, substratetest.Config{Runtime: spec, Genesis: recordedSubnet(spec)})
			s.enlist()
			lost := listen()
			dave, eve := s.miner("Dave", nil), s.miner("Eve", lost.log())
			s.announced("Dave", dave.Node)
			s.announced("Eve", eve.Node)
			watcher, ix := s.watch()
			s.weights(spec)
			s.takeover("Eve", "Two", watcher, ix)
			lost.await(t, "no longer registered; waiting to be registered again")
			s.withoutTheLost()
		})
	}
}

// enlist registers everybody, in the recorded order, and waits for permits.
func (s *tensor) enlist() {
	s.Helper()
	for _, name := range []string{"Bob", "Charlie", "Dave", "Eve", "Ferdie"} {
		s.register(name)
	}
	for name, stake := range map[string]chain.Rao{"Bob": 100, "Charlie": 40} {
		if err := s.on.AddStake(s.Context(), s.key("Alice"), s.net, s.key(name).Address(), stake*chain.TAO); err != nil {
			s.Fatal(err)
		}
	}
	s.await("a validator permit", func() bool {
		m, err := s.on.Metagraph(s.Context(), s.net)
		if err != nil {
			s.Fatal(err)
		}
		return m.Neurons[s.uid("Bob")].ValidatorPermit && m.Neurons[s.uid("Charlie")].ValidatorPermit
	})
}

// announced checks what the chain was told of a node's axon, as it stores it.
func (s *tensor) announced(name string, n *Node) {
	s.Helper()
	key := s.key(name).PublicKey()
	stored, present := s.node.Storage("SubtensorModule", "Axons", scale.Uint(s.net), scale.Bytes(key[:]))
	r := scale.NewReader(stored)
	ip := r.Big("ip")
	if !present || r.Err() != nil || fmt.Sprintf("%#x", ip) != "0x7f000002" || r.Uint64("ip_type") != 4 ||
		r.Uint64("port") != uint64(n.Addr().Port()) || r.Uint64("protocol") != 4 {
		s.Errorf("%s serves at %s, the chain has %v, %v", name, n.Addr(), stored, r.Err())
	}
	calls := s.sent(name, "serve_axon")
	if len(calls) != 1 {
		s.Fatalf("%s has announced itself %d times", name, len(calls))
	}
	// Pallet, call, netuid, version: then 16 bytes of address, least first.
	want := append([]byte{2, 0, 0, 0x7f}, make([]byte, 12)...)
	want = append(want, byte(n.Addr().Port()), byte(n.Addr().Port()>>8), 4, 4, 0, 0)
	if got := calls[0].CallBytes; len(got) != 30 || string(got[8:]) != string(want) {
		s.Errorf("%s has sent %x", name, got)
	}
	events := 0
	for _, e := range s.node.Events(calls[0].Block) {
		if e.Name == "AxonServed" && e.Phase == scale.Phase(calls[0].Index) {
			events++
		}
	}
	if events != 1 {
		s.Errorf("%d events AxonServed of %s", events, name)
	}
}

// watch runs a validator that steps and sets no weights, under a hotkey that
// serves nobody.
func (s *tensor) watch() (*Validator, *index.Index) {
	s.Helper()
	ix := s.index()
	s.seed(ix, "Ferdie", map[string]float64{"Dave": .3, "Eve": .6})
	for _, name := range []string{"Dave", "Eve"} {
		if err := ix.UpdateStats(s.Context(), s.key(name).Address(), func(st *index.Stats) error {
			st.TotalSuccesses = 500
			return nil
		}); err != nil {
			s.Fatal(err)
		}
	}
	v, err := NewValidator(ValidatorConfig{Common: s.common("Ferdie", nil), Index: ix, Validator: validator.Config{
		BlocksPerStep: 2, UniformSize: 4096, DisableWeights: true, TaskTimeout: 5 * time.Second,
	}})
	if err != nil {
		s.Fatal(err)
	}
	s.start(v.Node)
	return v, ix
}

// weights has Bob and Charlie validate with the recorded weights as scores.
func (s *tensor) weights(spec uint32) {
	s.Helper()
	// Ferdie serves nobody: whatever the score, there is no weight.
	for _, v := range []struct {
		name   string
		scores map[string]float64
	}{
		{"Charlie", map[string]float64{"Dave": .3, "Eve": .6, "Ferdie": .9}},
		{"Bob", map[string]float64{"Charlie": .65535, "Dave": .32768, "Eve": .00100, "Ferdie": .9}},
	} {
		ix := s.index()
		s.seed(ix, v.name, v.scores)
		s.announced(v.name, s.validator(v.name, ix, validator.Config{BlocksPerStep: 1 << 30, EpochBlocks: 3}).Node)
	}
	bob, charlie, dave, eve := s.uid("Bob"), s.uid("Charlie"), s.uid("Dave"), s.uid("Eve")
	bobs := []chain.Weight{{UID: charlie, Value: 65535}, {UID: dave, Value: 32768}, {UID: eve, Value: 100}}
	charlies := []chain.Weight{{UID: dave, Value: 32768}, {UID: eve, Value: 65535}}
	s.await("all weights", func() bool {
		rows := s.node.Weights(s.net)
		return slices.Equal(rows[bob], bobs) && slices.Equal(rows[charlie], charlies)
	})
	recorded := recordedCalls(s.T, spec)
	// Charlie's were recorded as 30000 and 60000; the SDK, and we, send them scaled.
	label := "set_weights Charlie (30000 and 60000: the chain scales the largest to 65535)"
	for name, want := range map[string]string{
		"Bob": recorded["set_weights Bob"], "Charlie": strings.Replace(recorded[label], "307560ea", "0080ffff", 1),
	} {
		for _, x := range s.sent(name, "set_weights") {
			if got := fmt.Sprintf("%#x", x.CallBytes); len(got) < 40 || got != want || x.Failure != "" {
				s.Errorf("%s has sent %s, want %s; %s", name, got, want, x.Failure)
			}
		}
	}
}

// takeover has a hotkey replaced by another, as the chain does it where the
// subnet is full.
func (s *tensor) takeover(old, now string, watcher *Validator, ix *index.Index) {
	s.Helper()
	uid := s.uid(old)
	s.await("scores", func() bool { scores := watcher.Role.Scores(); return len(scores) > int(uid) && scores[uid] > 0 })
	s.replace(uid, now)
	if s.uid(now) != uid {
		s.Fatalf("%s has UID %d, not %d", now, s.uid(now), uid)
	}
	s.await("a reset score", func() bool { return watcher.Role.Scores()[uid] == 0 })
	if dave := watcher.Role.Scores()[s.uid("Dave")]; dave == 0 {
		s.Error("Dave has lost the score too")
	}
	s.await("a standing that is gone", func() bool {
		st, err := ix.Stats(s.Context(), s.key(old).Address())
		return err == nil && st.TotalSuccesses == 0
	})
	if st, err := ix.Stats(s.Context(), s.key("Dave").Address()); err != nil || st.TotalSuccesses < 500 {
		s.Errorf("Dave's standing is %+v, %v", st, err)
	}
	n, _ := watcher.Metagraph().ByUID(uid)
	if n.Hotkey != s.key(now).Address() || n.Axon.Serving() {
		s.Errorf("the validator sees %+v", n)
	}
}

// replace registers a hotkey in a full subnet so that it gets this UID: all
// others have earned more when it happens.
func (s *tensor) replace(uid chain.UID, name string) {
	s.Helper()
	s.held.Lock()
	defer s.held.Unlock()
	const tempo = 10
	for (s.node.Head().Number+1+uint64(s.net)+1)%(tempo+1) > tempo-3 {
		s.node.Step() // an epoch would count what was earned anew
	}
	m, err := s.on.Metagraph(s.Context(), s.net)
	if err != nil {
		s.Fatal(err)
	}
	scores := slices.Repeat([]uint16{1000}, len(m.Neurons))
	scores[uid] = 0
	s.node.Put("SubtensorModule", "PruningScores", scale.Uints(scores), scale.Uint(s.net))
	before := len(s.node.Submitted())
	done := make(chan error, 1)
	go func() { done <- s.on.Register(s.Context(), s.key("Alice"), s.net, s.key(name).Address(), 0) }()
	s.await("a registration", func() bool {
		return slices.ContainsFunc(s.node.Submitted()[before:], func(x substratetest.Submitted) bool { return x.Name == "burned_register" })
	})
	s.node.Step()
	if err := <-done; err != nil {
		s.Fatal(err)
	}
}

// withoutTheLost checks that Bob's next weights know nothing of who is gone.
func (s *tensor) withoutTheLost() {
	s.Helper()
	want := []chain.Weight{{UID: s.uid("Charlie"), Value: 65535}, {UID: s.uid("Dave"), Value: 32768}}
	s.await("weights without the lost one", func() bool { return slices.Equal(s.node.Weights(s.net)[s.uid("Bob")], want) })
}
