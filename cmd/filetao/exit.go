package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
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
	exitInterrupted exitCode = 130
)

// exitHelp stands at the end of every command's help.
const exitHelp = `Exit codes:
  0    done
  1    failed
  2    wrong use: flags, arguments, or a value that is missing
  3    not found: no such key, file, block or data
  4    refused: password, signature, permission, stake, balance or rate limit
  5    unavailable: no connection, no answer in time, or in use by another process
  6    exists already
  7    no room: full, or over a size limit
  130  interrupted
`

// usageError is a mistake in the command line; it ends with exitUsage and a
// pointer to the help.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// errInterrupted says that the user broke off a question.
var errInterrupted = errors.New("interrupted")

// exits is the one table from errors to exit codes, with what to do next where
// that is always the same. The first match counts; what is not here has the
// code of its wire status.
var exits = []struct {
	err  error
	code exitCode
	hint string
}{
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

	{chain.ErrUnavailable, exitUnavailable, "is the chain running? --subtensor.chain_endpoint says where"},
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

	{index.ErrNotFound, exitNotFound, ""},
	{index.ErrLocked, exitUnavailable, "an embedded index belongs to one process: stop the other one, or put the index into Redis"},
	{blobstore.ErrNotFound, exitNotFound, ""},
	{blobstore.ErrInUse, exitUnavailable, "stop the other process first"},
	{blobstore.ErrFull, exitFull, ""},

	{errInterrupted, exitInterrupted, ""},
	{context.DeadlineExceeded, exitUnavailable, ""},
	{context.Canceled, exitInterrupted, ""},
	{fs.ErrNotExist, exitNotFound, ""},
	{fs.ErrExist, exitExists, ""},
	{fs.ErrPermission, exitRefused, ""},
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
	for _, e := range exits {
		if errors.Is(err, e.err) {
			return e.code, e.hint
		}
	}
	switch wire.StatusOf(err) {
	case wire.StatusNotFound:
		return exitNotFound, ""
	case wire.StatusUnauthorized, wire.StatusForbidden, wire.StatusTooMany:
		return exitRefused, ""
	case wire.StatusTimeout, wire.StatusUnavailable:
		return exitUnavailable, ""
	case wire.StatusConflict:
		return exitExists, ""
	case wire.StatusTooLarge, wire.StatusFull:
		return exitFull, ""
	case wire.StatusCancelled:
		return exitInterrupted, ""
	}
	return exitFailure, ""
}

// report prints an error for a person: what went wrong and what to do next.
func (c *cli) report(err error, command string) exitCode {
	code, hint := exitOf(err)
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
