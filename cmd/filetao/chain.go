package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
)

// localEndpoint is where `filetao chain run` serves unless told otherwise.
const localEndpoint = "ws://127.0.0.1:9944"

func (c *cli) chainCommand() *cobra.Command {
	cmd := group("chain", "Run a development chain, look at it, register on it",
		c.chainRunCommand(),
		c.chainStatusCommand(),
		c.chainMetagraphCommand(),
		c.chainRegisterCommand(),
		c.chainStakeCommand(),
		c.chainTransferCommand(),
	)
	cmd.Long = `Run a development chain, look at it, register on it.

--subtensor.chain_endpoint says which chain the other commands use;
--subtensor.network local is short for ` + localEndpoint + `.`
	return cmd
}

// dialChain connects to the chain that the flags name. Close it.
func (c *cli) dialChain(ctx context.Context) (*devchain.Remote, error) {
	endpoint := c.chainEndpoint
	switch {
	case endpoint != "":
	case c.chainNetwork == "local":
		endpoint = localEndpoint
	case c.chainNetwork == "" || c.chainNetwork == "finney" || c.chainNetwork == "test":
		return nil, usagef("network %q: this version speaks to development chains only (`filetao chain run`, `filetao devnet`): "+
			"name one with --subtensor.chain_endpoint ws://… or --subtensor.network local", cmp.Or(c.chainNetwork, "finney"))
	default: // any other name is an address, as in the Python SDK
		endpoint = c.chainNetwork
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, usagef("chain %q: an address looks like %s", endpoint, localEndpoint)
	}
	return devchain.Dial(ctx, endpoint)
}

// onChain runs fn with a connection to the chain.
func (c *cli) onChain(ctx context.Context, fn func(*devchain.Remote) error) (err error) {
	remote, err := c.dialChain(ctx)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, remote.Close()) }()
	return fn(remote)
}

func (c *cli) chainStatusCommand() *cobra.Command {
	var wait uint64
	cmd := &cobra.Command{
		Use: "status", Short: "Show the newest block", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onChain(cmd.Context(), func(remote *devchain.Remote) error {
				head, err := remote.Head(cmd.Context())
				if err == nil && wait > 0 {
					head, err = waitBlocks(cmd.Context(), remote, wait)
				}
				if err != nil {
					return err
				}
				return c.print(head, func() {
					c.pairs([][2]string{{"block", strconv.FormatUint(head.Number, 10)}, {"hash", head.Hash.String()}, {"time", head.Time.String()}})
				})
			})
		},
	}
	cmd.Flags().Uint64Var(&wait, "wait", 0, "wait for this `number` of new blocks first")
	return cmd
}

// waitBlocks returns the n-th block from now.
func waitBlocks(ctx context.Context, from chain.Chain, n uint64) (last chain.Block, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blocks, err := from.Subscribe(ctx)
	if err != nil {
		return last, err
	}
	for b := range blocks {
		if n--; n == 0 {
			return b, nil
		}
	}
	return last, cmp.Or(ctx.Err(), chain.ErrUnavailable)
}

func (c *cli) chainMetagraphCommand() *cobra.Command {
	return &cobra.Command{
		Use: "metagraph", Short: "List the neurons of the subnet", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onChain(cmd.Context(), func(remote *devchain.Remote) error {
				m, err := remote.Metagraph(cmd.Context(), chain.NetUID(c.netuid))
				if err != nil {
					return err
				}
				return c.print(m, func() { c.printMetagraph(m) })
			})
		},
	}
}

func (c *cli) printMetagraph(m *chain.Metagraph) {
	var rows [][]string
	for _, n := range m.Neurons {
		axon := "-"
		if n.Axon.Serving() {
			axon = n.Axon.AddrPort().String()
		}
		permit := ""
		if n.ValidatorPermit {
			permit = "validator"
		}
		rows = append(rows, []string{
			fmt.Sprint(n.UID), string(n.Hotkey), n.Stake.String(), permit, axon, fraction(n.Incentive), fraction(n.Trust),
			fraction(n.ValidatorTrust), n.Emission.String(), fmt.Sprint(n.LastUpdate),
		})
	}
	fmt.Fprintf(c.out, "Subnet %d at block %d\n\n", m.NetUID, m.Block.Number)
	c.table([]string{">UID", "HOTKEY", ">STAKE", "PERMIT", "AXON", ">INCENTIVE", ">TRUST", ">VTRUST", ">EMISSION", ">LAST UPDATE"}, rows)
}

// fraction shows a share of 65535.
func fraction(v uint16) string { return strconv.FormatFloat(float64(v)/65535, 'f', 4, 64) }
