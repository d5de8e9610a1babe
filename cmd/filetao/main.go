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

	"github.com/redis/go-redis/v9"
)

// silent is a logger of go-redis.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func main() {
	redis.SetLogger(silent{}) // its errors come back from its calls as well
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, os.Environ(), time.Now}))
}

// run executes one command line and returns its exit code. The first SIGINT or
// SIGTERM, or SIGHUP where nohup does not keep it off, ends the command's
// context; a second one ends the process.
func run(args []string, s streams) int {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP) // the terminal is gone
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	return int(newCLI(s).execute(ctx, args))
}
