package devnet

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"

	"github.com/filetao/filetao/backup"
	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

// MinerAxon is where a miner serves and under which hotkey. Like all below it
// is to be asked once the network is ready.
func (d *Devnet) MinerAxon(i int) (netip.AddrPort, wallet.Address) {
	m := d.miners[i].current()
	return m.Addr(), m.Hotkey()
}

// MinerHotkey is whom the chain knows a miner as.
func (d *Devnet) MinerHotkey(i int) wallet.Address { return d.miners[i].current().Hotkey() }

// GatewayAxon is where the first gateway serves and under which hotkey.
func (d *Devnet) GatewayAxon() (netip.AddrPort, wallet.Address) {
	return d.validators[0].Addr(), d.validators[0].Hotkey()
}

// GatewayHotkey is whom the chain knows a gateway as, from 0 on.
func (d *Devnet) GatewayHotkey(i int) wallet.Address {
	if i == 0 {
		return d.validators[0].Hotkey()
	}
	return d.gateways[i-1].Hotkey()
}

// ValidatorKey is a validator's hotkey with its secret.
func (d *Devnet) ValidatorKey(i int) *wallet.Keypair {
	return d.users.nodes[validatorName(i)].hotkey
}

// UserKey is the user's hotkey with its secret.
func (d *Devnet) UserKey() *wallet.Keypair { return d.users.user.hotkey }

// UserEnvelope is the key of the user's encryption. It may take seconds at
// first.
func (d *Devnet) UserEnvelope() *envelope.Key {
	key := d.userKey()
	return &key
}

// UserWallet is the name of the user's wallet in WalletPath.
func (d *Devnet) UserWallet() string { return userName }

// StoredOnMiners is the sum of the bytes that all miners keep.
func (d *Devnet) StoredOnMiners() (bytes int64) {
	for _, m := range d.miners {
		bytes += m.current().Stats().Bytes
	}
	return bytes
}

// ValidatorDir is the first validator's folder.
func (d *Devnet) ValidatorDir() string { return filepath.Join(d.dir, "nodes", validatorName(0)) }

// Index is what a validator knows.
func (d *Devnet) Index(i int) *index.Index { return d.indexes[i] }

// Backup is what keeps on the miners what a validator's index knows of files.
func (d *Devnet) Backup(i int) *backup.Backup { return d.validators[i].Backup }

// MinerDir is a miner's folder, and MinerStats what it keeps.
func (d *Devnet) MinerDir(i int) string { return filepath.Join(d.dir, "nodes", minerName(i)) }

// MinerStats is what a miner keeps, and was asked since it came.
func (d *Devnet) MinerStats(i int) miner.Stats { return d.miners[i].current().Stats() }

// UserKeys open and seal the user's files.
func (d *Devnet) UserKeys() client.Keys {
	return client.Keys{
		User:      func() (envelope.UserKey, error) { return envelope.UserKeyOf(d.users.userColdkey.PrivateKeyHex()), nil },
		Reference: func() (envelope.Key, error) { return d.userKey(), nil },
	}
}

// Asker asks the miners as the first validator does. Its owner closes it.
type Asker struct {
	*fleet.Fleet
	Graph   *chain.Metagraph // as it was at the beginning
	closers []func() error
}

// Close ends its connections.
func (a *Asker) Close() (err error) {
	for _, c := range a.closers {
		err = errors.Join(err, c())
	}
	return err
}

// Asker connects a further one to the network, which sees it as it is now.
func (d *Devnet) Asker(ctx context.Context) (*Asker, error) {
	m, err := d.dev.Metagraph(ctx, NetUID)
	if err != nil {
		return nil, err
	}
	key := d.ValidatorKey(0)
	plain := synapse.NewClient(synapse.ClientConfig{Key: key}, synapse.ClientDeps{Log: d.log})
	fast := stream.NewClient(stream.ClientConfig{Key: key}, stream.ClientDeps{Log: d.log})
	peers := stream.NewNegotiator(plain, fast)
	return &Asker{
		Graph: m,
		Fleet: fleet.New(fleet.Config{}, fleet.Deps{
			Transport: peers, Streams: peers, Index: d.indexes[0], Metagraph: func() *chain.Metagraph { return m }, Log: d.log, Key: key,
		}),
		closers: []func() error{plain.Close, fast.Close},
	}, nil
}
