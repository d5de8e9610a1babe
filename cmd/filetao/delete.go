package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
)

func (c *cli) deleteCommand() *cobra.Command {
	var u userFlags
	var cid string
	var yes bool
	cmd := &cobra.Command{
		Use: "delete", Short: "Delete a file from the network", Args: cobra.NoArgs,
		Long: `Delete one of the wallet's files: from the gateway's index, from the miners, and
from the list of remembered files. Nothing brings it back.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cid == "" {
				return usagef("--cid is missing: which file? `filetao retrieve list` shows the remembered ones")
			}
			book, err := c.book(&u)
			if err != nil {
				return err
			}
			entry, err := book.Find(cid)
			remembered := err == nil
			if errors.Is(err, client.ErrUnknownName) {
				entry = client.Entry{Name: cid, CID: cid}
			} else if err != nil {
				return err
			}
			if err := c.confirm(yes, fmt.Sprintf("Deleting %s (%s) for good.", entry.Name, entry.CID)); err != nil {
				return err
			}
			opt := client.DeleteOptions{Timeout: u.limit()}
			if opt.Gateways, opt.UIDs, err = u.gateways(); err != nil {
				return err
			}
			if len(opt.Gateways)+len(opt.UIDs) == 0 {
				opt.Gateways = entry.Gateways
			}
			if err := c.asUser(cmd.Context(), &u, func(user *node.User) error {
				return user.Delete(cmd.Context(), entry.CID, opt)
			}); err != nil {
				return err
			}
			if remembered {
				if err := book.Remove(entry.Name); err != nil {
					return fmt.Errorf("deleted from the network, but still remembered: %w", err)
				}
			}
			return c.print(map[string]any{"cid": entry.CID, "deleted": true}, func() {
				fmt.Fprintf(c.out, "Deleted %s.\n", entry.CID)
			})
		},
	}
	u.add(cmd, 0)
	cmd.Flags().StringVar(&cid, "cid", "", "CID of the file, or the name it is remembered under")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}
