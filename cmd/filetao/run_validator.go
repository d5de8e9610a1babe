package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wallet"
)

// indexFlags say where a validator's or a gateway's index is.
type indexFlags struct {
	at, host, password string
	port, db           int
}

func (i *indexFlags) add(c *cli, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&i.at, "index", c.env("", "FILETAO_INDEX"), "`URL` of a Redis index, redis://… or redis+cluster://…, for several processes over one index (default: embedded, in --dir)")
	f.StringVar(&i.host, "database.host", "", "`host` of a Redis index, as the Python nodes name it")
	f.IntVar(&i.port, "database.port", 6379, "its `port`")
	f.IntVar(&i.db, "database.index", 1, "its database `number`")
	f.StringVar(&i.password, "database.redis_password", c.env("", "REDIS_PASSWORD"), "its `password` (REDIS_PASSWORD)")
	keepSecret(f, "database.redis_password")
}

// url is the index's address; "" means the embedded one.
func (i *indexFlags) url() string {
	if i.at == "" && i.host != "" {
		return redisURL(i.host, i.port, i.password, i.db)
	}
	return i.at
}

// neuronFlags are the flags of what asks miners: validators and gateways.
type neuronFlags struct {
	permitLimit                      float64
	ping, store, challenge, retrieve float64
	start                            byteSize
}

