package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ignored are options of the Python nodes that are accepted so that start
// scripts keep working, with the reason why they do nothing here. Those that end
// in "?" take no value.
type ignored map[string]string

const (
	whyEmbedded = "a miner keeps its records beside its data"
	whyGPU      = "no GPU is used"
	whyEvents   = "Weights & Biases is not supported"
	whyLog      = "logs go to standard error"
	whyGateway  = "a gateway does not validate"
)

var sharedIgnored = ignored{
	"wandb.off?": whyEvents, "wandb.offline?": whyEvents, "wandb.project_name": whyEvents, "wandb.entity": whyEvents,
	"wandb.notes": whyEvents, "wandb.weights_step_length": whyEvents, "wandb.run_step_length": whyEvents,
	"database.redis_conf_path": "the Redis server's configuration is not read",
	"axon.max_workers":         "requests are bounded by bytes",
	"test?":                    "give --subtensor.network", "mock?": "use `filetao devnet`",
}

// commonIgnored are bittensor's own, which every Python command takes.
var commonIgnored = ignored{
	"logging.logging_dir": whyLog, "logging.record_log?": whyLog, "no_prompt?": "questions are asked at a terminal only",
	"no_version_checking?": "nothing looks for new versions", "config": "options come from the command line", "strict?": "mistyped options are always refused",
	"subtensor._mock?": "use `filetao devnet`",
}

var minerIgnored = ignored{
	"miner.name": "--dir names the folder", "miner.verbose?": "use --logging.debug", "miner.device": whyGPU,
	"database.host": whyEmbedded, "database.port": whyEmbedded, "database.index": whyEmbedded,
	"database.redis_password": whyEmbedded, "database.skip_native_environment_check?": whyEmbedded,
	"blacklist.min_request_period":           "--miner.rate_limit_window counts in blocks",
	"miner.priority.default":                 "unregistered hotkeys have priority 0",
	"miner.priority.time_stake_multiplicate": "waiting doubles the priority every 10 minutes",
	"miner.priority.len_request_timestamps":  "waiting doubles the priority every 10 minutes",
	"miner.request_log_name":                 "requests are counted on the status page's /metrics",
	"miner.no_set_weights?":                  "miners set no weights", "miner.mock_subtensor?": "use `filetao chain run`",
	"miner.set_weights_wait_for_inclusion?":    "miners set no weights",
	"miner.set_weights_wait_for_finalization?": "miners set no weights",
	"miner.no_serve?":                          "a miner that is not announced cannot be asked",
	"miner.no_start_axon?":                     "a miner without an axon cannot be asked",
	"miner.dont_save_events?":                  "miners write no events", "miner.events_retention_size": "miners write no events",
	"miner.seconds_to_wait_to_log_presence_message": "use the status page's /status",
}

var neuronIgnored = ignored{
	"neuron.name": "--dir names the folder", "neuron.verbose?": "use --logging.debug", "neuron.log_responses?": "use --logging.debug",
	"neuron.profile?": "use the status page's /metrics", "neuron.device": whyGPU,
	"neuron.curve":                   "P-256 is the only curve of the network",
	"neuron.min_chunk_size":          "256 is the network's",
	"neuron.chunk_factor":            "challenges choose among pieces that exist",
	"neuron.tier_update_step_length": "tiers are decided at every rollover",
	"neuron.num_concurrent_forwards": "steps do not overlap", "neuron.semaphore_size": "transfers are bounded by bytes",
	"neuron.disable_log_rewards?":      "use --logging.debug to see them",
	"neuron.subscription_logging_path": whyLog, "neuron.debug_logging_path": whyLog,
}

// gatewayIgnored are validators' options, which the Python gateway has as well.
var gatewayIgnored = ignored{
	"neuron.maxsize": whyGateway, "neuron.blocks_per_step": whyGateway, "neuron.challenge_sample_size": whyGateway,
	"neuron.store_step_length": whyGateway, "neuron.retrieve_step_length": whyGateway, "neuron.set_weights_epoch_length": whyGateway,
	"neuron.checkpoint_block_length": whyGateway, "neuron.moving_average_alpha": whyGateway, "neuron.data_ttl": whyGateway,
	"neuron.disable_set_weights?": whyGateway, "neuron.events_retention_size": whyGateway, "neuron.dont_save_events?": whyGateway,
}

// ignore defines the options, hidden from the help.
func ignore(f *pflag.FlagSet, sets ...ignored) {
	for _, set := range sets {
		for name, why := range set {
			name, isSwitch := strings.CutSuffix(name, "?")
			if isSwitch {
				f.Bool(name, false, why)
			} else {
				f.String(name, "", why)
			}
			f.Lookup(name).Hidden = true
			f.Lookup(name).Annotations = map[string][]string{ignoredNote: {why}}
		}
	}
}

const ignoredNote = "no effect"

// noticeIgnored says of each such option that was given why it does nothing.
func (c *cli) noticeIgnored(cmd *cobra.Command) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if why := f.Annotations[ignoredNote]; why != nil {
			fmt.Fprintf(c.err, "note: --%s has no effect: %s\n", f.Name, why[0])
		}
	})
}

// byteSize is a flag for a number of bytes: 1000, 500MB, 2GiB.
type byteSize int64

var errByteSize = errors.New("it is no number of bytes like 1000, 500MB or 2GiB")

func (b *byteSize) Set(text string) error {
	number := strings.TrimRight(text, "KMGTPiBkb")
	unit := strings.ToUpper(strings.TrimSuffix(strings.ToUpper(text[len(number):]), "B"))
	base := 1000.0
	if letter, ok := strings.CutSuffix(unit, "I"); ok {
		unit, base = letter, 1024
	}
	power := strings.Index(" KMGTP", unit)
	if unit == "" {
		power = 0
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || v < 0 || power < 0 || len(unit) > 1 {
		return errByteSize
	}
	for range power {
		v *= base
	}
	if v >= 1<<63 {
		return errByteSize
	}
	*b = byteSize(v)
	return nil
}

func (b *byteSize) String() string {
	if *b == 0 {
		return "0" // which the help does not show
	}
	return size(int64(*b))
}

// Type implements pflag.Value.
func (b *byteSize) Type() string { return "bytes" }
