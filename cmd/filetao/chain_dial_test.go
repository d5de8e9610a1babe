package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/chain/substrate"
	"github.com/filetao/filetao/chain/substratetest"
)

// TestWhichChain: what is on the command line counts more than the environment,
// an address more than a name, and a known name has its subnet.
func TestWhichChain(t *testing.T) {
	for _, c := range []struct {
		env    []string
		args   []string
		want   string
		public bool
		netuid uint16
	}{
		{nil, nil, "wss://entrypoint-finney.opentensor.ai:443", true, 21},
		{nil, []string{"--subtensor.network", "finney"}, "wss://entrypoint-finney.opentensor.ai:443", true, 21},
		{nil, []string{"--subtensor.network", "test"}, "wss://test.finney.opentensor.ai:443", true, 22},
		{nil, []string{"--subtensor.network", "test", "--netuid", "7"}, "wss://test.finney.opentensor.ai:443", true, 7},
		{[]string{"FILETAO_NETUID=8"}, []string{"--subtensor.network", "test"}, "wss://test.finney.opentensor.ai:443", true, 8},
		{[]string{"BT_SUBTENSOR_NETWORK=test"}, nil, "wss://test.finney.opentensor.ai:443", true, 22},
		{nil, []string{"--subtensor.network", "local"}, localEndpoint, false, 21},
		{nil, []string{"--subtensor.network", "ws://host:1"}, "ws://host:1", false, 21},
		{[]string{"FILETAO_CHAIN_ENDPOINT=ws://host:1"}, nil, "ws://host:1", false, 21},
		{[]string{"FILETAO_CHAIN_ENDPOINT=ws://host:1", "BT_SUBTENSOR_NETWORK=test"}, nil, "ws://host:1", false, 21},
		{[]string{"FILETAO_CHAIN_ENDPOINT=ws://host:1"}, []string{"--subtensor.network", "test"}, "wss://test.finney.opentensor.ai:443", true, 22},
		{nil, []string{"--subtensor.network", "test", "--subtensor.chain_endpoint", "wss://host"}, "wss://host", false, 22},
		{nil, []string{"--subtensor.chain_endpoint", "ws://a:1,wss://b"}, "ws://a:1 wss://b", false, 21},
		{nil, []string{"--subtensor.network", "nonsense"}, "", false, 21},
		{nil, []string{"--subtensor.chain_endpoint", "http://host"}, "", false, 21},
	} {
		cli := newCLI(streams{out: io.Discard, err: io.Discard, environ: c.env})
		root := cli.newRoot()
		var endpoints []string
		var public bool
		root.AddCommand(&cobra.Command{Use: "probe", RunE: func(*cobra.Command, []string) (err error) {
			endpoints, public, err = cli.chainEndpoints()
			return err
		}})
		root.SetArgs(append([]string{"probe"}, c.args...))
		err := root.Execute()
		endpoint := strings.Join(endpoints, " ")
		if endpoint != c.want || (err != nil) != (c.want == "") || public != c.public || cli.netuid != c.netuid {
			t.Errorf("%v %v: %q, public %v, subnet %d, %v; want %q, %v, %d", c.env, c.args, endpoint, public, cli.netuid, err, c.want, c.public, c.netuid)
		}
	}
}

