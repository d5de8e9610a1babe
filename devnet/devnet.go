// Package devnet is a whole FileTAO network in one process: an embedded chain,
// miners, validators and gateways, each the very object graph that `filetao
// run` builds, on loopback addresses. It backs the `devnet` command and every
// end-to-end test. It is not a simulation: time, sockets, files, signatures
// and proofs are real. Enter at New.
package devnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/backup"
	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/internal/lifecycle"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/repair"
	"github.com/filetao/filetao/validator"
)

// Config says how large the network is and where it lives.
type Config struct {
	// Miners, Validators and Gateways are numbers of nodes. The first gateway
	// runs inside the first validator; further ones are nodes of their own
	// beside it, over its index. At least one of each.
	Miners, Validators, Gateways int
	// BlockTime is the chain's; at least 10 ms.
	BlockTime time.Duration
	// Dir keeps wallets, chain and data, and a network started on it again
	// goes on. "" means a temporary folder that is removed at the end.
	Dir string
	// Keys derives the encryption keys of user and gateway from their
	// coldkeys; nil means envelope.DeriveKey, which takes seconds and
	// 512 MiB each.
	Keys func(privateKeyHex string) envelope.Key
	// Validator, Gateway, Repair and Backup are the roles' own settings, Fleet is how
	// all of them ask miners.
	Validator validator.Config
	Gateway   gateway.Config
	Repair    repair.Config
	Backup    backup.Config
	Fleet     fleet.Config
	// Client is the user's own settings.
	Client client.Config
	// Links is how many miners, from the first, have a relay before them, which can
	// be slowed down and cut and counts its bytes; GatewayLink puts one before every
	// gateway too.
	Links       int
	GatewayLink bool
	// Status gives every node a status page on a free loopback port.
	Status bool
	// Disk, if set, gives the file system of a folder: of the stored bytes of each
	// miner and of the index of each validator. Tests let it crash.
	Disk func(dir string) vfs.FS
	// Log may be nil.
	Log *slog.Logger
}

// DefaultConfig is the network that `filetao devnet` starts.
func DefaultConfig() Config {
	v := validator.DefaultConfig()
	v.UniformSize = 256 << 10                                    // random data costs every miner CPU; a devnet has one machine for all
	v.ChallengeSample = 3                                        // and so do challenges about large files, a step every few seconds
	v.EpochBlocks, v.WindowEpochs = tempo, 2*v.EpochBlocks/tempo // statistics keep the network's window
	v.Rules.Capacity.Start = 16 << 30                            // its files are as large as its user likes, its miners as new as they are
	return Config{
		Miners: 6, Validators: 1, Gateways: 1, BlockTime: time.Second,
		Validator: v, Gateway: gateway.DefaultConfig(), Status: true,
	}
}

// Devnet is a network. Its parts run in Run.
type Devnet struct {
	cfg       Config
	dir       string
	temporary bool
	log       *slog.Logger
	users     wallets
	dev       *devchain.Devchain
	rpc       *devchain.Server
	group     *lifecycle.Group
	indexes   []*index.Index // one a validator

	ready      chan struct{}
	miners     []*slot // set before ready is closed
	validators []*node.Validator
	gateways   []*node.Gateway
	entries    []*Link             // to the gateways; nil: they are reached directly
	userKey    func() envelope.Key // derived at the first call
	seen       observer
}

// New makes wallets and opens the chain. Nothing runs yet.
func New(cfg Config) (d *Devnet, err error) {
	if cfg.Miners < 1 || cfg.Validators < 1 || cfg.Gateways < 1 {
		return nil, errors.New("a devnet needs at least one miner, one validator and one gateway")
	}
	if cfg.BlockTime < 10*time.Millisecond {
		return nil, fmt.Errorf("block time %v: at least 10ms", cfg.BlockTime)
	}
	d = &Devnet{cfg: cfg, dir: cfg.Dir, log: cfg.Log, ready: make(chan struct{})}
	d.seen.last = map[int]Challenge{}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.cfg.Keys == nil {
		d.cfg.Keys = envelope.DeriveKey
	}
	d.group = lifecycle.New(d.log)
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *Devnet) open() (err error) {
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "filetao-devnet-"); err != nil {
			return err
		}
		d.temporary = true
	} else if d.dir, err = filepath.Abs(d.dir); err != nil {
		return err
	}
	if d.users, err = openWallets(d.WalletPath(), d.cfg); err != nil {
		return err
	}
	d.userKey = sync.OnceValue(func() envelope.Key { return d.cfg.Keys(d.users.userColdkey.PrivateKeyHex()) })
	d.dev, err = devchain.Open(devchain.Config{
		Dir: filepath.Join(d.dir, "chain"), BlockTime: d.cfg.BlockTime, NetUID: NetUID,
		Hyperparameters: hyperparameters(),
	}, devchain.Deps{Log: d.log})
	if err != nil {
		return fmt.Errorf("chain: %w", err)
	}
	d.group.AddCloser("chain", d.dev.Close)
	if d.rpc, err = devchain.NewServer(d.dev, devchain.ServerConfig{Listen: "127.0.0.1:0"}); err != nil {
		return fmt.Errorf("chain's RPC: %w", err)
	}
	return nil
}

// Run starts everything and blocks until ctx ends or a part fails. A temporary
// folder is gone when it returns.
func (d *Devnet) Run(ctx context.Context) error {
	d.group.Add("chain", d.dev.Run)
	d.group.Add("chain's RPC", d.rpc.Run)
	d.group.Add("nodes", d.runNodes)
	d.group.Add("user's key", func(context.Context) error { d.userKey(); return nil }) // ahead of who needs it
	return errors.Join(d.group.Run(ctx), d.removeTemporary())
}

func (d *Devnet) close() error { return errors.Join(d.group.Close(), d.removeTemporary()) }

func (d *Devnet) removeTemporary() error {
	if !d.temporary {
		return nil
	}
	return os.RemoveAll(d.dir)
}

// Ready is closed when every node serves.
func (d *Devnet) Ready() <-chan struct{} { return d.ready }

// WalletPath is the folder of the network's wallets.
func (d *Devnet) WalletPath() string { return filepath.Join(d.dir, "wallets") }

// ChainEndpoint is the chain's URL for nodes and commands in other processes.
func (d *Devnet) ChainEndpoint() string { return d.rpc.URL() }

// Config is what the network was made by.
func (d *Devnet) Config() Config { return d.cfg }

// Dir is the folder of the network.
func (d *Devnet) Dir() string { return d.dir }

// StatusAddr is the first validator's status page.
func (d *Devnet) StatusAddr() netip.AddrPort { return d.validators[0].StatusAddr() }

// NetUID is the subnet of a devnet, the main network's number.
const NetUID chain.NetUID = 21

// tempo is the epoch of a devnet in blocks: weights show within minutes.
const tempo = 60

// hyperparameters are the chain's with everything that makes one wait made
// short.
func hyperparameters() chain.Hyperparameters {
	h := devchain.DefaultHyperparameters()
	h.Tempo, h.ImmunityPeriod = tempo, 600
	h.WeightsRateLimit, h.ServingRateLimit = 10, 0
	return h
}
