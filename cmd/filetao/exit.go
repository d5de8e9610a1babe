package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/commits"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// exitCode is what the process ends with. Scripts rely on the numbers.
type exitCode int

const (
	exitOK          exitCode = 0
	exitFailure     exitCode = 1
	exitUsage       exitCode = 2
	exitNotFound    exitCode = 3
	exitRefused     exitCode = 4
	exitUnavailable exitCode = 5
	exitExists      exitCode = 6
	exitFull        exitCode = 7
	exitRefuted     exitCode = 8
	exitOpen        exitCode = 9
	exitInterrupted exitCode = 130
)

// exitHelp stands at the end of the program's help, exitLine at the end of every
// command's.
const (
	exitHelp = `Exit codes:
  0    done
  1    failed
  2    wrong use: flags, arguments, or a value that is missing
  3    not found: no such key, file, block or data
  4    refused: password, signature, permission, stake, balance or rate limit
  5    unavailable: no connection, no answer in time, or in use by another process
  6    exists already
  7    no room: full, or over a size limit
  8    refuted: what was checked is not so
  9    open: what was checked cannot be judged from what is there
  130  interrupted
`
	exitLine = "Exit codes: 0 done, 1 failed, 2 wrong use, 3 not found, 4 refused, 5 unavailable,\n" +
		"6 exists already, 7 no room, 8 refuted, 9 open, 130 interrupted.\n"
)

// usageError is a mistake in the command line; it ends with exitUsage and a
// pointer to the help.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// unfinished is an error after which something can be gone on with, or may have
// happened; next says what, also where Ctrl-C is the error.
type unfinished struct {
	next string
	err  error
}

func (u *unfinished) Error() string { return u.err.Error() + "\n" + u.next }

func (u *unfinished) Unwrap() error { return u.err }

// errInterrupted says that the user broke off a question.
var errInterrupted = errors.New("interrupted")

type exitRule struct {
	err  error
	code exitCode
	hint string
}

