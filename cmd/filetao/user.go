package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
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
	f.SortFlags = false
	f.Float64Var(&u.timeout, "timeout", timeout, "`seconds` that one gateway may take; 0 leaves it to the size")
	f.StringSliceVar(&u.hotkeys, "hotkeys", nil, "ask the gateways with these `hotkeys`, in this order")
	f.IntSliceVar(&u.uids, "uids", nil, "ask the gateways with these `UIDs`, in this order")
	f.Float64Var(&u.stake, "stake_limit", 0, "of the gateways that nobody names, ask only those with at least this stake, in `TAO`")
	u.addBook(cmd)
}

func (u *userFlags) addBook(cmd *cobra.Command) {
	cmd.Flags().StringVar(&u.bookDir, "hash_basepath", "", "`folder` of the lists of remembered files (default ~/.bittensor/hashes)")
}

func (u *userFlags) limit() time.Duration { return time.Duration(u.timeout * float64(time.Second)) }

func (u *userFlags) gateways() ([]wallet.Address, []chain.UID, error) {
	all, err := parseHotkeys("hotkeys", u.hotkeys)
	if err != nil {
		return nil, nil, err
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
	return c.onChain(ctx, func(remote chain.Chain) (err error) {
		user, err := node.Connect(ctx, node.UserConfig{
			Chain: remote, NetUID: chain.NetUID(c.netuid), Hotkey: hotkey, Log: c.triesLog(),
			Client: client.Config{MinStake: rao(u.stake)},
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, user.Close()) }()
		return fn(user)
	})
}

// rao converts an amount of TAO of a flag, which is never negative.
func rao(tao float64) chain.Rao { return chain.Rao(tao * float64(chain.TAO)) }

// keys are those of the wallet's coldkey. It is unlocked once, when one of them is
// needed first; pause is called before, since a password may be asked for, and the
// function that it returns afterwards.
func (c *cli) keys(ctx context.Context, pause func() (resume func())) client.Keys {
	coldkey := sync.OnceValues(func() (*wallet.Keypair, error) {
		defer pause()()
		return c.coldkey()
	})
	return client.Keys{
		User: func() (envelope.UserKey, error) {
			k, err := coldkey()
			if err != nil {
				return envelope.UserKey{}, err
			}
			return envelope.UserKeyOf(k.PrivateKeyHex()), nil
		},
		Reference: sync.OnceValues(func() (envelope.Key, error) {
			k, err := coldkey()
			if err != nil {
				return envelope.Key{}, err
			}
			defer pause()()
			bar := c.progress("deriving the encryption key from the coldkey") // it takes seconds
			defer bar.done()
			return c.deriveKey(ctx, k.PrivateKeyHex())
		}),
	}
}

// paused takes a bar away and has it drawn again.
func (p *progressBar) paused() (resume func()) {
	p.done()
	return p.show
}

// deriveKey gives up when ctx ends. The derivation itself cannot be broken off:
// it is left behind, for the process to end without it.
func (c *cli) deriveKey(ctx context.Context, privateKeyHex string) (envelope.Key, error) {
	done := make(chan envelope.Key, 1)
	go func() { done <- c.derive(privateKeyHex) }()
	select {
	case key := <-done:
		return key, nil
	case <-ctx.Done():
		return envelope.Key{}, ctx.Err()
	}
}

// again is a command line that goes on with what this one did: with those of its
// flags that say on which network and as whom.
func (c *cli) again(cmd *cobra.Command, words ...string) string {
	line := append([]string{ownName()}, words...)
	for _, name := range []string{
		"devnet", "subtensor.network", "subtensor.chain_endpoint", "netuid", "wallet.path", "wallet.name", "wallet.hotkey", "hash_basepath",
	} {
		if f := cmd.Flag(name); f != nil && f.Changed {
			line = append(line, "--"+name, f.Value.String())
		}
	}
	for i := range line {
		line[i] = shellWord(line[i])
	}
	return strings.Join(line, " ")
}

// ownName is what calls this program: its name if the shell finds it under that,
// else its path.
func ownName() string {
	self, err := os.Executable()
	if err != nil {
		return "filetao"
	}
	if found, err := exec.LookPath("filetao"); err == nil {
		a, errA := os.Stat(self)
		b, errB := os.Stat(found)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return "filetao"
		}
	}
	return self
}

// shellWord quotes a word for a shell, if it has to be.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
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

// homeDir settles the folder of a node's state: the flag's, else
// ~/.filetao/<name>.
func homeDir(dir *string, name string) error {
	if *dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return usagef("--dir is missing, and there is no home folder to take instead: %v", err)
		}
		*dir = filepath.Join(home, ".filetao", name)
	}
	*dir = expandHome(*dir)
	return nil
}

// makeDir is homeDir; the folder is made, for its owner only.
func makeDir(dir *string, name string) error {
	if err := homeDir(dir, name); err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	return nil
}
