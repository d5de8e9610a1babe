package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

func (c *cli) runCommand() *cobra.Command {
	cmd := group("run", "Run a node", c.runMinerCommand(), c.runValidatorCommand(), c.runAPICommand())
	cmd.Aliases = []string{"n"}
	cmd.Long = `Run a miner, a validator or a gateway until Ctrl-C.

A node's hotkey must be registered on the subnet (filetao chain register). It
listens on loopback unless --axon.ip says otherwise. Options of the Python nodes
are taken under their own names; those without a meaning here say so. So are the
variables of their containers: FILETAO_MINER_WALLET, FILETAO_IP, REDIS_HOST, …`
	cmd.Example = "  filetao run miner --wallet.name miner1 --axon.port 8091 --capacity 500GiB\n" +
		"  filetao run validator --api --wallet.name validator --api.whitelisted_hotkeys 5Grw…"
	return cmd
}

// nodeFlags are the flags all nodes share.
type nodeFlags struct {
	dir, status          string
	axonIP, externalIP   string
	axonPort, externPort uint16
	blacklist, whitelist []string
}

func (n *nodeFlags) add(cmd *cobra.Command, role string) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&n.dir, "dir", "", "`folder` of everything the node keeps (default ~/.filetao/"+role+")")
	f.StringVar(&n.axonIP, "axon.ip", "127.0.0.1", "`address` to listen on; 0.0.0.0 for all")
	f.Uint16Var(&n.axonPort, "axon.port", 8091, "`port` to listen on; 0 takes a free one")
	f.StringVar(&n.externalIP, "axon.external_ip", "", "`address` to announce on the chain (default: the one listened on)")
	f.Uint16Var(&n.externPort, "axon.external_port", 0, "`port` to announce on the chain (default: the one listened on)")
	f.StringVar(&n.status, "status", "127.0.0.1:0", "`address` of the status page (/status, /metrics, /miners); empty for none")
}

// common turns the flags into a node's configuration.
func (c *cli) common(n *nodeFlags, role string, on chain.Chain) (node.Common, error) {
	if err := makeDir(&n.dir, role); err != nil {
		return node.Common{}, err
	}
	ip, err := netip.ParseAddr(n.axonIP)
	if err != nil {
		return node.Common{}, usagef("--axon.ip: %v", err)
	}
	var external netip.Addr
	if n.externalIP != "" {
		if external, err = netip.ParseAddr(n.externalIP); err != nil {
			return node.Common{}, usagef("--axon.external_ip: %v", err)
		}
	} else if ip.IsUnspecified() {
		return node.Common{}, usagef("--axon.ip %s listens on every address, so the chain has to be told which one is yours: give --axon.external_ip", ip)
	}
	hotkey, err := c.hotkey()
	if err != nil {
		return node.Common{}, err
	}
	return node.Common{
		Chain: on, NetUID: chain.NetUID(c.netuid), Hotkey: hotkey,
		Listen: netip.AddrPortFrom(ip, n.axonPort).String(), External: netip.AddrPortFrom(external, n.externPort),
		Dir: n.dir, Status: n.status, Log: c.log,
	}, nil
}

