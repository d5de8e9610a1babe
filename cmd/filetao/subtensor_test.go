package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/scale"
)

// scriptNet is the subnet of the scripts on subtensors.
const scriptNet = 21

// TestSubtensorScripts runs testdata/subtensor, each script against a subtensor
// of each recorded runtime of its own, at $FILETAO_CHAIN_ENDPOINT. [185] and the
// like say which runtime it is. Beside commands of TestScripts there are
//
//	put ITEM NUMBER  stores a rule of the subnet
//	drop             breaks all connections to the chain
//	says NAME RE     waits for another line that matches of what serve started
//	said NAME RE     something that matches is in all that it printed
//	done NAME CODE   waits until it ends by itself, with this exit code
//	fail KIND METHOD N
//	                 has N answers or notifications (0: all) break the connection
//	                 (drop) or not come (stall)
//	sent N           waits until the node was sent so many transactions
func TestSubtensorScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/subtensor/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		for _, spec := range []uint32{185, 218, 300} {
			t.Run(fmt.Sprint(spec), func(t *testing.T) {
				t.Parallel()
				block := 150 * time.Millisecond // a transaction is good for 16 of them
				if filepath.Base(script) == "run.txtar" {
					block = 40 * time.Millisecond // epochs have to pass, and nodes try again
				}
				testscript.Run(t, onSubtensor(scriptNode(t, spec, block), testscript.Params{Files: []string{script}}, spec))
			})
		}
	}
}

// scriptNode has a subnet with room for three.
func scriptNode(t *testing.T, spec uint32, block time.Duration) *substratetest.Node {
	t.Helper()
	g := substratetest.DefaultGenesis()
	g.NetUID = scriptNet
	g.Rules.MaxUIDs, g.Rules.MaxValidators, g.Rules.ImmunityPeriod = 3, 2, 0
	g.Rules.MinStake, g.Rules.WeightsVersion, g.Rules.ServingRateLimit = 10*chain.TAO, 302, 1000
	tick := time.NewTicker(block)
	t.Cleanup(tick.Stop)
	return substratetest.Start(t, substratetest.Config{Runtime: spec, Genesis: &g, Ticks: tick.C})
}

func onSubtensor(n *substratetest.Node, p testscript.Params, spec uint32) testscript.Params {
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
		env.Setenv("FILETAO_CHAIN_ENDPOINT", n.URL())
		env.Values["served"] = map[string]*process{}
		return os.Mkdir(env.Getenv("HOME"), 0o700)
	}
	p.Condition = func(cond string) (bool, error) { return cond == fmt.Sprint(spec), nil }
	p.Cmds = map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"exits": scriptExits, "serve": scriptServe, "ends": scriptEnds,
		"said": scriptSaid, "done": scriptDone, "mode": scriptMode,
		"fail": func(ts *testscript.TestScript, _ bool, args []string) {
			times, err := strconv.Atoi(args[2])
			ts.Check(err)
			kind := map[string]substratetest.FaultKind{"drop": substratetest.Drop, "stall": substratetest.Stall}[args[0]]
			n.Fail(substratetest.Fault{Kind: kind, Method: args[1], Times: times})
		},
		"sent": func(ts *testscript.TestScript, _ bool, args []string) {
			want, err := strconv.Atoi(args[0])
			ts.Check(err)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for limit := time.After(processLimit); len(n.Submitted()) < want; {
				select {
				case <-tick.C:
				case <-limit:
					ts.Fatalf("the node was sent %d transactions, want %d", len(n.Submitted()), want)
				}
			}
		},
		"drop": func(*testscript.TestScript, bool, []string) { n.DropAll() },
		"put": func(ts *testscript.TestScript, _ bool, args []string) {
			v, err := strconv.ParseUint(args[1], 10, 64)
			ts.Check(err)
			value := scale.Uint(v)
			if args[0] == "CommitRevealWeightsEnabled" {
				value = scale.Bool(v > 0)
			}
			n.Put("SubtensorModule", args[0], value, scale.Int(scriptNet))
		},
		"says": func(ts *testscript.TestScript, _ bool, args []string) {
			_, err := ts.Value("served").(map[string]*process)[args[0]].await(args[1])
			ts.Check(err)
		},
	}
	p.RequireUniqueNames = true
	return p
}

func scriptSaid(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value("served").(map[string]*process)[args[0]]
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	if !re.MatchString(p.out.String()) {
		ts.Fatalf("%s did not print %q: %s", args[0], args[1], p.out)
	}
}

func scriptDone(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value("served").(map[string]*process)[args[0]]
	select {
	case <-p.done:
	case <-time.After(processLimit):
		ts.Fatalf("%s did not end: %s", args[0], p.out)
	}
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit code %s, want %s: %s", got, args[1], p.out)
	}
}
