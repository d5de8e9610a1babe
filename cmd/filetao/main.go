// Package main is the filetao command: flags, prompts and tables in front of
// the other packages, one file a command, and nothing else. Enter at run; the
// commands are listed in newRoot, the exit codes in exit.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, os.Environ(), time.Now}))
}

// run executes one command line and returns its exit code. The first SIGINT or
// SIGTERM ends the command's context; a second one ends the process.
func run(args []string, s streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	return int(newCLI(s).execute(ctx, args))
}