func parseHotkeys(flag string, texts []string) ([]wallet.Address, error) {
	var all []wallet.Address
	for _, text := range texts {
		a, err := wallet.ParseAddress(text)
		if err != nil {
			return nil, usagef("--%s: %v", flag, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// runner is a node, whatever it is.
type runner interface {
	Run(context.Context) error
	Ready() <-chan struct{}
	Addr() netip.AddrPort
	Hotkey() wallet.Address
	StatusAddr() netip.AddrPort
}

// runNode runs a node to its end and prints a line when it is ready.
func (c *cli) runNode(ctx context.Context, role string, n runner) error {
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-n.Ready():
	}
	if err := c.print(map[string]any{"role": role, "hotkey": n.Hotkey(), "axon": n.Addr(), "status": n.StatusAddr()}, func() {
		does := "is ready"
		if n.Addr().IsValid() {
			does = "serves at " + n.Addr().String()
		}
		if n.StatusAddr().IsValid() {
			does += fmt.Sprintf(", status at http://%s/status", n.StatusAddr())
		}
		fmt.Fprintf(c.out, "%s %s %s; Ctrl-C ends it.\n", role, n.Hotkey(), does)
	}); err != nil {
		c.log.Warn("cannot print", "err", err)
	}
	return <-done
}

// minerFlags are the flags of `run miner` beside the shared ones.
type minerFlags struct {
	nodeFlags
	data              string
	capacity, minFree byteSize
	minStake          float64
	permit, anybody   bool
	requests          int
	window            uint64
	notDue            string
	due               node.DueConfig
	permitLimit       float64
}

// What a miner does about audits that were not due.
const (
	countNotDue  = "count"
	refuseNotDue = "refuse"
)

func (c *cli) runMinerCommand() *cobra.Command {
	m := minerFlags{minFree: 1 << 30}
	cmd := serves(&cobra.Command{
		Use: "miner", Short: "Keep bytes, answer for them", Args: noArgs,
		Long: `Run a miner: keep the bytes that validators and gateways store, prove it when
they challenge, give them back. What it keeps is in --dir and survives restarts.

Which miners a validator challenges follows from the block's hash. --audits.not_due
says what becomes of native audits that by it were not due: count answers them, logs
them and counts them (filetao_miner_audits_not_due_total); refuse answers 403. A
refusal may cost the miner: a validator takes it for silence, asks the same again,
and then counts a failure. One with other settings (--audits.sample_size,
--audits.vpermit_tao_limit) is refused like one that asks too often; about blocks
that were not seen here an asker is believed once an hour. Users' data is stored and
fetched under the same hotkeys at any time, others take the place of who fails, and
the reference's challenges name no block: of these nothing is refused.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if m.notDue != countNotDue && m.notDue != refuseNotDue {
				return usagef("--audits.not_due: %q is neither %s nor %s", m.notDue, countNotDue, refuseNotDue)
			}
			if m.due.Sample < 1 {
				return usagef("--audits.sample_size: at least 1")
			}
			if err := c.settleWallet(); err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				cfg, err := c.minerConfig(&m, remote)
				if err != nil {
					return err
				}
				n, err := node.NewMiner(cfg)
				if err != nil {
					return err
				}
				return c.runNode(cmd.Context(), "miner", n)
			})
		},
	})
	m.add(cmd, "miner")
	f := cmd.Flags()
	f.StringVar(&m.data, "database.directory", "", "`folder` of the stored bytes (default <dir>/data)")
	f.Var(&m.capacity, "capacity", "how much to keep at most, for example 500GiB (default: what the disk has)")
	f.Var(&m.minFree, "min-free", "how much to leave free on the disk")
	f.StringSliceVar(&m.blacklist, "blacklist.blacklist_hotkeys", nil, "refuse these `hotkeys`")
	f.StringSliceVar(&m.whitelist, "blacklist.whitelist_hotkeys", nil, "let these `hotkeys` in whatever else holds")
	f.BoolVar(&m.permit, "blacklist.force_validator_permit", false, "let only hotkeys with a validator permit in")
	f.BoolVar(&m.anybody, "blacklist.allow_non_registered", false, "let unregistered hotkeys in")
	f.Float64Var(&m.minStake, "blacklist.minimum_stake_requirement", 0, "let only hotkeys with this much stake in, in `TAO`")
	f.IntVar(&m.requests, "miner.max_requests_per_window", 50, "`requests` one hotkey may make in a window; -1 for any number")
	f.Uint64Var(&m.window, "miner.rate_limit_window", 25, "`blocks` of a window")
	f.StringVar(&m.notDue, "audits.not_due", countNotDue, "`what` to do about native audits that were not due: "+countNotDue+" or "+refuseNotDue+", which may cost the miner")
	f.IntVar(&m.due.Sample, "audits.sample_size", validator.DefaultConfig().ChallengeSample, "`number` of miners that validators challenge a step")
	f.Float64Var(&m.permitLimit, "audits.vpermit_tao_limit", float64(fleet.DefaultConfig().VpermitLimit)/float64(chain.TAO), "stake in `TAO` above which they challenge no validator")
	completeFlag(cmd, "audits.not_due", cobra.FixedCompletions([]string{countNotDue, refuseNotDue}, cobra.ShellCompDirectiveNoFileComp))
	ignore(f, sharedIgnored, minerIgnored)
	return cmd
}

func (c *cli) minerConfig(m *minerFlags, on chain.Chain) (cfg node.MinerConfig, err error) {
	if cfg.Common, err = c.common(&m.nodeFlags, "miner", on); err != nil {
		return cfg, err
	}
	black, err := parseHotkeys("blacklist.blacklist_hotkeys", m.blacklist)
	if err != nil {
		return cfg, err
	}
	white, err := parseHotkeys("blacklist.whitelist_hotkeys", m.whitelist)
	if err != nil {
		return cfg, err
	}
	cfg.Door = wire.DoorConfig{
		Blacklist: black, Whitelist: white, RequirePermit: m.permit, AllowUnregistered: m.anybody,
		MinStake:          uint64(rao(m.minStake)),
		RequestsPerWindow: m.requests, WindowBlocks: m.window,
	}
	cfg.Due, cfg.Miner.RefuseNotDue = m.due, m.notDue == refuseNotDue
	cfg.Due.VpermitLimit = max(1, rao(m.permitLimit))
	cfg.Data = expandHome(m.data)
	cfg.Capacity, cfg.MinFree = int64(m.capacity), int64(m.minFree)
	return cfg, nil
}

// withIndex opens a node's index for as long as fn runs.
func withIndex(ctx context.Context, log *slog.Logger, at, dir string, fn func(*index.Index) error) (err error) {
	if at == "" {
		at = filepath.Join(dir, "index")
	}
	ix, err := node.OpenIndex(ctx, at, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ix.Close()) }()
	return fn(ix)
}
