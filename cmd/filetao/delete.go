package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
)

// deleteFlags are the flags of `delete`.
type deleteFlags struct {
	userFlags
	cid string
	yes bool
}

func (c *cli) deleteCommand() *cobra.Command {
	var d deleteFlags
	cmd := &cobra.Command{
		Use: "delete [CID | NAME]", Short: "Delete a file from the network", Args: oneArg("cid", &d.cid),
		ValidArgsFunction: c.completeCID,
		Long: `Delete one of the wallet's files: from the gateway's index, from the miners, and
from the list of remembered files. Nothing brings it back.`,
		Example: "  filetao delete --cid letter.txt --wallet.name alice",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.delete(cmd.Context(), &d) },
	}
	f := cmd.Flags()
	f.StringVar(&d.cid, "cid", "", "`CID` of the file, or the name it is remembered under")
	f.BoolVar(&d.yes, "yes", false, "do not ask")
	d.add(cmd, 0)
	completeFlag(cmd, "cid", c.completeCID)
	return cmd
}

func (c *cli) delete(ctx context.Context, d *deleteFlags) error {
	if err := c.askCID(&d.cid); err != nil {
		return err
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	book, err := c.book(&d.userFlags)
	if err != nil {
		return err
	}
	entry, known, err := find(book, d.cid)
	if err != nil {
		return err
	}
	what := entry.CID
	if known {
		what = fmt.Sprintf("%s (%s)", entry.Name, entry.CID)
	}
	if err := c.confirm(d.yes, fmt.Sprintf("Deleting %s for good.", what)); err != nil {
		return err
	}
	gone, err := c.deleteFrom(ctx, d, entry)
	if gone && known {
		err = nil // nothing is left to delete but our own note
	}
	if err != nil {
		return err
	}
	if err := forget(book, entry.CID); err != nil {
		return fmt.Errorf("deleted from the network, but still remembered: %w", err)
	}
	return c.print(map[string]any{"cid": entry.CID, "deleted": !gone}, func() {
		if gone {
			fmt.Fprintf(c.out, "The network has no file %s any more; forgot it.\n", what)
		} else {
			fmt.Fprintf(c.out, "Deleted %s.\n", what)
		}
	})
}

// deleteFrom asks the gateways that the flags name; else those that took the
// file, and when they fail the ones the network has now. gone says that they have no such file.
func (c *cli) deleteFrom(ctx context.Context, d *deleteFlags, e client.Entry) (gone bool, err error) {
	opt := client.DeleteOptions{Timeout: d.limit()}
	if opt.Gateways, opt.UIDs, err = d.gateways(); err != nil {
		return false, err
	}
	remembered := len(opt.Gateways)+len(opt.UIDs) == 0 && len(e.Gateways) > 0
	err = c.asUser(ctx, &d.userFlags, func(user *node.User) error {
		if remembered {
			opt.Gateways = e.Gateways
			err := user.Delete(ctx, e.CID, opt)
			if err == nil || ctx.Err() != nil {
				return err
			}
			opt.Gateways = nil // they may have left the network
		}
		return user.Delete(ctx, e.CID, opt)
	})
	return errors.Is(err, client.ErrNotFound), err
}

// forget removes every name of a file from the book.
func forget(book *client.Book, cid string) error {
	entries, err := book.List()
	for _, e := range entries {
		if e.CID == cid && err == nil {
			err = book.Remove(e.Name)
		}
	}
	return err
}
