package main

import (
	"io"
	"testing"

	"github.com/spf13/cobra"
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
		{nil, []string{"--subtensor.network", "test", "--subtensor.chain_endpoint", "wss://host"}, "wss://host", false, 21},
		{nil, []string{"--subtensor.network", "nonsense"}, "", false, 21},
		{nil, []string{"--subtensor.chain_endpoint", "http://host"}, "", false, 21},
	} {
		cli := newCLI(streams{out: io.Discard, err: io.Discard, environ: c.env})
		root := cli.newRoot()
		var endpoint string
		var public bool
		root.AddCommand(&cobra.Command{Use: "probe", RunE: func(*cobra.Command, []string) (err error) {
			endpoint, public, err = cli.chainAddress()
			return err
		}})
		root.SetArgs(append([]string{"probe"}, c.args...))
		err := root.Execute()
		if endpoint != c.want || (err != nil) != (c.want == "") || public != c.public || cli.netuid != c.netuid {
			t.Errorf("%v %v: %q, public %v, subnet %d, %v; want %q, %v, %d", c.env, c.args, endpoint, public, cli.netuid, err, c.want, c.public, c.netuid)
		}
	}
}
