package substratetest

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// step is one recorded transaction, for its call to be made again.
type step struct {
	Label  string
	Signer string
	Call   struct {
		Section, Method string
		Hex             hexBytes `json:"call_hex"`
	}
	Result struct {
		Pool     struct{ Error *rpcError }
		Included bool
		Number   uint64 `json:"block_number"`
		Index    int    `json:"extrinsic_index"`
	}
}

// scenario makes the recorded calls again, each in the block it was recorded in.
type scenario struct {
	*testing.T
	n    *Node
	c    *caller
	rec  *recording
	spec uint32
	made int
}

// The recorded scenario, played with a living node, has the events, failures
// and storage that the real runtime had.
func TestRecordedScenario(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		rec := loadRecording(t, spec)
		g := DefaultGenesis()
		g.NetUID, g.Rules.ImmunityPeriod, g.Rules.MaxUIDs = rec.net, 5000, 256
		g.Rules.Burn = map[uint32]chain.Rao{185: chain.TAO, 218: chain.TAO, 300: chain.TAO / 10}[spec]
		n := Start(t, Config{Runtime: spec, Genesis: &g, Style: Chopsticks})
		s := &scenario{T: t, n: n, c: dial(t, n), rec: rec, spec: spec}
		var file struct{ Extrinsics []step }
		readJSON(t, filepath.Join(vectors(t), fmt.Sprintf("spec%d", spec), "extrinsics.json"), &file)
		var blocks [][]step
		for _, x := range file.Extrinsics {
			if x.Call.Method == "registerNetwork" && x.Result.Included && spec != 185 {
				s.owner(x.Result.Number)
			}
			if !s.playable(x) {
				continue
			}
			if last := len(blocks) - 1; x.Result.Included && last >= 0 && blocks[last][0].Result.Number == x.Result.Number {
				blocks[last] = append(blocks[last], x)
			} else {
				blocks = append(blocks, []step{x})
			}
		}
		for _, together := range blocks {
			s.play(together)
		}
		if s.made < 30 {
			t.Errorf("%d transactions", s.made)
		}
		for last := rec.blocks[len(rec.blocks)-1].Number; n.Head().Number < last; {
			n.Step()
		}
		s.compareStorage()
	})
}

// owner gives the subnet's owner the first slot, as register_network does.
func (s *scenario) owner(number uint64) {
	if number < 5 {
		return // it failed
	}
	for s.n.Head().Number < number {
		s.n.Step()
	}
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	alice := Key(s.T, "Alice").PublicKey()
	b := s.n.blocks[s.n.head]
	x := &execution{state: b.state, number: number}
	x.own(alice, alice)
	x.join(scale.Uint(s.rec.net), alice)
	x.put("SubnetOwnerHotkey", account(alice), scale.Uint(s.rec.net))
}

// playable are the calls that the node knows. 218 was recorded as a development
// build whose epochs give nothing and whose permits are always there.
func (s *scenario) playable(x step) bool {
	switch {
	case strings.Contains(x.Label, "REJECTED"), strings.Contains(x.Label, "network rate limit"), x.Call.Method == "registerNetwork":
		return false
	case s.spec == 218 && (strings.Contains(x.Label, "takes over") || strings.Contains(x.Label, "permit")):
		return false
	}
	return x.Call.Section == "subtensorModule" || x.Call.Section == "system" || x.Call.Section == "sudo" && s.administers(x)
}

func (s *scenario) administers(x step) bool {
	call, err := s.n.Metadata().DecodeCall(x.Call.Hex)
	if err != nil {
		s.Fatal(x.Label, err)
	}
	inner, err := call.Args.Get("call")
	if err != nil {
		s.Fatal(x.Label, err)
	}
	named, err := scale.AsCall(inner)
	if err != nil {
		s.Fatal(x.Label, err)
	}
	_, known := settings()[named.Name]
	return named.Pallet == "AdminUtils" && known
}