func (n *neuronFlags) add(cmd *cobra.Command) {
	d := fleet.DefaultConfig()
	f := cmd.Flags()
	f.Float64Var(&n.permitLimit, "neuron.vpermit_tao_limit", float64(d.VpermitLimit)/float64(chain.TAO), "stake in `TAO` above which a validator is not asked to store")
	f.Float64Var(&n.store, "neuron.store_timeout", d.StoreTimeout.Seconds(), "`seconds` a miner has to store")
	f.Float64Var(&n.challenge, "neuron.challenge_timeout", d.ChallengeTimeout.Seconds(), "`seconds` a miner has to answer a challenge")
	f.Float64Var(&n.retrieve, "neuron.retrieve_timeout", d.RetrieveTimeout.Seconds(), "`seconds` a miner has to give data back")
	n.start = byteSize(d.Start)
	f.Var(&n.start, "neuron.start_capacity", "how much a miner may be given before it has shown that it holds anything; raise it where you know the miners")
	f.Float64Var(&n.ping, "api.ping_timeout", d.PingTimeout.Seconds(), "`seconds` a miner has to answer a ping")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (n *neuronFlags) fleet() fleet.Config {
	return fleet.Config{
		VpermitLimit: max(1, rao(n.permitLimit)), PingTimeout: seconds(n.ping), StoreTimeout: seconds(n.store),
		ChallengeTimeout: seconds(n.challenge), RetrieveTimeout: seconds(n.retrieve), Start: int64(n.start),
	}
}

// validatorFlags are the flags of `run validator` beside the shared ones.
type validatorFlags struct {
	nodeFlags
	indexFlags
	neuronFlags
	apiFlags
	eventFlags
	repairFlags
	backupFlags
	api     bool
	axon    bool
	ttl     int64 // seconds
	profile profileFlag
	cfg     validator.Config
}

// eventFlags say what is kept of a validator's events.
type eventFlags struct {
	eventsFile string
	eventsKept byteSize
	noEvents   bool
}

func (e *eventFlags) add(cmd *cobra.Command) {
	e.eventsKept = defaultEvents
	f := cmd.Flags()
	f.StringVar(&e.eventsFile, "events.file", "", "`file` of the events, a line of JSON each, for `filetao plot` (default <dir>/"+events.FileName+")")
	f.Var(&e.eventsKept, "neuron.events_retention_size", "how much of them is kept")
	f.BoolVar(&e.noEvents, "neuron.dont_save_events", false, "keep none")
}

// eventFiles is how many files the kept events are in.
const eventFiles = 8

// defaultEvents is a fortnight of 192 miners.
const defaultEvents = 512 << 20

// config is where events are kept; nil: nowhere.
func (e *eventFlags) config(dir string) *events.Config {
	if e.noEvents {
		return nil
	}
	cfg := events.DefaultConfig(cmp.Or(expandHome(e.eventsFile), filepath.Join(dir, events.FileName)))
	cfg.FileSize, cfg.Files = int64(e.eventsKept)/eventFiles, eventFiles
	return &cfg
}

func (c *cli) runValidatorCommand() *cobra.Command {
	v := validatorFlags{cfg: validator.DefaultConfig()}
	cmd := serves(&cobra.Command{
		Use: "validator", Short: "Challenge miners, score them, set weights; with --api also serve users", Args: noArgs,
		Long: `Run a validator: store random data on miners, challenge them for what they hold,
score them, set weights on the chain. With --api it also serves users: those in
--api.whitelisted_hotkeys. With --api or --axon it tells registered miners that ask
what it knows of them, and of no other.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := v.profile.settle(&v.cfg); err != nil {
				return err
			}
			if err := c.settleWallet(); err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				return c.runValidator(cmd, &v, remote)
			})
		},
	})
	f := cmd.Flags()
	f.BoolVar(&v.api, "api", false, "serve users in the same process, over the same index")
	f.BoolVar(&v.axon, "axon", false, "serve an axon for miners that ask why they stand where they do (miner explain --ask); with --api it is served anyway")
	v.nodeFlags.add(cmd, "validator")
	v.indexFlags.add(c, cmd)
	v.neuronFlags.add(cmd)
	v.apiFlags.add(c, cmd)
	v.eventFlags.add(cmd)
	v.repairFlags.add(f)
	v.backupFlags.add(f)
	v.profile.add(f)
	f.Int64Var(&v.cfg.UniformSize, "neuron.maxsize", 0, "`bytes` of the largest random datum; 0 draws sizes log-normally around 3 MiB")
	f.IntVar(&v.cfg.BlocksPerStep, "neuron.blocks_per_step", v.cfg.BlocksPerStep, "`blocks` from step to step")
	f.IntVar(&v.cfg.ChallengeSample, "neuron.challenge_sample_size", v.cfg.ChallengeSample, "`number` of miners challenged a step")
	f.IntVar(&v.cfg.RetrieveEvery, "neuron.retrieve_step_length", v.cfg.RetrieveEvery, "`steps` from retrieval to retrieval")
	f.IntVar(&v.cfg.EpochBlocks, "neuron.set_weights_epoch_length", v.cfg.EpochBlocks, "`blocks` from setting weights to setting weights")
	f.IntVar(&v.cfg.CheckpointBlocks, "neuron.checkpoint_block_length", v.cfg.CheckpointBlocks, "`blocks` from checkpoint to checkpoint at most; every step makes one")
	f.Float64Var(&v.cfg.Rules.Alpha, "neuron.moving_average_alpha", v.cfg.Rules.Alpha, "`weight` of a new reward in the score")
	f.Int64Var(&v.ttl, "neuron.data_ttl", int64(v.cfg.TTL/time.Second), "`seconds` that random data is kept")
	f.BoolVar(&v.cfg.DisableWeights, "neuron.disable_set_weights", false, "set no weights on the chain")
	ignore(f, sharedIgnored, neuronIgnored, ignored{"neuron.store_step_length": "random data is stored at every step"})
	return cmd
}

func (c *cli) runValidator(cmd *cobra.Command, v *validatorFlags, remote chain.Chain) error {
	common, err := c.common(&v.nodeFlags, "validator", remote)
	if err != nil {
		return err
	}
	v.cfg.TTL, v.cfg.Rules.Capacity.Start = time.Duration(v.ttl)*time.Second, int64(v.start)
	return withIndex(cmd.Context(), c.log, v.url(), v.dir, func(ix *index.Index) error {
		cfg := node.ValidatorConfig{Common: common, Index: ix, Fleet: v.fleet(), Validator: v.cfg, Events: v.eventFlags.config(v.dir), Axon: v.axon, Repair: v.repairFlags.config(), Backup: v.backupFlags.config()}
		if v.api {
			api, err := c.apiConfig(cmd.Context(), &v.apiFlags)
			if err != nil {
				return err
			}
			if cfg.Door, err = v.door(); err != nil {
				return err
			}
			cfg.API = &api
		}
		n, err := node.NewValidator(cfg)
		if err != nil {
			return err
		}
		return c.runNode(cmd.Context(), "validator", n)
	})
}

// gatewayFlags are the flags of `run api` beside the shared ones.
type gatewayFlags struct {
	nodeFlags
	indexFlags
	neuronFlags
	apiFlags
	askerWallet, askerHotkey string
}

func (c *cli) runAPICommand() *cobra.Command {
	var g gatewayFlags
	cmd := serves(&cobra.Command{
		Use: "api", Short: "Serve users: a gateway in a process of its own", Aliases: []string{"gateway"}, Args: noArgs,
		Long: `Serve users. A gateway shares a validator's index, which therefore has to be in
Redis (--index), and asks miners under the validator's hotkey (--asker.wallet), so
that the validator can challenge what it stores. It serves under its own hotkey.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.settleWallet(); err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error { return c.runGateway(cmd, &g, remote) })
		},
	})
	g.nodeFlags.add(cmd, "gateway")
	g.indexFlags.add(c, cmd)
	g.neuronFlags.add(cmd)
	g.apiFlags.add(c, cmd)
	f := cmd.Flags()
	f.StringVar(&g.askerWallet, "asker.wallet", "", "`wallet` whose hotkey miners are asked under (default: --wallet.name)")
	f.StringVar(&g.askerHotkey, "asker.hotkey", "", "`name` of that hotkey (default: \"default\", or --wallet.hotkey without --asker.wallet)")
	ignore(f, sharedIgnored, neuronIgnored, gatewayIgnored)
	return cmd
}

func (c *cli) runGateway(cmd *cobra.Command, g *gatewayFlags, remote chain.Chain) error {
	common, err := c.common(&g.nodeFlags, "gateway", remote)
	if err != nil {
		return err
	}
	asker := common.Hotkey
	if g.askerWallet != "" || g.askerHotkey != "" {
		loc := wallet.Location{
			Path: c.wallet.Path, Name: cmp.Or(g.askerWallet, c.wallet.Name), Hotkey: cmp.Or(g.askerHotkey, "default"),
		}
		if asker, err = wallet.At(loc).Hotkey(); err != nil {
			return fmt.Errorf("asker's hotkey: %w", err)
		}
	}
	if common.Door, err = g.door(); err != nil {
		return err
	}
	api, err := c.apiConfig(cmd.Context(), &g.apiFlags)
	if err != nil {
		return err
	}
	return withIndex(cmd.Context(), c.log, g.url(), g.dir, func(ix *index.Index) error {
		n, err := node.NewGateway(node.GatewayConfig{Common: common, APIConfig: api, Index: ix, Asker: asker, Fleet: g.fleet()})
		if err != nil {
			return err
		}
		return c.runNode(cmd.Context(), "gateway", n)
	})
}