// TestWhatIsNoDevelopmentChainIsASubtensor: a node that knows nothing of ours is
// asked what a subtensor is asked.
func TestWhatIsNoDevelopmentChainIsASubtensor(t *testing.T) {
	asked := make(chan string, 100)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			_, text, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			asked <- string(text)
			_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}`))
		}
	}))
	defer node.Close()
	c := newCLI(streams{out: io.Discard, err: io.Discard})
	c.chainEndpoint = "ws://127.0.0.1:1," + strings.Replace(node.URL, "http", "ws", 1)
	if _, _, err := c.dialChain(t.Context()); !errors.Is(err, chain.ErrUnavailable) || errors.As(err, new(usageError)) {
		t.Errorf("a node that answers nothing: %v", err)
	}
	if first, second := <-asked, <-asked; !strings.Contains(first, "filetao_block") || !strings.Contains(second, "chain_getBlockHash") {
		t.Errorf("it was asked %s and %s", first, second)
	}
}

// rooted is a chain with that genesis.
type rooted struct {
	chain.Chain
	genesis chain.Hash
}

func (r rooted) Genesis(context.Context) (chain.Hash, error) { return r.genesis, nil }

// TestSpendingWhereTAOAreWorthMoney: a public network is spent on only when it
// was meant.
func TestSpendingWhereTAOAreWorthMoney(t *testing.T) {
	for _, c := range []struct {
		found, endpoint, network string
		named, may               bool
	}{
		{"", "ws://a", "", false, true},
		{"", "", "local", true, true},
		{"finney", "", "", false, true}, // the default, which is asked about
		{"finney", "ws://a", "", false, false},
		{"test", "", "local", true, false},
		{"test", "", "ws://a", true, false},
		{"finney", "ws://a", "finney", true, true},
		{"finney", "ws://a", "finney", false, true}, // by the environment
		{"finney", "ws://a", "test", false, false},
	} {
		cli := newCLI(streams{})
		cli.chainEndpoint, cli.chainNetwork, cli.networkNamed = c.endpoint, c.network, c.named
		err := cli.mayspend(t.Context(), rooted{genesis: substrate.Genesis(c.found)})
		if (err == nil) != c.may || err != nil && !strings.Contains(err.Error(), "--subtensor.network "+c.found) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestNamedNetworkIsPinned: nodes given by hand are of the network that is named
// with them, or not used.
func TestNamedNetworkIsPinned(t *testing.T) {
	node := scriptNode(t, 300, 150*time.Millisecond)
	dev, err := devchain.Open(devchain.Config{NetUID: 21}, devchain.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := devchain.NewServer(dev, devchain.ServerConfig{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() { cancel(); <-done; _ = dev.Close() }()
	for _, x := range []struct{ at, want string }{{node.URL(), "another chain"}, {server.URL(), "development chain, not finney"}} {
		var said bytes.Buffer
		c := newCLI(streams{out: io.Discard, err: &said, now: time.Now})
		if code := c.execute(t.Context(), []string{"chain", "status", "--subtensor.network", "finney", "--subtensor.chain_endpoint", x.at}); code == exitOK || !strings.Contains(said.String(), x.want) {
			t.Errorf("exit code %d, said %s", code, &said)
		}
		if code := c.execute(t.Context(), []string{"chain", "status", "--subtensor.chain_endpoint", x.at}); code != exitOK {
			t.Errorf("without a name: exit code %d, said %s", code, &said)
		}
	}
}

// TestFinalBlocks: --subtensor.finalized reads, --wait-final waits for, what is
// final.
func TestFinalBlocks(t *testing.T) {
	const lag = 4
	tick := time.NewTicker(50 * time.Millisecond)
	t.Cleanup(tick.Stop)
	node := substratetest.Start(t, substratetest.Config{FinalityLag: lag, Ticks: tick.C})
	run := func(args ...string) string {
		t.Helper()
		var out, said bytes.Buffer
		c := newCLI(streams{out: &out, err: &said, now: time.Now})
		if code := c.execute(t.Context(), append(args, "--subtensor.chain_endpoint", node.URL())); code != exitOK {
			t.Fatalf("%v: exit code %d, %s", args, code, &said)
		}
		return out.String()
	}
	number := func(args ...string) (n uint64) {
		t.Helper()
		var status struct{ Number uint64 }
		if err := json.Unmarshal([]byte(run(append(args, "chain", "status", "--json")...)), &status); err != nil {
			t.Fatal(err)
		}
		return status.Number
	}
	run("chain", "transfer", "--uri", "//Alice", "--to", bob, "--amount", "1", "--wait-final")
	if in, head := node.Submitted()[0].Block, node.Head().Number; in+lag > head {
		t.Errorf("in block %d, waited until block %d", in, head)
	}
	if before, newest := node.Head().Number, number(); newest < before {
		t.Errorf("block %d was there, the newest is %d", before, newest)
	}
	if final, head := number("--subtensor.finalized"), node.Head().Number; final+lag > head {
		t.Errorf("of %d blocks, %d are final", head, final)
	}
}