// play makes the calls of one block, or one that the pool refused.
func (s *scenario) play(together []step) {
	s.Helper()
	for x := together[0]; x.Result.Included && s.n.Head().Number+1 < x.Result.Number; {
		s.n.Step()
	}
	for _, x := range together {
		err := s.c.try(nil, "author_submitExtrinsic", s.n.transaction(s.T, Key(s.T, x.Signer), x.Call.Hex, nil))
		s.made++
		if want := x.Result.Pool.Error; want != nil || err != nil {
			var refused *rpcError
			if want == nil || !errors.As(err, &refused) || refused.Message != want.Message {
				s.Errorf("%s: the pool says %v, recorded %v", x.Label, err, want)
			}
			return
		}
	}
	s.n.Step()
	list := s.n.Submitted()
	for i, x := range together {
		got := list[len(list)-len(together)+i]
		have, want := essence(s.n.Events(got.Block), got.Index), s.recordedEvents(x)
		if have != want || got.Block != x.Result.Number {
			s.Errorf("%s, block %d: events\n%s\nrecorded in %d\n%s", x.Label, got.Block, have, x.Result.Number, want)
		}
	}
}

func (s *scenario) recordedEvents(x step) string {
	s.Helper()
	for _, b := range s.rec.blocks {
		if b.Number == x.Result.Number {
			events, err := s.n.Metadata().DecodeEvents(b.Events)
			if err != nil {
				s.Fatal(err)
			}
			return essence(events, x.Result.Index)
		}
	}
	s.Fatalf("%s: block %d was not recorded", x.Label, x.Result.Number)
	return ""
}

// essence is what a client looks at in the events of one transaction.
func essence(events []scale.Event, index int) string {
	var b strings.Builder
	for _, e := range events {
		if e.Phase != scale.Phase(index) {
			continue
		}
		fields := e.Fields.Values
		switch e.Pallet + "." + e.Name {
		case "System.ExtrinsicFailed":
			fields = fields[:1] // weights differ
		case "System.ExtrinsicSuccess":
			fields = nil
		case "SubtensorModule.StakeAdded":
			fields = fields[:min(len(fields), 2)] // prices differ
		case "SubtensorModule.NeuronRegistered", "SubtensorModule.AxonServed", "SubtensorModule.WeightsSet",
			"SubtensorModule.RAORecycledForRegistrationSet", "Sudo.Sudid":
		default:
			continue
		}
		fmt.Fprintln(&b, e.Pallet, e.Name, fields)
	}
	return b.String()
}

// compareStorage compares what does not hang on the arithmetic of an epoch.
func (s *scenario) compareStorage() {
	s.Helper()
	items := []string{"SubnetworkN", "Tempo", "MaxAllowedUids", "WeightsVersionKey", "ServingRateLimit", "Burn",
		"CommitRevealWeightsEnabled"}
	if s.spec != 218 {
		items = append(items, "Keys", "Uids", "BlockAtRegistration", "IsNetworkMember", "LastMechansimStepBlock", "BlocksSinceLastStep",
			"ValidatorPermit", "Active", "Consensus", "RAORecycledForRegistration", "RegistrationsThisInterval", "Weights", "Axons", "LastUpdate")
	}
	compared := 0
	state := s.n.blocks[s.n.head].state
	for _, item := range items {
		entry, err := s.n.Metadata().Storage(pallet, item)
		if err != nil {
			s.Fatal(err)
		}
		prefix, err := entry.Key()
		if err != nil {
			s.Fatal(err)
		}
		for _, v := range s.rec.storage {
			if !strings.HasPrefix(string(v.Key), string(prefix)) {
				continue
			}
			keys, err := entry.DecodeKey(v.Key)
			if err != nil {
				s.Fatal(err)
			}
			var want []byte
			if v.Value != nil {
				want = *v.Value
			}
			a, _, errA := entry.Decode(state.values[string(v.Key)])
			b, _, errB := entry.Decode(want)
			if errors.Join(errA, errB) != nil || !a.Equal(b) && !s.other(keys) {
				s.Errorf("%s %v is %v, recorded %v", item, keys, a, b)
			}
			compared++
		}
	}
	if compared < 8 {
		s.Errorf("%d values compared", compared)
	}
}

// other says that a value is of another subnet.
func (s *scenario) other(keys []scale.Value) bool {
	for _, key := range keys {
		if n, err := key.Uint64(); err == nil {
			return n != uint64(s.rec.net)
		}
	}
	return false
}
