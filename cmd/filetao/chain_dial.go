package main

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/chain/substrate"
)

// testNetUID is FileTAO's subnet on the network test; elsewhere it is 21.
const testNetUID = 22

// localEndpoint is where `filetao chain run` serves unless told otherwise.
const localEndpoint = "ws://127.0.0.1:9944"

func (c *cli) finalityFlag(f *pflag.FlagSet) {
	f.BoolVar(&c.finalized, "subtensor.finalized", false, "go by a subtensor's final blocks instead of the newest: some blocks late, but none is taken back")
}

// settleNetwork has the network named on the command line count more than an
// address in the environment, and gives the subnet its number there.
func (c *cli) settleNetwork(cmd *cobra.Command, named bool) {
	c.networkNamed = named
	if named && !cmd.Flag("subtensor.chain_endpoint").Changed {
		c.chainEndpoint = ""
	}
	if c.network() == "test" && !cmd.Flag("netuid").Changed && c.env("", "FILETAO_NETUID") == "" {
		c.netuid = testNetUID
	}
}

// network is the name of the network that is meant, "" for whatever is at an
// address. An address counts more than a name from the environment.
func (c *cli) network() string {
	if c.chainEndpoint != "" && !c.networkNamed {
		return ""
	}
	return cmp.Or(c.chainNetwork, "finney")
}

// chainEndpoints are the addresses of the chain that the flags name, and whether
// it is a public network's.
func (c *cli) chainEndpoints() (endpoints []string, public bool, err error) {
	if c.chainEndpoint == "" {
		name := c.network()
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
	genesis := substrate.Genesis(c.network())
	if !public {
		for _, endpoint := range endpoints {
			var dev bool
			if dev, err = devchain.Speaks(ctx, endpoint); err != nil {
				continue
			}
			if dev && genesis != (chain.Hash{}) {
				return nil, nil, usagef("at %s there is a development chain, not %s", endpoint, c.network())
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
	remote, err := substrate.Dial(ctx, substrate.Config{Endpoints: endpoints, Genesis: genesis, Finalized: c.finalized}, substrate.Deps{Log: c.log})
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

// spending are the options of commands that spend TAO.
type spending struct{ yes, final bool }

func (s *spending) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.final, "wait-final", false, "wait until the transaction's block is final: some blocks longer")
	cmd.Flags().BoolVar(&s.yes, "yes", false, "do not ask")
}

// toSpend is onChain for commands that spend TAO. Where they are worth money,
// the network has to be named.
func (c *cli) toSpend(ctx context.Context, s spending, fn func(chain.Chain) error) error {
	c.finalized = c.finalized || s.final
	return c.onChain(ctx, func(on chain.Chain) error {
		if err := c.mayspend(ctx, on); err != nil {
			return err
		}
		return fn(on)
	})
}

// subtensor is what a chain can do besides that is no development chain.
type subtensor interface {
	Genesis(ctx context.Context) (chain.Hash, error)
}

// mayspend refuses a public network that was found without being named.
func (c *cli) mayspend(ctx context.Context, on chain.Chain) error {
	real, ok := on.(subtensor)
	if !ok {
		return nil
	}
	genesis, err := real.Genesis(ctx)
	if err != nil {
		return err
	}
	found := substrate.NetworkOf(genesis)
	if found == "" || found == cmp.Or(c.network(), c.chainNetwork) {
		return nil
	}
	return usagef("the node is of the network %s, which nobody named: give --subtensor.network %s to spend there", found, found)
}
