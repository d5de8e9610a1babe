package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// lookUpLimit is how long a list of remembered files waits for gateways.
const lookUpLimit = 20 * time.Second

// lookUp asks gateways what has become of remembered files. What cannot be found
// out is said and stays open.
func (c *cli) lookUp(ctx context.Context, u *userFlags, rows []bookRow) error {
	ask := client.AskOptions{Timeout: u.limit()}
	var err error
	if ask.Gateways, ask.UIDs, err = u.gateways(); err != nil {
		return err
	}
	keys := map[string]*wallet.Keypair{}
	var names []string // in the order of the list
	for _, r := range rows {
		if slices.Contains(names, r.Wallet) {
			continue
		}
		names = append(names, r.Wallet)
		if keys[r.Wallet], err = c.hotkeyOf(r.Wallet); err != nil {
			c.notFoundOut(r.Wallet, err)
			delete(keys, r.Wallet)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, lookUpLimit)
	defer cancel()
	err = c.onChain(limited, func(remote chain.Chain) error {
		for _, name := range names {
			if keys[name] == nil {
				continue
			}
			if err := c.lookUpOf(limited, u, remote, keys[name], ask, name, rows); err != nil {
				c.notFoundOut(name, err)
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.As(err, new(usageError)) {
		return err
	} else if err != nil {
		c.notFoundOut("", err)
	}
	return nil
}

// notFoundOut says why sizes and ends are not known.
func (c *cli) notFoundOut(name string, err error) {
	of := ""
	if name != "" {
		of = " of " + name + "'s files"
	}
	if down := c.whyDown(exitUnavailable); down != nil {
		err = down
	}
	fmt.Fprintf(c.err, "note: sizes and ends%s are not known: %v\n", of, err)
}

// hotkeyOf is a wallet's hotkey. A password is asked for only for the wallet that
// was named.
func (c *cli) hotkeyOf(name string) (*wallet.Keypair, error) {
	at := c.wallet
	at.Name = name
	k, err := wallet.At(at).Hotkey()
	if errors.Is(err, wallet.ErrEncrypted) && c.named.wallet {
		return c.hotkey()
	}
	return k, err
}

// lookUpOf fills in the rows of one wallet.
func (c *cli) lookUpOf(ctx context.Context, u *userFlags, remote chain.Chain, hotkey *wallet.Keypair, ask client.AskOptions, name string, rows []bookRow) (err error) {
	user, err := node.Connect(ctx, node.UserConfig{
		Chain: remote, NetUID: chain.NetUID(c.netuid), Hotkey: hotkey, Log: c.log, Client: client.Config{MinStake: rao(u.stake)},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, user.Close()) }()
	list, err := user.List(ctx, ask)
	if err != nil {
		return err
	}
	there := map[string]client.Listed{}
	for _, l := range list {
		if l.Expires.IsZero() || l.Expires.After(c.now()) {
			there[l.CID] = l
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.Wallet != name {
			continue
		}
		l, ok := there[r.CID]
		if r.State = fileGone; ok {
			r.State, r.Bytes = fileStored, l.Size
		}
		if !l.Expires.IsZero() {
			r.Expires = l.Expires.Unix()
		}
	}
	return nil
}
