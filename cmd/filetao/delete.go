package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// deleteFlags are the flags of `delete`.
type deleteFlags struct {
	userFlags
	cid      string
	all, yes bool
}

func (c *cli) deleteCommand() *cobra.Command {
	var d deleteFlags
	cmd := &cobra.Command{
		Use: "delete [CID | NAME]", Short: "Delete a file from the network", Args: oneArg("cid", &d.cid),
		ValidArgsFunction: c.completeCID,
		Long: `Delete one of the wallet's files: from the gateway's index, from the miners, and
from the list of remembered files. Nothing brings it back.

A file that is remembered under several names goes with the last of them: a NAME
is only forgotten while others have the same content. With --all, or by its CID,
the file goes at once and all its names with it.

It is done when a gateway has deleted the file and no other may have it. If one
cannot say so, it is named, the file stays remembered, and delete is to be run again.`,
		Example: "  filetao delete --cid letter.txt --wallet.name alice",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.delete(cmd.Context(), &d) },
	}
	f := cmd.Flags()
	f.StringVar(&d.cid, "cid", "", "`CID` of the file, or the name it is remembered under")
	f.BoolVar(&d.all, "all", false, "delete the file also if other names have it, and all of them")
	f.BoolVar(&d.yes, "yes", false, "do not ask")
	d.add(cmd, 0)
	completeFlag(cmd, "cid", c.completeCID)
	return cmd
}

// deletedFile is the answer of `delete`.
type deletedFile struct {
	CID     string   `json:"cid"`
	Deleted bool     `json:"deleted"` // from the network
	Names   []string `json:"names"`   // that were forgotten
	Kept    []string `json:"kept"`    // that have the file still
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
	entry, _, err := find(book, d.cid)
	if err != nil {
		return err
	}
	named, err := book.Named(entry.CID)
	if err != nil {
		return err
	}
	others := []string{}
	for _, e := range named {
		if e.Name != d.cid {
			others = append(others, e.Name)
		}
	}
	if len(others) > 0 && len(others) < len(named) && !d.all {
		return c.forgetName(book, d, entry, others)
	}
	return c.deleteFile(ctx, book, d, entry.CID, named)
}

// forgetName forgets one of a file's names.
func (c *cli) forgetName(book *client.Book, d *deleteFlags, e client.Entry, others []string) error {
	stays := fmt.Sprintf("the file (%s) stays, as %s", e.CID, strings.Join(others, ", "))
	if err := c.confirm(d.yes, fmt.Sprintf("Forgetting the name %s; %s.", e.Name, stays)); err != nil {
		return err
	}
	if err := book.Remove(e.Name); err != nil {
		return err
	}
	return c.print(deletedFile{CID: e.CID, Names: []string{e.Name}, Kept: others}, func() {
		fmt.Fprintf(c.out, "Forgot the name %s; %s. With --all it goes too.\n", e.Name, stays)
	})
}

// deleteFile deletes a file and all its names.
func (c *cli) deleteFile(ctx context.Context, book *client.Book, d *deleteFlags, id string, named []client.Entry) error {
	var names []string
	var gateways []wallet.Address
	for _, e := range named {
		names = append(names, e.Name)
		for _, g := range e.Gateways {
			if !slices.Contains(gateways, g) {
				gateways = append(gateways, g)
			}
		}
	}
	what := id
	if len(names) > 0 {
		what = fmt.Sprintf("%s (%s)", strings.Join(names, ", "), id)
	}
	if err := c.confirm(d.yes, fmt.Sprintf("Deleting %s for good.", what)); err != nil {
		return err
	}
	gone, err := c.deleteFrom(ctx, d, id, gateways)
	if gone && len(names) > 0 {
		err = nil // nothing is left to delete but our own note
	}
	if err != nil {
		return err
	}
	if names, err = book.RemoveFile(id); err != nil {
		return fmt.Errorf("deleted from the network, but still remembered: %w", err)
	}
	return c.print(deletedFile{CID: id, Deleted: !gone, Names: append([]string{}, names...), Kept: []string{}}, func() {
		if gone {
			fmt.Fprintf(c.out, "The network has no file %s any more; forgot it.\n", what)
		} else {
			fmt.Fprintf(c.out, "Deleted %s.\n", what)
		}
	})
}

// deleteFrom asks the gateways that the flags name; else those that took the file,
// and when they do not have it or fail the ones the network has now. gone says that
// there is no such file.
func (c *cli) deleteFrom(ctx context.Context, d *deleteFlags, id string, took []wallet.Address) (gone bool, err error) {
	opt := client.DeleteOptions{Timeout: d.limit()}
	if opt.Gateways, opt.UIDs, err = d.gateways(); err != nil {
		return false, err
	}
	remembered := len(opt.Gateways)+len(opt.UIDs) == 0 && len(took) > 0
	err = c.asUser(ctx, &d.userFlags, func(user *node.User) error {
		if !remembered {
			return user.Delete(ctx, id, opt)
		}
		opt.Gateways = took
		first := user.Delete(ctx, id, opt)
		if first == nil || ctx.Err() != nil {
			return first
		}
		opt.Gateways = nil
		second := user.Delete(ctx, id, opt)
		switch {
		case errors.Is(first, client.ErrNotFound), errors.Is(first, client.ErrNoGateway): // or they have left the network
			return second
		case second == nil:
			return fmt.Errorf("others have deleted it: %w", first)
		}
		return first
	})
	return errors.Is(err, client.ErrNotFound), err
}
