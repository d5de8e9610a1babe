package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

func (c *cli) storeCommand() *cobra.Command {
	cmd := group("store", "Store files on the network", c.storePutCommand())
	cmd.Aliases = []string{"s"}
	return cmd
}

// storedFile is the answer of `store put`.
type storedFile struct {
	CID      string           `json:"cid"`
	Name     string           `json:"name"`
	Bytes    int64            `json:"bytes"`
	Gateways []wallet.Address `json:"hotkeys"`
	Seconds  float64          `json:"seconds"`
}

func (c *cli) storePutCommand() *cobra.Command {
	var u userFlags
	var path string
	var ttl int64
	var encrypt, encoding bool
	var uid int
	cmd := &cobra.Command{
		Use: "put", Short: "Encrypt a file, store it, remember it", Args: cobra.NoArgs,
		Long: `Encrypt a file, store it, print its CID and the gateways that took it, and
remember them in <hash_basepath>/<wallet name>.json.

The file is encrypted here, with a key that only the wallet's coldkey opens,
before it goes anywhere; --encrypt=false stores it in the open.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if encoding {
				fmt.Fprintln(c.err, "note: --encoding has no effect: files are stored as they are")
			}
			if uid >= 0 {
				u.uids = append(u.uids, uid)
			}
			if err := c.askFile(&path); err != nil {
				return err
			}
			opt := client.PutOptions{TTL: time.Duration(ttl) * time.Second, Timeout: u.limit(), Plain: !encrypt}
			return c.put(cmd, &u, path, opt)
		},
	}
	u.add(cmd, 180)
	f := cmd.Flags()
	f.StringVar(&path, "filepath", "", "file to store")
	f.Int64Var(&ttl, "ttl", 0, "seconds to keep it (default 30 days)")
	f.BoolVar(&encrypt, "encrypt", true, "encrypt it before it leaves this machine")
	f.BoolVar(&encoding, "encoding", false, "accepted for scripts written for the Python client")
	f.IntVar(&uid, "uid", -1, "ask this gateway, by UID")
	return cmd
}

// askFile asks for the file to store if no flag names it.
func (c *cli) askFile(path *string) (err error) {
	if *path == "" {
		if *path, err = c.ask("File to store: ", false); errors.Is(err, errNoTerminal) {
			return usagef("--filepath is missing: which file?")
		}
	}
	*path = expandHome(strings.TrimSpace(*path))
	return err
}

func (c *cli) put(cmd *cobra.Command, u *userFlags, path string, opt client.PutOptions) (err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	answer := storedFile{Name: filepath.Base(path), Bytes: int64(len(data))}
	book, err := c.book(u)
	if err != nil {
		return err
	}
	if opt.Gateways, opt.UIDs, err = u.gateways(); err != nil {
		return err
	}
	if !opt.Plain {
		key, err := c.unlockEnvelope()
		if err != nil {
			return err
		}
		opt.Encrypt = &key
	}
	start := c.now()
	err = c.asUser(cmd.Context(), u, func(user *node.User) error {
		bar := c.progress("storing")
		defer bar.done()
		opt.Progress = bar.stage
		stored, err := user.Put(bar.context(cmd.Context()), data, opt)
		answer.CID, answer.Gateways = stored.CID, stored.Gateways
		return err
	})
	if err != nil {
		return err
	}
	answer.Seconds = c.now().Sub(start).Seconds()
	previous, err := book.Add(client.Entry{Name: answer.Name, CID: answer.CID, Gateways: answer.Gateways})
	if err != nil {
		return fmt.Errorf("stored as %s, but not remembered: %w", answer.CID, err)
	}
	if previous != "" && previous != answer.CID {
		fmt.Fprintf(c.err, "note: %s was remembered as %s; that version is still stored until it expires\n", answer.Name, previous)
	}
	return c.print(answer, func() { c.printStored(answer) })
}

func (c *cli) printStored(s storedFile) {
	rows := [][2]string{{"CID", s.CID}, {"file", s.Name}, {"size", size(s.Bytes)}}
	for _, g := range s.Gateways {
		rows = append(rows, [2]string{"gateway", string(g)})
	}
	c.pairs(rows)
	fmt.Fprintf(c.out, "\nGet it back with: filetao retrieve get --cid %s\n", s.CID)
}

// size shows bytes in binary units.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
