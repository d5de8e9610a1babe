package main

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/chain/substrate"
)

// testNetUID is FileTAO's subnet on the network test; elsewhere it is 21.
const testNetUID = 22

// localEndpoint is where `filetao chain run` serves unless told otherwise.
const localEndpoint = "ws://127.0.0.1:9944"

// settleNetwork has the network named on the command line count more than an
// address in the environment, and gives the subnet its number there.
func (c *cli) settleNetwork(cmd *cobra.Command, named bool) {
	if named && !cmd.Flag("subtensor.chain_endpoint").Changed {
		c.chainEndpoint = ""
	}
	if c.chainNetwork == "test" && c.chainEndpoint == "" && !cmd.Flag("netuid").Changed && c.env("", "FILETAO_NETUID") == "" {
		c.netuid = testNetUID
	}
}

// chainEndpoints are the addresses of the chain that the flags name, and whether
// it is a public network's.
func (c *cli) chainEndpoints() (endpoints []string, public bool, err error) {
	if c.chainEndpoint == "" {
		name := cmp.Or(c.chainNetwork, "finney")
		if endpoints, public = substrate.Endpoints(name); public {
			return endpoints, name != "local", nil
		}
		endpoints = []string{name} // any other name is an address, as in the Python SDK
	} else {
		endpoints = strings.Split(c.chainEndpoint, ",")
	}
	for _, e := range endpoints {
		if u, err := url.Parse(e); err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
			return nil, false, usagef("chain %q: want finney, test, local or an address like %s", e, localEndpoint)
		}
	}
	return endpoints, false, nil
}

// dialChain connects to the chain that the flags name: a development chain or a
// subtensor, whichever answers at the first address that does. Call the function
// it returns in the end.
func (c *cli) dialChain(ctx context.Context) (chain.Chain, func() error, error) {
	endpoints, public, err := c.chainEndpoints()
	if err != nil {
		return nil, nil, err
	}
	if !public {
		for _, endpoint := range endpoints {
			var dev bool
			if dev, err = devchain.Speaks(ctx, endpoint); err != nil {
				continue
			}
			if dev {
				remote, err := devchain.Dial(ctx, endpoint)
				if err != nil {
					return nil, nil, err
				}
				return remote, remote.Close, nil
			}
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	remote, err := substrate.Dial(ctx, substrate.Config{Endpoints: endpoints}, substrate.Deps{Log: c.log})
	if err != nil {
		return nil, nil, err
	}
	return remote, remote.Close, nil
}

// onChain runs fn with a connection to the chain.
func (c *cli) onChain(ctx context.Context, fn func(chain.Chain) error) error {
	on, end, err := c.dialChain(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(on), end())
}
