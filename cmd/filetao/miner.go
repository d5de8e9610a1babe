package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
)

func (c *cli) minerCommand() *cobra.Command {
	cmd := group("miner", "Look at miners as a validator knows them", c.minerStatsCommand())
	cmd.Aliases = []string{"m"}
	return cmd
}

// statsFlags say where the index is.
type statsFlags struct {
	dir, at, host, password string
	port                    int
}

func (c *cli) minerStatsCommand() *cobra.Command {
	var s statsFlags
	cmd := &cobra.Command{
		Use: "stats", Short: "Show every miner's statistics, tier and storage", Args: noArgs,
		Long: `Show every miner's statistics, tier and storage, from a validator's index: the
one in --dir (a running validator is asked, a stopped one's index is opened), or
a Redis index named by --index.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows, err := c.minerRows(cmd.Context(), &s)
			if err != nil {
				return err
			}
			c.addUIDs(cmd.Context(), rows)
			if rows == nil {
				rows = []node.MinerRow{}
			}
			return c.print(rows, func() { c.printMiners(rows) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.dir, "dir", "", "`folder` of the validator (default ~/.filetao/validator)")
	f.StringVar(&s.at, "index", "", "`index` in Redis: redis://…, redis+cluster://…, or a database number at --database.host")
	f.StringVar(&s.host, "database.host", "localhost", "Redis `host` for --index N")
	f.IntVar(&s.port, "database.port", 6379, "its `port`")
	f.StringVar(&s.password, "database.redis_password", c.env("", "REDIS_PASSWORD"), "its `password` (REDIS_PASSWORD)")
	keepSecret(f, "database.redis_password")
	return cmd
}

func (c *cli) minerRows(ctx context.Context, s *statsFlags) ([]node.MinerRow, error) {
	if s.at != "" {
		at := s.at
		if n, err := strconv.Atoi(at); err == nil {
			at = redisURL(s.host, s.port, s.password, n)
		}
		return rowsOf(ctx, at)
	}
	if s.dir == "" && c.net != nil {
		s.dir = c.net.Validator
	}
	if err := homeDir(&s.dir, "validator"); err != nil {
		return nil, err
	}
	rows, err := askStatus(ctx, s.dir)
	if err == nil || !errors.Is(err, errNotRunning) {
		return rows, err
	}
	at := filepath.Join(s.dir, "index")
	if _, err := os.Stat(at); err != nil {
		return nil, fmt.Errorf("%s holds no validator's index: %w; --dir or --index says where it is", s.dir, err)
	}
	return rowsOf(ctx, at)
}

func rowsOf(ctx context.Context, at string) (rows []node.MinerRow, err error) {
	ix, err := node.OpenIndex(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ix.Close()) }()
	return node.MinerRows(ctx, ix)
}

// addUIDs looks up the UIDs that an index does not know, if a chain is named;
// the statistics are of use without them.
func (c *cli) addUIDs(ctx context.Context, rows []node.MinerRow) {
	if c.chainEndpoint+c.chainNetwork == "" || !slices.ContainsFunc(rows, func(r node.MinerRow) bool { return r.UID == nil }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := c.onChain(ctx, func(remote *devchain.Remote) error {
		m, err := remote.Metagraph(ctx, chain.NetUID(c.netuid))
		if err != nil {
			return err
		}
		for i := range rows {
			if n, ok := m.ByHotkey(rows[i].Hotkey); ok {
				uid := int(n.UID)
				rows[i].UID = &uid
			}
		}
		return nil
	}); err != nil {
		c.log.Debug("no UIDs", "err", err)
	}
}

// errNotRunning says that no node answers for a folder.
var errNotRunning = errors.New("no node runs on this folder")

// maxStatus bounds a status page's answer in bytes: thousands of miners.
const maxStatus = 4 << 20

// askStatus asks the validator that runs on a folder, through its status page.
func askStatus(ctx context.Context, dir string) ([]node.MinerRow, error) {
	addr, err := node.StatusAddrOf(dir)
	if err != nil {
		return nil, errNotRunning
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr.String()+"/miners", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, errNotRunning
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the validator's status page at %s answers %s", addr, resp.Status)
	}
	var rows []node.MinerRow
	err = json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(&rows)
	return rows, err
}

func redisURL(host string, port int, password string, db int) string {
	at := url.URL{Scheme: "redis", Host: net.JoinHostPort(host, strconv.Itoa(port)), Path: "/" + strconv.Itoa(db)}
	if password != "" {
		at.User = url.UserPassword("", password)
	}
	return at.String()
}

func (c *cli) printMiners(rows []node.MinerRow) {
	if len(rows) == 0 {
		fmt.Fprintln(c.out, "The index knows no miners yet.")
		return
	}
	slices.SortStableFunc(rows, func(a, b node.MinerRow) int { // by UID, those without one last
		switch {
		case a.UID != nil && b.UID != nil:
			return cmp.Compare(*a.UID, *b.UID)
		case a.UID == b.UID:
			return 0
		case a.UID == nil:
			return 1
		}
		return -1
	})
	var table [][]string
	for _, r := range rows {
		uid := "-"
		if r.UID != nil {
			uid = strconv.Itoa(*r.UID)
		}
		table = append(table, []string{
			uid, string(r.Hotkey), cmp.Or(r.Tier, "-"), fmt.Sprint(r.TotalSuccesses), tally(r.Store), tally(r.Challenge),
			tally(r.Retrieve), size(r.Stored) + " / " + size(r.Limit),
		})
	}
	c.table(strings.Split(">UID,HOTKEY,TIER,>SUCCESSES,>STORE,>CHALLENGE,>RETRIEVE,>STORED / LIMIT", ","), table)
}

// tally shows successes, attempts and rate.
func tally(t index.Tally) string {
	if t.Attempts == 0 {
		return "0/0"
	}
	return fmt.Sprintf("%d/%d (%.1f%%)", t.Successes, t.Attempts, 100*float64(t.Successes)/float64(t.Attempts))
}
