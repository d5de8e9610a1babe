package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want exitCode
	}{
		{nil, exitOK},
		{fmt.Errorf("the dossier: %w", errRefuted), exitRefuted},
		{fmt.Errorf("the dossier: %w", errOpen), exitOpen},
		{fmt.Errorf("file, line 1: %w", receipt.ErrStatement), exitFailure},
		{errors.New("anything"), exitFailure},
		{usagef("no %s", "flag"), exitUsage},
		{fmt.Errorf("outer: %w", usagef("inner")), exitUsage},
		{fmt.Errorf("read: %w", wallet.ErrNotFound), exitNotFound},
		{fmt.Errorf("%w: %w", wallet.ErrKeyfile, wallet.ErrSecret), exitFailure}, // not the user's typing
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, exitRefused},
		{wire.NotFound("no data"), exitNotFound},
		{fmt.Errorf("gateway: %w", wire.Forbidden("not on the whitelist")), exitRefused},
		{wire.TooMany("slow down"), exitRefused},
		{wire.Unavailable("busy"), exitUnavailable},
		{wire.Timeout("too late"), exitUnavailable},
		{wire.Full("no room"), exitFull},
		{wire.TooLarge("too big"), exitFull},
		{wire.Conflict("there already"), exitExists},
		{wire.Unparsable("garbage"), exitFailure},
		{&wire.Error{Status: wire.StatusTimeout, Text: "late", Err: context.DeadlineExceeded}, exitUnavailable},
		{context.DeadlineExceeded, exitUnavailable},
		{fmt.Errorf("run: %w", context.Canceled), exitInterrupted},
		{errInterrupted, exitInterrupted},
		{noEvents("events.jsonl"), exitNotFound},
		{fmt.Errorf("get: %w: %w", client.ErrNotFound, wire.NotFound("no file")), exitNotFound},
		{fmt.Errorf("%w: x", client.ErrUnknownName), exitNotFound},
		{client.ErrNoGateway, exitUnavailable},
		{fmt.Errorf("%w: %w", client.ErrWrongKey, envelope.ErrOpen), exitRefused},
		{client.ErrNoKey, exitUsage},
		{client.ErrNotEncrypted, exitRefused},
		{client.ErrWrongData, exitFailure},
		{client.ErrNameTaken, exitExists},
		{envelope.ErrOpen, exitRefused},
		{fmt.Errorf("announcement: %w", node.ErrNotRegistered), exitRefused},
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}, exitUnavailable},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, exitUnavailable},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, exitFull},
		{&fs.PathError{Op: "mkdir", Path: "x", Err: syscall.ENOTDIR}, exitFailure},
	} {
		if got, _ := exitOf(c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}

func TestEveryExitCodeIsExplained(t *testing.T) {
	codes := map[exitCode]bool{exitOK: true, exitFailure: true, exitUsage: true}
	for _, e := range slices.Concat(exits, systemExits) {
		codes[e.code] = true
	}
	for _, e := range statusExits {
		codes[e.code] = true
	}
	for code := range codes {
		if !strings.Contains(exitHelp, fmt.Sprintf("\n  %-4d ", code)) {
			t.Errorf("the help does not say what exit code %d means", code)
		}
		if !strings.Contains(exitLine, fmt.Sprintf("%d ", code)) {
			t.Errorf("the commands' help does not name exit code %d", code)
		}
	}
}

// TestUnreachableNetworks: nobody runs a public network, or the devnet, where the
// other is missing.
func TestUnreachableNetworks(t *testing.T) {
	for network, want := range map[string]string{
		"": "is this machine online", "test": "--subtensor.network test, takes another node", "local": "`filetao devnet` runs one", "ws://a": "`filetao devnet` runs one",
	} {
		var said bytes.Buffer
		c := newCLI(streams{err: &said})
		c.chainNetwork = network
		if code := c.report(t.Context(), fmt.Errorf("dial: %w", chain.ErrUnavailable), "filetao"); code != exitUnavailable || !strings.Contains(said.String(), want) {
			t.Errorf("%q: exit code %d, said %s", network, code, &said)
		}
	}
}