// exits is the one table from errors to exit codes, with what to do next where
// that is always the same. The first match counts; what is not here has the
// code of its wire status (statusExits) or its cause (systemExits).
var exits = []exitRule{
	{wallet.ErrNotFound, exitNotFound, "`filetao wallet list` shows what is there, `filetao wallet create` makes a wallet; --wallet.path, --wallet.name and --wallet.hotkey say which"},
	{wallet.ErrExists, exitExists, "choose another --wallet.name or --wallet.hotkey (`filetao wallet create hotkey` adds a hotkey to a wallet), or replace it with --overwrite: without its mnemonic the old key is lost"},
	{wallet.ErrPassword, exitRefused, ""},
	{wallet.ErrEncrypted, exitRefused, ""},
	{wallet.ErrPublicOnly, exitRefused, "bring the secret here with `filetao wallet regen`"},
	{wallet.ErrSignature, exitRefused, ""},
	{wallet.ErrKeyfile, exitFailure, "restore the file from a backup, or the key from its mnemonic with `filetao wallet regen`"},
	{wallet.ErrAddress, exitUsage, ""},
	{wallet.ErrSecret, exitUsage, ""},
	{wallet.ErrName, exitUsage, ""},

	{chain.ErrInFlight, exitUnavailable, ""},
	{chain.ErrUnavailable, exitUnavailable, "is the chain running? --subtensor.network and --subtensor.chain_endpoint say which; `filetao devnet` runs one"},
	{chain.ErrNoSubnet, exitNotFound, "--netuid says which subnet"},
	{chain.ErrNoBlock, exitNotFound, ""},
	{chain.ErrNotRegistered, exitRefused, "register it with `filetao chain register`"},
	{chain.ErrAlreadyRegistered, exitExists, ""},
	{chain.ErrFull, exitFull, ""},
	{chain.ErrNotOwner, exitRefused, ""},
	{chain.ErrRateLimit, exitRefused, "try again later"},
	{chain.ErrNoPermit, exitRefused, "add stake with `filetao chain stake`"},
	{chain.ErrStakeTooLow, exitRefused, "add stake with `filetao chain stake`"},
	{chain.ErrBalanceTooLow, exitRefused, ""},
	{chain.ErrBurn, exitRefused, "nothing was paid; --max-burn says how much may be"},
	{chain.ErrVersionKey, exitRefused, "a newer filetao has it"},
	{chain.ErrWeights, exitRefused, "`filetao chain status` shows the subnet's rules"},
	{chain.ErrCommitReveal, exitRefused, ""},
	{commits.ErrMissed, exitRefused, "set them again with `filetao chain weights set`"},
	{commits.ErrNoCommit, exitRefused, "set them again with `filetao chain weights set`"},
	{commits.ErrFile, exitFailure, ""},
	{errNothingCommitted, exitNotFound, ""},
	{errNoUID, exitNotFound, "`filetao chain metagraph` shows who is there"},
	{chain.ErrReveal, exitRefused, ""},
	{chain.ErrTimelock, exitRefused, ""},
	{chain.ErrAxon, exitUsage, "the chain takes addresses that others can reach, with a port"},

	{client.ErrExists, exitExists, "choose another place with --output, or replace it with --force"},
	{client.ErrUnknownName, exitNotFound, "`filetao retrieve list` shows the remembered files"},
	{client.ErrNotFound, exitNotFound, ""},
	{client.ErrNoGateway, exitUnavailable, "`filetao chain metagraph` shows who serves; --hotkeys or --uids name whom to ask, a lower --stake_limit lets more in"},
	{client.ErrWrongKey, exitRefused, "--wallet.name says whose coldkey opens it"},
	{client.ErrNoKey, exitUsage, ""},
	{client.ErrNotEncrypted, exitRefused, "take it as it is with --plain"},
	{client.ErrWrongData, exitFailure, "what came was thrown away; --hotkeys or --uids ask another gateway"},
	{client.ErrNameTaken, exitExists, ""},
	{client.ErrBook, exitFailure, ""},
	{client.ErrBusy, exitUnavailable, "another process does the same: wait for it"},
	{client.ErrLost, exitUnavailable, "try again when more of the miners answer"},
	{client.ErrChanged, exitFailure, "store it again when nothing writes to it"},
	{manifest.ErrExport, exitUsage, ""},
	{cid.ErrInvalid, exitUsage, ""},
	{envelope.ErrOpen, exitRefused, ""},
	{node.ErrNotRegistered, exitRefused, ""},
	{devchain.ErrOtherGenesis, exitExists, "choose another --dir, or give --seed and the other options it was made with"},

	{index.ErrNotFound, exitNotFound, ""},
	{index.ErrLocked, exitUnavailable, "an embedded index belongs to one process: stop the other one, or put the index into Redis"},
	{blobstore.ErrNotFound, exitNotFound, ""},
	{blobstore.ErrInUse, exitUnavailable, "stop the other process first"},
	{blobstore.ErrFull, exitFull, ""},

	{events.ErrNone, exitNotFound, "a validator writes them as it works, unless it was told --neuron.dont_save_events: `filetao devnet` runs one; --events says where they are"},
	{receipt.ErrStatement, exitFailure, "`filetao audit show --save DIR` writes dossiers as they were recorded"},
	{errIllegitimate, exitRefused, ""},
	{errNoAxon, exitUnavailable, ""},
	{errRefuted, exitRefuted, ""},
	{errOpen, exitOpen, ""},
	{errNotStorer, exitRefused, ""},
	{errDevnetDown, exitUnavailable, ""},
	{errNotWhole, exitUnavailable, "run it again when more miners can be reached; what is there stays"},
	{errTooLarge, exitFull, ""},
	{errInterrupted, exitInterrupted, ""},
}

