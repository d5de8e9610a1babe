package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/internal/durable"
)

// devnetFile is <devnet's folder>/devnet.json: what --devnet tells the commands
// that work on a running devnet from another terminal.
type devnetFile struct {
	Chain     string `json:"chain_endpoint"`
	NetUID    uint16 `json:"netuid"`
	Wallets   string `json:"wallet_path"`
	User      string `json:"wallet_name"`
	Validator string `json:"validator_dir"`
	// ValidatorWallet is who has stored what the first validator knows.
	ValidatorWallet string `json:"validator_wallet"`
	Hashes          string `json:"hash_basepath"`
	Storage         string `json:"storage_basepath"`
	// What its validators go by, where that is not the network's; 0: not said.
	BlockSeconds    float64 `json:"block_seconds"`
	BlocksPerStep   int     `json:"blocks_per_step"`
	StoreSample     int     `json:"store_sample"`
	ChallengeSample int     `json:"challenge_sample"`
	RetrieveSample  int     `json:"retrieve_sample"`
	MonitorSample   int     `json:"monitor_sample"`
	PermitLimit     float64 `json:"vpermit_tao_limit"`
}

const devnetFileName = "devnet.json"

// describe writes the file for a devnet that is ready. It is there as long as the
// devnet runs.
func describe(d *devnet.Devnet) (devnetFile, error) {
	v := d.Config().Validator
	f := devnetFile{
		Chain: d.ChainEndpoint(), NetUID: uint16(devnet.NetUID), Wallets: d.WalletPath(), User: d.UserWallet(), Validator: d.ValidatorDir(),
		ValidatorWallet: filepath.Base(d.ValidatorDir()), Hashes: filepath.Join(d.Dir(), "hashes"), Storage: filepath.Join(d.Dir(), "storage"),
		BlockSeconds: d.Config().BlockTime.Seconds(), BlocksPerStep: v.BlocksPerStep,
		StoreSample: v.StoreSample, ChallengeSample: v.ChallengeSample, RetrieveSample: v.RetrieveSample, MonitorSample: v.MonitorSample,
		PermitLimit: float64(fleet.DefaultConfig().VpermitLimit) / float64(chain.TAO),
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return f, err
	}
	return f, durable.WriteFile(filepath.Join(d.Dir(), devnetFileName), append(data, '\n'), 0o600)
}

// withdraw removes the file of a devnet that ends, or of one that ended without.
func withdraw(d *devnet.Devnet) error {
	if err := os.Remove(filepath.Join(d.Dir(), devnetFileName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// errDevnetDown says that nothing runs on the folder that --devnet names.
var errDevnetDown = errors.New("does not run")

func (c *cli) devnetDown() error {
	dir := expandHome(c.devnetDir)
	return fmt.Errorf("the network in %s %w: start it with `%s devnet --dir %s`", dir, errDevnetDown, ownName(), shellWord(dir))
}

// whyDown says that the devnet which a command works on is gone, if that may be
// why it failed.
func (c *cli) whyDown(code exitCode) error {
	if c.net == nil || code != exitUnavailable && code != exitFailure {
		return nil
	}
	u, err := url.Parse(c.net.Chain)
	if err != nil || u.Host == "" {
		return nil
	}
	conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		return c.devnetDown()
	}
	_ = conn.Close() // nothing was sent
	return nil
}

// useDevnet takes from the devnet that --devnet names what no flag says.
func (c *cli) useDevnet(cmd *cobra.Command) error {
	switch cmd.Name() {
	case "devnet", "cheat", "version": // which need no network
		return nil
	}
	if c.devnetDir == "" || cmd.CommandPath() == "filetao audit verify" {
		return nil
	}
	path := filepath.Join(expandHome(c.devnetDir), devnetFileName)
	data, err := os.ReadFile(path)
	if _, statErr := os.Stat(filepath.Join(filepath.Dir(path), "chain")); errors.Is(err, fs.ErrNotExist) && statErr == nil {
		return c.devnetDown()
	} else if err != nil {
		return fmt.Errorf("--devnet: %w; is it the folder that `filetao devnet` named, and does it still run?", err)
	}
	c.net = new(devnetFile)
	if err := json.Unmarshal(data, c.net); err != nil {
		return fmt.Errorf("--devnet: %s: %w", path, err)
	}
	if !cmd.Flag("subtensor.chain_endpoint").Changed && !cmd.Flag("subtensor.network").Changed {
		c.chainEndpoint = c.net.Chain
	}
	if !cmd.Flag("netuid").Changed {
		c.netuid = c.net.NetUID
	}
	if !cmd.Flag("wallet.path").Changed {
		c.wallet.Path = c.net.Wallets
		if !cmd.Flag("wallet.name").Changed {
			c.wallet.Name, c.named.wallet = c.net.User, true
			if cmd.CommandPath() == "filetao index rebuild" {
				c.wallet.Name = c.net.ValidatorWallet
			}
		}
		if !cmd.Flag("wallet.hotkey").Changed {
			c.wallet.Hotkey, c.named.hotkey = "default", true
		}
	}
	return nil
}
