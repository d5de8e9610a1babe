package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// sourceFlags say where a validator's index is.
type sourceFlags struct {
	dir, at, host, password string
	port                    int
}

// sourceHelp is the end of the help of commands that look into one.
const sourceHelp = `from a validator's index: the one in --dir (a running validator is asked, a
stopped one's index is opened), or a Redis index named by --index.`

func (s *sourceFlags) add(c *cli, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.dir, "dir", "", "`folder` of the validator (default ~/.filetao/validator)")
	f.StringVar(&s.at, "index", "", "`index` in Redis: redis://…, redis+cluster://…, or a database number at --database.host")
	f.StringVar(&s.host, "database.host", "localhost", "Redis `host` for --index N")
	f.IntVar(&s.port, "database.port", 6379, "its `port`")
	f.StringVar(&s.password, "database.redis_password", c.env("", "REDIS_PASSWORD"), "its `password` (REDIS_PASSWORD)")
	keepSecret(f, "database.redis_password")
}

// source is what a validator knows: its running process, through the status
// page, or its index.
type source struct {
	page netip.AddrPort
	ix   *index.Index // nil: ask the page
}

// withSource finds the source that the flags name.
func (c *cli) withSource(ctx context.Context, s *sourceFlags, fn func(*source) error) error {
	if s.at != "" {
		at := s.at
		if n, err := strconv.Atoi(at); err == nil {
			at = redisURL(s.host, s.port, s.password, n)
		}
		return withOpenIndex(ctx, at, fn)
	}
	if s.dir == "" && c.net != nil {
		s.dir = c.net.Validator
	}
	if err := homeDir(&s.dir, "validator"); err != nil {
		return err
	}
	if page, err := node.StatusAddrOf(s.dir); err == nil {
		src := &source{page: page}
		var status node.Status
		if err := src.ask(ctx, "/status", &status); !errors.Is(err, errNotRunning) {
			if err != nil {
				return err
			}
			return fn(src)
		}
	}
	at := filepath.Join(s.dir, "index")
	if _, err := os.Stat(at); err != nil {
		return fmt.Errorf("%s holds no validator's index: %w; --dir or --index says where it is", s.dir, err)
	}
	return withOpenIndex(ctx, at, fn)
}

func withOpenIndex(ctx context.Context, at string, fn func(*source) error) (err error) {
	ix, err := node.OpenIndex(ctx, at, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ix.Close()) }()
	return fn(&source{ix: ix})
}

func (s *source) miners(ctx context.Context) (rows []node.MinerRow, err error) {
	if s.ix != nil {
		return node.MinerRows(ctx, s.ix)
	}
	err = s.ask(ctx, "/miners", &rows)
	return rows, err
}

// audits are those of one miner, limit of them at most, with their dossiers.
func (s *source) audits(ctx context.Context, miner wallet.Address, limit int) (found node.Audits, err error) {
	if s.ix != nil {
		return node.AuditRows(ctx, s.ix, miner, limit)
	}
	err = s.ask(ctx, "/audits?"+url.Values{"miner": {string(miner)}, "limit": {strconv.Itoa(limit)}}.Encode(), &found)
	return found, err
}

// explain asks the running validator why a miner stands where it does.
func (s *source) explain(ctx context.Context, who node.Whom) (x node.Explanation, err error) {
	name := string(who.Hotkey)
	if name == "" {
		name = strconv.Itoa(who.UID)
	}
	err = s.ask(ctx, "/explain?"+url.Values{
		"miner": {name}, "last": {strconv.Itoa(who.Last)}, "since": {strconv.FormatUint(who.Since, 10)},
	}.Encode(), &x)
	return x, err
}

// errNotRunning says that no node answers for a folder.
var errNotRunning = errors.New("no node runs on this folder")

// maxStatus bounds a status page's answer in bytes: thousands of miners.
const maxStatus = 4 << 20

// ask reads a page of the running validator's.
func (s *source) ask(ctx context.Context, page string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.page.String()+page, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errNotRunning
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		if strings.TrimSpace(string(text)) == node.ErrNoMiner.Error() {
			return node.ErrNoMiner
		}
		return errors.Join(fmt.Errorf("the validator's status page at %s answers %s", s.page, resp.Status), err)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(answer)
}

func redisURL(host string, port int, password string, db int) string {
	at := url.URL{Scheme: "redis", Host: net.JoinHostPort(host, strconv.Itoa(port)), Path: "/" + strconv.Itoa(db)}
	if password != "" {
		at.User = url.UserPassword("", password)
	}
	return at.String()
}