// systemExits is the same for the errors of Go and the system, which come last:
// most of those above have one of them as their cause.
var systemExits = []exitRule{
	{context.DeadlineExceeded, exitUnavailable, ""},
	{context.Canceled, exitInterrupted, ""},
	{fs.ErrNotExist, exitNotFound, ""},
	{fs.ErrExist, exitExists, ""},
	{fs.ErrPermission, exitRefused, ""},
	{syscall.EADDRINUSE, exitUnavailable, "another process listens there: choose another port; 0 takes a free one"},
	{syscall.EADDRNOTAVAIL, exitUsage, "this machine has no such address"},
	{syscall.EWOULDBLOCK, exitUnavailable, "stop the other process first"}, // a locked folder
	{syscall.ENOSPC, exitFull, ""},
}

// statusExits is the same for what peers answered.
var statusExits = map[int]struct {
	code exitCode
	hint string
}{
	wire.StatusNotFound:     {exitNotFound, ""},
	wire.StatusUnauthorized: {exitRefused, "is this machine's clock right?"},
	wire.StatusForbidden:    {exitRefused, "a gateway's operator lets users in with --api.whitelisted_hotkeys; `filetao wallet show hotkey` prints yours"},
	wire.StatusTooMany:      {exitRefused, "try again later"},
	wire.StatusTimeout:      {exitUnavailable, "--timeout gives it longer"},
	wire.StatusUnavailable:  {exitUnavailable, ""},
	wire.StatusConflict:     {exitExists, ""},
	wire.StatusTooLarge:     {exitFull, ""},
	wire.StatusFull:         {exitFull, ""},
	wire.StatusCancelled:    {exitInterrupted, ""},
}

// exitOf is the exit code of an error, and what to do about it ("" if its text
// says that).
func exitOf(err error) (exitCode, string) {
	var usage usageError
	switch {
	case err == nil:
		return exitOK, ""
	case errors.As(err, &usage):
		return exitUsage, ""
	}
	if rule, ok := match(exits, err); ok {
		return rule.code, rule.hint
	}
	if peer := new(wire.Error); errors.As(err, &peer) {
		if e, ok := statusExits[peer.Status]; ok {
			return e.code, e.hint
		}
		return exitFailure, ""
	}
	if rule, ok := match(systemExits, err); ok {
		return rule.code, rule.hint
	}
	onDisk := errors.As(err, new(*fs.PathError)) || errors.As(err, new(*os.LinkError)) // whose numbers are net.Errors as well
	if errors.As(err, new(net.Error)) && !onDisk {
		return exitUnavailable, ""
	}
	return exitFailure, ""
}

func match(rules []exitRule, err error) (exitRule, bool) {
	for _, r := range rules {
		if errors.Is(err, r.err) {
			return r, true
		}
	}
	return exitRule{}, false
}

// interrupted is what to say of an error that Ctrl-C made: what failed because of
// it is no news, what is left undone is.
func interrupted(err error) error {
	if left := new(unfinished); errors.As(err, &left) {
		return &unfinished{left.next, errInterrupted}
	}
	return errInterrupted
}

// report prints an error for a person: what went wrong and what to do next.
func (c *cli) report(ctx context.Context, err error, command string) exitCode {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = interrupted(err)
	}
	code, hint := exitOf(err)
	if down := c.whyDown(code); down != nil {
		err, code, hint = down, exitUnavailable, ""
	}
	if name := c.network(); errors.Is(err, chain.ErrUnavailable) && !errors.Is(err, chain.ErrInFlight) && (name == "finney" || name == "test") {
		hint = "is this machine online? --subtensor.chain_endpoint, beside --subtensor.network " + name + ", takes another node of that network"
	}
	if code == exitUsage && hint == "" {
		hint = "see `" + command + " --help`"
	}
	lines := []string{"filetao: " + err.Error()}
	if hint != "" {
		lines = append(lines, hint)
	}
	fmt.Fprintln(c.err, strings.Join(lines, "\n"))
	return code
}
