package devnet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// identity is one registered neuron's keys.
type identity struct {
	name            string
	coldkey, hotkey *wallet.Keypair
	stake           chain.Rao // beside its registration
}

// wallets are all keys of a devnet. They are real wallets in Bittensor's
// layout, not encrypted, so that commands in another terminal can use them.
type wallets struct {
	nodes        map[string]identity
	user         identity
	userColdkey  *wallet.Keypair
	gatewayLayer *wallet.Keypair // coldkey behind the gateways' own encryption
}

const (
	userName         = "user"
	gatewayLayerName = "gateway-encryption"
)

func minerName(i int) string     { return "miner" + strconv.Itoa(i+1) }
func validatorName(i int) string { return "validator" + strconv.Itoa(i+1) }
func gatewayName(i int) string   { return "gateway" + strconv.Itoa(i+1) }

// openWallets opens or creates the wallets of a network of this size.
func openWallets(path string, cfg Config) (wallets, error) {
	w := wallets{nodes: map[string]identity{}}
	add := func(name string, stake chain.Rao) error {
		id, err := openWallet(path, name)
		id.stake = stake
		w.nodes[name] = id
		return err
	}
	var errs []error
	for i := range cfg.Miners {
		errs = append(errs, add(minerName(i), 0))
	}
	for i := range cfg.Validators {
		errs = append(errs, add(validatorName(i), validatorStake))
	}
	for i := 1; i < cfg.Gateways; i++ {
		errs = append(errs, add(gatewayName(i), gatewayStake))
	}
	layer, err := openWallet(path, gatewayLayerName)
	errs = append(errs, err)
	w.user, err = openWallet(path, userName)
	errs = append(errs, err)
	w.userColdkey, w.gatewayLayer = w.user.coldkey, layer.coldkey
	return w, errors.Join(errs...)
}

func openWallet(path, name string) (identity, error) {
	loc := wallet.Location{Path: path, Name: name, Hotkey: "default"}
	w := wallet.At(loc)
	hotkey, err := w.Hotkey()
	if errors.Is(err, fs.ErrNotExist) {
		if w, err = createWallet(loc); err == nil {
			hotkey, err = w.Hotkey()
		}
	}
	if err != nil {
		return identity{}, fmt.Errorf("wallet %s: %w", name, err)
	}
	coldkey, err := w.Coldkey(nil)
	if err != nil {
		return identity{}, fmt.Errorf("wallet %s: %w", name, err)
	}
	return identity{name: name, coldkey: coldkey, hotkey: hotkey}, nil
}

func createWallet(loc wallet.Location) (*wallet.Wallet, error) {
	coldkey, err := wallet.Generate(rand.Reader, wallet.DefaultWords)
	if err != nil {
		return nil, err
	}
	hotkey, err := wallet.Generate(rand.Reader, wallet.DefaultWords)
	if err != nil {
		return nil, err
	}
	return wallet.Create(loc, wallet.CreateOptions{Coldkey: coldkey, Hotkey: hotkey, Rand: rand.Reader})
}
