package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// usageRow is what a hotkey's files take at a gateway, and what they may: 0 for what
// has no limit.
type usageRow struct {
	Gateway     wallet.Address `json:"gateway"`
	Bytes       int64          `json:"bytes"`
	MaxBytes    int64          `json:"max_bytes"`
	Objects     int64          `json:"objects"`
	MaxObjects  int64          `json:"max_objects"`
	Segments    int64          `json:"segments"`
	MaxSegments int64          `json:"max_segments"`
	Uploads     int64          `json:"uploads"`
	MaxUploads  int64          `json:"max_uploads"`
}

func (c *cli) filesUsageCommand() *cobra.Command {
	var u userFlags
	cmd := &cobra.Command{
		Use: "usage", Short: "Show what your files take at gateways, and may", Args: cobra.NoArgs,
		Long: `Show what the files of this wallet's hotkey take at each gateway, and what they may
take there. Bytes are those on all disks: shards as they are coded, and manifests
with the small files in them. Uploads are files that were begun and not finished:
putting them again finishes them, and those that nobody goes on with are dropped.
Gateways that work together show the same.`,
		Example: "  filetao files usage",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.usage(cmd.Context(), &u) },
	}
	u.add(cmd, 0)
	return cmd
}

func (c *cli) usage(ctx context.Context, u *userFlags) error {
	if err := c.settleWallet(); err != nil {
		return err
	}
	ask := client.AskOptions{Timeout: u.limit()}
	var err error
	if ask.Gateways, ask.UIDs, err = u.gateways(); err != nil {
		return err
	}
	var all []client.Used
	if err := c.asUser(ctx, u, func(user *node.User) (err error) {
		all, err = user.Usage(ctx, ask)
		return err
	}); err != nil {
		return err
	}
	rows := make([]usageRow, len(all))
	for i, used := range all {
		rows[i] = usageRow(used)
	}
	return c.print(rows, func() { c.printUsage(rows) })
}

func (c *cli) printUsage(rows []usageRow) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	of := func(n, most int64, show func(int64) string) string {
		if most == 0 {
			return show(n)
		}
		return fmt.Sprintf("%s of %s", show(n), show(most))
	}
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{
			string(r.Gateway), of(r.Bytes, r.MaxBytes, size), of(r.Objects, r.MaxObjects, number),
			of(r.Segments, r.MaxSegments, number), of(r.Uploads, r.MaxUploads, number),
		})
	}
	c.table([]string{"GATEWAY", ">SIZE", ">FILES", ">SEGMENTS", ">UPLOADS"}, table)
}
