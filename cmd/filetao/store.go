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
	"github.com/filetao/filetao/gateway"
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

// putFlags are the flags of `store put`.
type putFlags struct {
	userFlags
	path              string
	ttl               int64
	encrypt, encoding bool
}

func (c *cli) storePutCommand() *cobra.Command {
	var p putFlags
	cmd := &cobra.Command{
		Use: "put [FILE]", Short: "Encrypt a file, store it, remember it", Args: oneArg("filepath", &p.path),
		Long: `Encrypt a file, store it, print its CID and the gateways that took it, and
remember them in <hash_basepath>/<wallet name>.json.

The file is encrypted here, with a key that only the wallet's coldkey opens,
before it goes anywhere; --encrypt=false stores it in the open.`,
		Example: "  filetao store put --filepath letter.txt --wallet.name alice\n  filetao store put letter.txt --ttl 86400",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.put(cmd, &p) },
	}
	f := cmd.Flags()
	f.StringVar(&p.path, "filepath", "", "`file` to store")
	f.BoolVar(&p.encrypt, "encrypt", true, "encrypt it before it leaves this machine")
	f.Int64Var(&p.ttl, "ttl", 0, "`seconds` to keep it (default 30 days)")
	p.add(cmd, 180)
	f.BoolVar(&p.encoding, "encoding", false, "accepted for scripts of the Python client, which needs it")
	ignore(f, ignored{"neuron.vpermit_tao_limit": "--stake_limit says who is asked"})
	return cmd
}

// askFile asks for the file to store if neither a flag nor an argument names it.
func (c *cli) askFile(path *string) (err error) {
	if *path == "" {
		*path, err = c.ask("File to store: ", false)
	}
	if *path = strings.TrimSpace(*path); errors.Is(err, errNoTerminal) || err == nil && *path == "" {
		return usagef("--filepath is missing: which file?")
	}
	*path = expandHome(*path)
	return err
}

// fileOf says of a path that a flag names whether it is a file that can be sent.
func fileOf(flag, path string) error {
	info, err := os.Stat(path)
	switch limit := gateway.DefaultConfig().MaxFile; {
	case err != nil:
		return fmt.Errorf("--%s: %w", flag, err)
	case info.IsDir():
		return usagef("--%s: %s is a folder: pack it into one file first", flag, path)
	case info.Size() > limit:
		return fmt.Errorf("--%s: %s has %s, and gateways take up to %s: %w", flag, path, size(info.Size()), size(limit), errTooLarge)
	}
	return nil
}

// errTooLarge says that a file is larger than the network takes.
var errTooLarge = errors.New("store it in parts")

func (c *cli) put(cmd *cobra.Command, p *putFlags) error {
	if p.encoding {
		fmt.Fprintln(c.err, "note: --encoding has no effect: files are stored as they are")
	}
	if err := c.askFile(&p.path); err != nil {
		return err
	}
	if err := fileOf("filepath", p.path); err != nil {
		return err
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	opt := client.PutOptions{TTL: time.Duration(p.ttl) * time.Second, Timeout: p.limit(), Plain: !p.encrypt}
	var err error
	if opt.Gateways, opt.UIDs, err = p.gateways(); err != nil {
		return err
	}
	book, err := c.book(&p.userFlags)
	if err != nil {
		return err
	}
	answer := storedFile{Name: filepath.Base(p.path)}
	if err := c.asUser(cmd.Context(), &p.userFlags, func(user *node.User) error {
		return c.send(cmd, p.path, user, opt, &answer)
	}); err != nil {
		return err
	}
	previous, err := book.Add(client.Entry{Name: answer.Name, CID: answer.CID, Gateways: answer.Gateways})
	if err != nil {
		return fmt.Errorf("stored as %s, but not remembered: %w", answer.CID, err)
	}
	if previous != "" && previous != answer.CID {
		fmt.Fprintf(c.err, "note: %s was remembered as %s; that version is still stored until it expires\n", answer.Name, previous)
	}
	return c.print(answer, func() { c.printStored(cmd, answer, opt.Plain) })
}

// send reads, encrypts and stores the file.
func (c *cli) send(cmd *cobra.Command, path string, user *node.User, opt client.PutOptions, answer *storedFile) error {
	if !opt.Plain {
		key, err := c.unlockEnvelope(cmd.Context())
		if err != nil {
			return err
		}
		opt.Encrypt = &key
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	answer.Bytes = int64(len(data))
	start := c.now()
	bar := c.progress("storing " + answer.Name)
	defer bar.done()
	opt.Progress = bar.stage
	stored, err := user.Put(bar.context(cmd.Context()), data, opt)
	answer.CID, answer.Gateways, answer.Seconds = stored.CID, stored.Gateways, c.now().Sub(start).Seconds()
	return err
}

func (c *cli) printStored(cmd *cobra.Command, s storedFile, plain bool) {
	rows := [][2]string{{"CID", s.CID}, {"file", s.Name}, {"size", size(s.Bytes)}}
	for _, g := range s.Gateways {
		rows = append(rows, [2]string{"gateway", string(g)})
	}
	c.pairs(rows)
	words := []string{"retrieve", "get", "--cid", s.CID}
	if plain {
		words = append(words, "--plain")
	}
	fmt.Fprintf(c.out, "\nGet it back with:\n  %s\n", c.again(cmd, words...))
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
