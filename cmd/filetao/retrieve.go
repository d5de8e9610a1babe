package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/node"
)

func (c *cli) retrieveCommand() *cobra.Command {
	cmd := group("retrieve", "Get files back from the network", c.retrieveGetCommand(), c.retrieveListCommand())
	cmd.Aliases = []string{"r"}
	return cmd
}

// getFlags are the flags of `retrieve get`.
type getFlags struct {
	userFlags
	cid, dir, output string
	force, plain     bool
}

// gotFile is the answer of `retrieve get`.
type gotFile struct {
	CID     string  `json:"cid"`
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

func (c *cli) retrieveGetCommand() *cobra.Command {
	var g getFlags
	cmd := &cobra.Command{
		Use: "get [CID | NAME]", Short: "Fetch a file, decrypt it, save it", Args: oneArg("cid", &g.cid),
		ValidArgsFunction: c.completeCID,
		Long: `Fetch a file, check it against its CID, decrypt it with the wallet's coldkey and
save it under its remembered name (else under its CID) in --storage_basepath, or
where --output says.`,
		Example: "  filetao retrieve get --cid bafkrei… --wallet.name alice\n  filetao retrieve get letter.txt --output -",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.get(cmd.Context(), &g) },
	}
	f := cmd.Flags()
	f.StringVar(&g.cid, "cid", "", "`CID` of the file, or the name it is remembered under")
	f.StringVarP(&g.output, "output", "o", "", "`file` or folder to save it as or in; - is standard output")
	f.StringVar(&g.dir, "storage_basepath", "", "`folder` to save it in without --output (default ~/.bittensor/storage)")
	f.BoolVar(&g.force, "force", false, "overwrite a file that exists")
	f.BoolVar(&g.plain, "plain", false, "also take a file that was stored in the open")
	g.add(cmd, 0)
	completeFlag(cmd, "cid", c.completeCID)
	return cmd
}

// completeFlag has a flag's values completed.
func completeFlag(cmd *cobra.Command, name string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic("completion of --" + name + ": " + err.Error()) // the flag was defined before
	}
}

func (c *cli) get(ctx context.Context, g *getFlags) error {
	if err := c.askCID(&g.cid); err != nil {
		return err
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	book, err := c.book(&g.userFlags)
	if err != nil {
		return err
	}
	entry, _, err := find(book, g.cid)
	if err != nil {
		return err
	}
	path, err := savedPath(g.output, c.storageDir(g.dir), entry, g.force)
	if err != nil {
		return err
	}
	start := c.now()
	data, err := c.fetch(ctx, g, entry)
	if err != nil {
		return err
	}
	if path == "-" {
		_, err := c.out.Write(data)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := durable.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	answer := gotFile{CID: entry.CID, Path: path, Bytes: int64(len(data)), Seconds: c.now().Sub(start).Seconds()}
	return c.print(answer, func() { fmt.Fprintf(c.out, "Saved %s (%s).\n", answer.Path, size(answer.Bytes)) })
}

// storageDir is the folder that files are saved in.
func (c *cli) storageDir(flag string) string {
	switch {
	case flag != "":
		return expandHome(flag)
	case c.net != nil:
		return c.net.Storage
	}
	return expandHome("~/.bittensor/storage")
}

// fetch asks the gateways that the flags name; else those that took the file,
// and when none of them has it, the ones the network has now.
func (c *cli) fetch(ctx context.Context, g *getFlags, e client.Entry) (data []byte, err error) {
	opt := client.GetOptions{Plain: g.plain, Timeout: g.limit()}
	if opt.Gateways, opt.UIDs, err = g.gateways(); err != nil {
		return nil, err
	}
	named := len(opt.Gateways)+len(opt.UIDs) > 0
	err = c.asUser(ctx, &g.userFlags, func(user *node.User) error {
		bar := c.progress("retrieving " + filepath.Base(e.Name))
		defer bar.done()
		opt.Progress = bar.stage
		opt.Unlock = func() (envelope.Key, error) {
			bar.done() // it may ask for a password
			return c.unlockEnvelope(ctx)
		}
		if !named && len(e.Gateways) > 0 {
			opt.Gateways = e.Gateways
			data, err = user.Get(bar.context(ctx), e.CID, opt)
			if err == nil || ctx.Err() != nil || errors.Is(err, client.ErrWrongKey) || errors.Is(err, client.ErrNotEncrypted) {
				return err
			}
			c.log.Debug("the gateways that took the file do not give it", "err", err)
			opt.Gateways = nil
		}
		data, err = user.Get(bar.context(ctx), e.CID, opt)
		return err
	})
	return data, err
}
