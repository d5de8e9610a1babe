package main

import (
	"context"
	"errors"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
)

// chainNetworks are the names --subtensor.network takes beside addresses, with
// the addresses of their nodes and FileTAO's subnet there.
var chainNetworks = map[string]struct {
	endpoint string
	netuid   uint16
}{
	"finney": {"wss://entrypoint-finney.opentensor.ai:443", 21},
	"test":   {"wss://test.finney.opentensor.ai:443", 22},
	"local":  {localEndpoint, 21},
}

// localEndpoint is where `filetao chain run` serves unless told otherwise.
const localEndpoint = "ws://127.0.0.1:9944"

// settleNetwork has the network named on the command line count more than an
// address in the environment, and gives the subnet its number there.
func (c *cli) settleNetwork(cmd *cobra.Command, named bool) {
	if named && !cmd.Flag("subtensor.chain_endpoint").Changed {
		c.chainEndpoint = ""
	}
	preset, known := chainNetworks[c.chainNetwork]
	if known && c.chainEndpoint == "" && !cmd.Flag("netuid").Changed && c.env("", "FILETAO_NETUID") == "" {
		c.netuid = preset.netuid
	}
}

// chainAddress is the address of the chain that the flags name, and whether it
// is a public network's.
func (c *cli) chainAddress() (endpoint string, public bool, err error) {
	endpoint = c.chainEndpoint
	if endpoint == "" {
		name := c.chainNetwork
		if name == "" {
			name = "finney"
		}
		preset, known := chainNetworks[name]
		if endpoint = preset.endpoint; !known { // any other name is an address, as in the Python SDK
			endpoint = name
		}
		public = known && name != "local"
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return "", false, usagef("chain %q: want finney, test, local or an address like %s", endpoint, localEndpoint)
	}
	return endpoint, public, nil
}

// dialChain connects to the chain that the flags name: a development chain or a
// subtensor, whichever answers there. Call the function it returns in the end.
func (c *cli) dialChain(ctx context.Context) (chain.Chain, func() error, error) {
	endpoint, public, err := c.chainAddress()
	if err != nil {
		return nil, nil, err
	}
	if !public {
		dev, err := devchain.Speaks(ctx, endpoint)
		if err != nil {
			return nil, nil, err
		}
		if dev {
			remote, err := devchain.Dial(ctx, endpoint)
			if err != nil {
				return nil, nil, err
			}
			return remote, remote.Close, nil
		}
	}
	return c.dialSubtensor(ctx, endpoint)
}

// dialSubtensor connects to a node of the real chain.
func (c *cli) dialSubtensor(_ context.Context, endpoint string) (chain.Chain, func() error, error) {
	return nil, nil, usagef("%s: this version speaks to development chains only (`filetao chain run`, `filetao devnet`): "+
		"name one with --subtensor.chain_endpoint ws://… or --subtensor.network local", endpoint)
}

// onChain runs fn with a connection to the chain.
func (c *cli) onChain(ctx context.Context, fn func(chain.Chain) error) error {
	on, end, err := c.dialChain(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(on), end())
}
