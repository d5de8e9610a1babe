package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// userFlags are what the commands that ask gateways have in common.
type userFlags struct {
	bookDir string
	stake   float64
	hotkeys []string
	uids    []int
	timeout float64
}

func (u *userFlags) add(cmd *cobra.Command, timeout float64) {
	f := cmd.Flags()
	f.StringVar(&u.bookDir, "hash_basepath", "", "folder of the lists of remembered files (default ~/.bittensor/hashes)")
	f.Float64Var(&u.stake, "stake_limit", 0, "ask only gateways with at least this much stake, in TAO")
	f.StringSliceVar(&u.hotkeys, "hotkeys", nil, "ask these gateways, by hotkey")
	f.IntSliceVar(&u.uids, "uids", nil, "ask these gateways, by UID")
	f.Float64Var(&u.timeout, "timeout", timeout, "seconds that one gateway may take; 0 leaves it to the size")
}

func (u *userFlags) limit() time.Duration { return time.Duration(u.timeout * float64(time.Second)) }

func (u *userFlags) gateways() ([]wallet.Address, []chain.UID, error) {
	var all []wallet.Address
	for _, text := range u.hotkeys {
		a, err := wallet.ParseAddress(text)
		if err != nil {
			return nil, nil, usagef("--hotkeys: %v", err)
		}
		all = append(all, a)
	}
	var uids []chain.UID
	for _, uid := range u.uids {
		if uid < 0 || uid > math.MaxUint16 {
			return nil, nil, usagef("--uids: there is no UID %d", uid)
		}
		uids = append(uids, chain.UID(uid))
	}
	return all, uids, nil
}

// asUser runs fn with a client that signs with the wallet's hotkey.
func (c *cli) asUser(ctx context.Context, u *userFlags, fn func(*node.User) error) error {
	hotkey, err := c.hotkey()
	if err != nil {
		return err
	}
	return c.onChain(ctx, func(remote *devchain.Remote) (err error) {
		user, err := node.Connect(ctx, node.UserConfig{
			Chain: remote, NetUID: chain.NetUID(c.netuid), Hotkey: hotkey, Log: c.log,
			Client: client.Config{MinStake: chain.Rao(u.stake * float64(chain.TAO))},
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, user.Close()) }()
		return fn(user)
	})
}

// book opens the list of the wallet's remembered files.
func (c *cli) book(u *userFlags) (*client.Book, error) {
	dir := u.bookDir
	if dir == "" {
		var err error
		if dir, err = client.DefaultBookDir(); err != nil {
			return nil, err
		}
	}
	return client.OpenBook(expandHome(dir), c.wallet.Name)
}

// unlockEnvelope derives the key of the user's encryption from the coldkey. It
// takes seconds, so it says what it does.
func (c *cli) unlockEnvelope() (envelope.Key, error) {
	coldkey, err := c.coldkey()
	if err != nil {
		return envelope.Key{}, err
	}
	fmt.Fprintln(c.err, "Deriving the encryption key from the coldkey …")
	return envelope.DeriveKey(coldkey.PrivateKeyHex()), nil
}

// expandHome replaces a leading ~ by the home folder, as a shell does for words
// that do not stand behind a "=".
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !strings.HasPrefix(rest, "/") {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, rest)
}

// makeDir settles the folder of a node's state: the flag's, else
// ~/.filetao/<name>. It is made, for its owner only.
func (c *cli) makeDir(dir *string, name string) error {
	if *dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return usagef("--dir is missing, and there is no home folder to take instead: %v", err)
		}
		*dir = filepath.Join(home, ".filetao", name)
	}
	*dir = expandHome(*dir)
	return os.MkdirAll(*dir, 0o700)
}
