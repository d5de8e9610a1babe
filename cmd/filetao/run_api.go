package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// apiFlags are the flags of serving users.
type apiFlags struct {
	open                 bool
	allow, deny          []string
	storeLimit, getLimit float64
	redundancy           int
	chunkSize            int64
	quota                gateway.Quota
	quotas               string          // file
	layer                wallet.Location // of the gateways' own encryption
	layerPassword        string
}

func (a *apiFlags) add(c *cli, cmd *cobra.Command) {
	d := gateway.DefaultConfig()
	f := cmd.Flags()
	f.BoolVar(&a.open, "api.open_access", false, "let everybody store and retrieve: for testing only")
	f.StringSliceVar(&a.allow, "api.whitelisted_hotkeys", nil, "let the users with these `hotkeys` in (default: nobody)")
	f.StringSliceVar(&a.deny, "api.blacklisted_hotkeys", nil, "refuse the users with these `hotkeys`")
	f.Float64Var(&a.storeLimit, "api.store_timeout", d.StoreTimeout.Seconds(), "`seconds` for storing a user's file")
	f.Float64Var(&a.getLimit, "api.retrieve_timeout", d.RetrieveTimeout.Seconds(), "`seconds` for retrieving a user's file")
	f.Int64Var(&a.quota.Bytes, "api.max_bytes", d.Quota.Bytes, "`bytes` on all disks that the files of one hotkey may take, shards and manifests; 0 for no limit")
	f.Int64Var(&a.quota.Objects, "api.max_objects", d.Quota.Objects, "`number` of files that one hotkey may have; 0 for no limit")
	f.Int64Var(&a.quota.Segments, "api.max_segments", d.Quota.Segments, "`number` of segments that the files of one hotkey may have; 0 for no limit")
	f.Int64Var(&a.quota.Uploads, "api.max_uploads", d.Quota.Uploads, "`number` of files of one hotkey that may be on their way; 0 for no limit")
	f.StringVar(&a.quotas, "api.quotas", "", "`file` with other limits for some hotkeys: {\"5F…\": {\"bytes\": 1099511627776, \"objects\": 0, \"segments\": 0, \"uploads\": 256}}")
	f.IntVar(&a.redundancy, "neuron.store_redundancy", d.Redundancy, "`number` of miners that keep each chunk of a user's file")
	f.Int64Var(&a.chunkSize, "neuron.override_chunk_size", 0, "`bytes` of a chunk; 0 follows the network's rule")
	f.StringVar(&a.layer.Name, "encryption.wallet_name", "core_storage_coldkey", "`wallet` of the gateways' own encryption; made on the first run")
	f.StringVar(&a.layer.Hotkey, "encryption.wallet_hotkey", "core_storage_hotkey", "its `hotkey`")
	f.StringVar(&a.layerPassword, "encryption.password", c.env("", "FILETAO_ENCRYPTION_PASSWORD"), "`password` of that wallet (FILETAO_ENCRYPTION_PASSWORD)")
	keepSecret(f, "encryption.password")
}

func (a *apiFlags) door() (wire.DoorConfig, error) {
	allow, err := parseHotkeys("api.whitelisted_hotkeys", a.allow)
	if err != nil {
		return wire.DoorConfig{}, err
	}
	deny, err := parseHotkeys("api.blacklisted_hotkeys", a.deny)
	if err != nil {
		return wire.DoorConfig{}, err
	}
	return gateway.Access{Open: a.open, Whitelist: allow, Blacklist: deny}.Door(), nil
}

// apiConfig settles how users are served; deriving the key takes seconds.
func (c *cli) apiConfig(ctx context.Context, a *apiFlags) (node.APIConfig, error) {
	for name, limit := range map[string]int64{
		"api.max_bytes": a.quota.Bytes, "api.max_objects": a.quota.Objects, "api.max_segments": a.quota.Segments, "api.max_uploads": a.quota.Uploads,
	} {
		if limit < 0 {
			return node.APIConfig{}, usagef("--%s %d: want 0 for no limit, or more", name, limit)
		}
	}
	key, err := c.layerKey(ctx, a)
	if err != nil {
		return node.APIConfig{}, fmt.Errorf("wallet of the gateways' encryption: %w", err)
	}
	cfg := gateway.DefaultConfig()
	cfg.StoreTimeout, cfg.RetrieveTimeout = seconds(a.storeLimit), seconds(a.getLimit)
	cfg.Redundancy, cfg.ChunkSize = a.redundancy, a.chunkSize
	cfg.Quota = a.quota
	if cfg.Quotas, err = readQuotas(a.quotas); err != nil {
		return node.APIConfig{}, err
	}
	return node.APIConfig{Envelope: key, Gateway: cfg}, nil
}

// layerKey opens the wallet of the gateways' own layer of encryption, or makes
// it. Whoever loses it loses every file stored through these gateways, so it is
// said where it is.
func (c *cli) layerKey(ctx context.Context, a *apiFlags) (envelope.Key, error) {
	loc := a.layer
	loc.Path = c.wallet.Path
	w := wallet.At(loc)
	password := func(string) (string, error) {
		if a.layerPassword == "" {
			return "", usagef("it is encrypted: give --encryption.password or set FILETAO_ENCRYPTION_PASSWORD")
		}
		return a.layerPassword, nil
	}
	coldkey, err := w.Coldkey(password)
	if errors.Is(err, wallet.ErrNotFound) {
		coldkey, err = c.makeLayer(loc, a.layerPassword)
		if errors.Is(err, wallet.ErrExists) { // another gateway was faster
			coldkey, err = w.Coldkey(password)
		}
	}
	if err != nil {
		return envelope.Key{}, err
	}
	c.log.Info("deriving the key of the gateways' encryption")
	return c.deriveKey(ctx, coldkey.PrivateKeyHex())
}

func (c *cli) makeLayer(loc wallet.Location, password string) (*wallet.Keypair, error) {
	coldkey, err := wallet.Generate(rand.Reader, wallet.DefaultWords)
	if err != nil {
		return nil, err
	}
	hotkey, err := wallet.Generate(rand.Reader, wallet.DefaultWords)
	if err != nil {
		return nil, err
	}
	opt := wallet.CreateOptions{Coldkey: coldkey, Hotkey: hotkey, Rand: rand.Reader}
	if password != "" {
		opt.Password = func(string) (string, error) { return password, nil }
	}
	if _, err := wallet.Create(loc, opt); err != nil {
		return nil, err
	}
	c.log.Warn("made the wallet of the gateways' encryption; keep a copy: files stored through these gateways cannot be read without it",
		"wallet", loc.Name, "path", loc.Path, "encrypted", password != "")
	return coldkey, nil
}
