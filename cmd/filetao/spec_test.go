package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// The words of the Python commands and nodes of 1.x to 3.x, with values as their
// users give them. A start script written for them has to work here.
const (
	commonWords = `--wallet.name alice; --wallet.hotkey default; --wallet.path ~/.bittensor/wallets; --subtensor.network finney;
		--subtensor.chain_endpoint ws://127.0.0.1:9944; --logging.debug; --logging.trace; --logging.logging_dir ~/logs;
		--logging.record_log; --no_prompt; --netuid 21`
	putWords = `--filepath F; --hash_basepath D; --stake_limit 100; --ttl 2592000; --encrypt; --encrypt true; --encrypt=false;
		--encoding; --timeout 180; --uid 3`
	getWords = `--cid C; --data_hash 12345; --hash_basepath D; --storage_basepath D; --stake_limit 1000.5; --hotkeys ALICE BOB;
		--hotkeys ALICE,BOB; --uids 1 2 3; --uids 1,2; --timeout 100`
	listWords  = `--hash_basepath D`
	statsWords = `--index 0; --index 1`
	nodeWords  = `--axon.ip 0.0.0.0; --axon.port 8091; --axon.external_ip 1.2.3.4; --axon.external_port 9101; --database.host localhost;
		--database.port 6379; --database.index 1; --database.redis_password secret; --database.redis_conf_path /etc/redis/redis.conf;
		--wandb.off; --wandb.offline; --wandb.project_name philanthropic-thunder; --wandb.entity e; --wandb.notes n;
		--wandb.weights_step_length 10; --wandb.run_step_length 1500`
	minerWords = `--miner.name core_storage_miner; --miner.device cpu; --miner.verbose; --database.directory ~/.data;
		--database.skip_native_environment_check; --blacklist.blacklist_hotkeys; --blacklist.blacklist_hotkeys ALICE BOB;
		--blacklist.whitelist_hotkeys ALICE; --miner.blacklist.blacklist_hotkeys ALICE BOB; --miner.blacklist.whitelist_hotkeys BOB;
		--blacklist.force_validator_permit; --miner.blacklist.force_validator_permit; --blacklist.allow_non_registered;
		--miner.blacklist.allow_non_registered; --blacklist.minimum_stake_requirement 0.0;
		--miner.blacklist.minimum_stake_requirement 1024; --blacklist.min_request_period 5; --miner.blacklist.min_request_period 5;
		--miner.max_requests_per_window 50; --miner.rate_limit_window 25; --miner.priority.default 0.0;
		--miner.priority.time_stake_multiplicate 10; --miner.priority.len_request_timestamps 50;
		--miner.request_log_name requests_log.json; --miner.no_set_weights; --miner.no_serve; --miner.no_start_axon;
		--miner.set_weights_wait_for_inclusion; --miner.set_weights_wait_for_finalization; --miner.mock_subtensor`
	neuronWords = `--neuron.name core_storage_validator; --neuron.device cpu; --neuron.verbose; --neuron.log_responses; --neuron.profile;
		--neuron.curve P-256; --neuron.maxsize 65536; --neuron.min_chunk_size 256; --neuron.override_chunk_size 0;
		--neuron.store_redundancy 3; --neuron.store_step_length 5; --neuron.retrieve_step_length 5; --neuron.challenge_sample_size 10;
		--neuron.tier_update_step_length 100; --neuron.set_weights_epoch_length 200; --neuron.chunk_factor 4;
		--neuron.num_concurrent_forwards 1; --neuron.semaphore_size 256; --neuron.moving_average_alpha 0.05;
		--neuron.store_timeout 60; --neuron.challenge_timeout 30; --neuron.retrieve_timeout 60;
		--neuron.checkpoint_block_length 100; --neuron.blocks_per_step 3; --neuron.events_retention_size 2GB;
		--neuron.dont_save_events; --neuron.vpermit_tao_limit 500; --neuron.data_ttl 2592000; --neuron.disable_set_weights;
		--neuron.disable_log_rewards; --api.store_timeout 600; --api.retrieve_timeout 600; --api.ping_timeout 5;
		--api.whitelisted_hotkeys ALICE BOB; --api.blacklisted_hotkeys ALICE; --api.open_access;
		--encryption.wallet_name core_storage_coldkey; --encryption.wallet_hotkey core_storage_hotkey; --encryption.password p`
)

func TestEveryOptionOfTheReferenceIsTaken(t *testing.T) {
	for command, sets := range map[string][]string{
		"store put": {commonWords, putWords}, "s put": {putWords},
		"retrieve get": {commonWords, getWords}, "r get": {getWords},
		"retrieve list": {commonWords, listWords}, "r list": {listWords},
		"miner stats": {commonWords, statsWords}, "m stats": {statsWords},
		"run miner": {commonWords, nodeWords, minerWords}, "n miner": {minerWords},
		"run validator": {commonWords, nodeWords, neuronWords}, "n validator": {neuronWords},
		"run api": {commonWords, nodeWords, neuronWords}, "n api": {neuronWords},
	} {
		for _, option := range strings.Split(strings.Join(sets, ";"), ";") {
			takeOption(t, command, strings.Fields(option))
		}
	}
}

// takeOption parses a command line up to where the command would run. An option
// without a meaning here is said to have none, in one line.
func takeOption(t *testing.T, command string, words []string) {
	t.Helper()
	for i, w := range words {
		words[i] = strings.NewReplacer("ALICE", alice, "BOB", bob).Replace(w)
	}
	var notices bytes.Buffer
	c := newCLI(streams{err: &notices, out: io.Discard, now: time.Now})
	cmd, rest := parse(t, c, append(strings.Fields(command), words...))
	if len(rest) > 0 {
		t.Errorf("filetao %s %v: %v are left over", command, words, rest)
	}
	if cmd.RunE == nil || cmd.HasSubCommands() {
		t.Errorf("filetao %s is no command to run", command)
	}
	c.noticeIgnored(cmd)
	name, _, _ := strings.Cut(strings.TrimPrefix(words[0], "--"), "=")
	f := cmd.Flag(name)
	if f == nil || !f.Changed {
		t.Fatalf("filetao %s %v: the option has not arrived", command, words)
	}
	if lines := strings.Count(notices.String(), "\n"); lines > 1 || f.Hidden != (lines == 1) {
		t.Errorf("filetao %s %v: %d lines say that it does nothing: %s", command, words, lines, &notices)
	}
}

const (
	alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	bob   = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
)

// parse reads a command line as execute does and returns the command and what
// are arguments of it.
func parse(t *testing.T, c *cli, args []string) (*cobra.Command, []string) {
	t.Helper()
	root := c.newRoot()
	cmd, rest, err := root.Find(c.likeArgparse(root, args))
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err != nil {
		t.Fatalf("filetao %v: %v", args, err)
	}
	return cmd, cmd.Flags().Args()
}

func TestWordsAsArgparseReadsThem(t *testing.T) {
	for _, line := range []struct {
		args string
		flag string
		want string
		rest []string
	}{
		{"store put --encrypt", "encrypt", "true", nil},
		{"store put --encrypt false file", "encrypt", "false", []string{"file"}},
		{"store put --encrypt file", "encrypt", "true", []string{"file"}},
		{"store put --encrypt False", "encrypt", "false", nil},
		{"store put --encrypt=false", "encrypt", "false", nil},
		{"store put", "encrypt", "true", nil},
		{"store put --uid 7 --uids 8", "uids", "[7,8]", nil},
		{"retrieve get --uids 1 2 3 name", "uids", "[1,2,3]", []string{"name"}},
		{"retrieve get --hotkeys " + alice + " " + bob + " name", "hotkeys", "[" + alice + "," + bob + "]", []string{"name"}},
		{"retrieve get --hotkeys " + alice + " --hotkeys " + bob, "hotkeys", "[" + alice + "," + bob + "]", nil},
		{"retrieve get --data_hash abc", "cid", "abc", nil},
		{"retrieve get -- --cid", "cid", "", []string{"--cid"}},
		{"run miner --blacklist.blacklist_hotkeys --netuid 3", "netuid", "3", nil},
		{"run miner --miner.blacklist.whitelist_hotkeys " + alice + " --blacklist.whitelist_hotkeys " + bob, "blacklist.whitelist_hotkeys", "[" + alice + "," + bob + "]", nil},
		{"run validator --wandb.off true --netuid 4", "netuid", "4", nil},
	} {
		cmd, rest := parse(t, newCLI(streams{err: io.Discard, out: io.Discard}), strings.Fields(line.args))
		if got := cmd.Flag(line.flag).Value.String(); got != line.want || !slices.Equal(rest, line.rest) {
			t.Errorf("filetao %s: --%s is %q, want %q; arguments %v, want %v", line.args, line.flag, got, line.want, rest, line.rest)
		}
	}
}

// The containers' environment file of the Python network.
func TestEnvironmentOfTheContainers(t *testing.T) {
	environ := []string{
		"FILETAO_NETUID=5", "FILETAO_SUBTENSOR=local", "REDIS_HOST=redis", "REDIS_PORT=6380", "REDIS_PASSWORD=secret",
		"FILETAO_MINER_DATA_DIR=/data", "BT_WALLETS_PATH=/wallets", "FILETAO_VALIDATOR_WALLET=v", "FILETAO_MINER_WALLET=m",
		"FILETAO_API_WALLET=a", "FILETAO_HOTKEY=hot", "FILETAO_MINER_HOTKEY=cold", "FILETAO_IP=1.2.3.4",
		"FILETAO_VALIDATOR_EXTERNAL_PORT=9101", "FILETAO_MINER_EXTERNAL_PORT=9111", "FILETAO_API_EXTERNAL_PORT=9121",
		"FILETAO_EXTRA_OPTIONS=--logging.debug", "FILETAO_API_EXTRA_OPTIONS=--api.open_access --neuron.store_redundancy 2", "WANDB_API_KEY=k",
	}
	for command, want := range map[string]string{
		"run miner":                    "netuid=5 subtensor.network=local database.directory=/data wallet.path=/wallets wallet.name=m wallet.hotkey=cold axon.external_ip=1.2.3.4 axon.external_port=9111 logging.debug=true",
		"run validator":                "netuid=5 database.host=redis database.port=6380 database.redis_password=secret wallet.name=v wallet.hotkey=hot axon.external_port=9101 logging.debug=true",
		"n api":                        "netuid=5 database.host=redis wallet.name=a axon.external_port=9121 logging.debug=false api.open_access=true neuron.store_redundancy=2",
		"run miner --wallet.name mine": "wallet.name=mine",
		"store put":                    "wallet.path=~/.bittensor/wallets wallet.name=default wallet.hotkey=default logging.debug=false",
	} {
		c := newCLI(streams{environ: environ, err: io.Discard, out: io.Discard})
		cmd, _ := parse(t, c, strings.Fields(command))
		if err := c.fromEnvironment(cmd); err != nil {
			t.Errorf("filetao %s: %v", command, err)
		}
		for _, pair := range strings.Fields(want) {
			name, value, _ := strings.Cut(pair, "=")
			if got := cmd.Flag(name).Value.String(); got != value {
				t.Errorf("filetao %s: --%s is %q, want %q", command, name, got, value)
			}
		}
	}
	c := newCLI(streams{environ: []string{"FILETAO_API_EXTERNAL_PORT=none"}, err: io.Discard, out: io.Discard})
	cmd, _ := parse(t, c, []string{"run", "api"})
	if err := c.fromEnvironment(cmd); err == nil || !strings.Contains(err.Error(), "FILETAO_API_EXTERNAL_PORT") {
		t.Errorf("a port that is none: %v", err)
	}
}
