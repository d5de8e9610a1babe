package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/devnet/load"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/node"
)

// benchFlags are the flags of `bench`.
type benchFlags struct {
	userFlags
	load.Config
	own     load.Network // one of its own if it has miners
	sizes   byteSizes
	audits  int
	profile string // --cpu-profile
	plain   bool
}

func (c *cli) benchCommand() *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure how fast files go in and come back", Args: noArgs,
		Long: `Measure how fast files go in and come back: with --miners N on a network of its own,
which it starts on this machine, real to the disk; without, on the network that
--devnet or the other flags name, as the user whose wallet they name.

It puts files of made-up content, gets them back, compares, deletes them, and shows
for each size how fast that was and what it cost.

MB are 10^6 bytes of the files, CPU is that of this process: with --miners of the
whole network. NET/BYTE counts with --traffic all bytes that gateway and miners
send and receive, for each byte of the files. Slow miners have a link of 100 MB/s
divided by --slowdown; dead ones are gone, but the chain still names them.`,
		Example: "  filetao bench --miners 10\n  filetao bench --miners 10 --size 4KiB --count 5000 --workers 16\n" +
			"  filetao bench --miners 10 --size 256MiB --slow 1 --dead 2 --json\n  filetao bench --wallet.name alice --size 16MiB --count 8",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.settle(cmd); err != nil {
				return err
			}
			return c.runBench(cmd.Context(), &b)
		},
	}
	b.sizes = byteSizes{4 << 10, 64 << 20}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&b.own.Miners, "miners", 0, "`number` of miners of a network of its own (default: none, measure the one that is there)")
	f.Var(&b.sizes, "size", "how large the files are, for example 4KiB,256MiB")
	f.IntVar(&b.Count, "count", 4, "`number` of files of each size")
	f.IntVar(&b.Workers, "workers", 1, "`number` of files on their way at a time")
	f.IntVar(&b.Runs, "runs", 1, "`number` of runs, each with other files")
	f.Uint64Var(&b.Seed, "seed", 0, "`number` that decides the content (default: drawn)")
	f.IntVar(&b.audits, "audits", 0, "`number` of audits and of proofs, on a network of its own")
	f.IntVar(&b.own.Slow, "slow", 0, "`number` of its miners that are slow")
	f.Float64Var(&b.own.Slowdown, "slowdown", 100, "how many `times` slower they are")
	f.IntVar(&b.own.Dead, "dead", 0, "`number` of its miners that are dead")
	f.BoolVar(&b.own.Traffic, "traffic", false, "count the bytes on its wires, which takes some time")
	f.BoolVar(&b.plain, "plain", false, "do not encrypt the files")
	f.BoolVar(&b.Keep, "keep", false, "do not delete the files")
	f.StringVar(&b.profile, "cpu-profile", "", "`file` for a profile of the processor's time, for go tool pprof")
	b.add(cmd, 0)
	return cmd
}

// byteSizes is a flag for numbers of bytes.
type byteSizes []int64

func (b *byteSizes) Set(text string) error {
	*b = nil
	for _, one := range strings.Split(text, ",") {
		var size byteSize
		if err := size.Set(strings.TrimSpace(one)); err != nil {
			return err
		}
		*b = append(*b, int64(size))
	}
	return nil
}

func (b *byteSizes) String() string {
	var all []string
	for _, one := range *b {
		all = append(all, strings.ReplaceAll(strings.ReplaceAll(size(one), ".0 ", ""), " ", ""))
	}
	return strings.Join(all, ",")
}

// Type implements pflag.Value.
func (b *byteSizes) Type() string { return "bytes" }

// settle looks at the flags before anything is started.
func (b *benchFlags) settle(cmd *cobra.Command) error {
	b.Sizes = b.sizes
	switch {
	case b.Count < 1 || b.Workers < 1 || b.Runs < 1:
		return usagef("--count, --workers and --runs: at least one of each")
	case b.own.Miners > 0 && cmd.Flag("devnet").Changed:
		return usagef("--miners starts a network of its own, --devnet names another")
	case b.own.Miners > 0:
		if err := b.own.Check(); err != nil {
			return usageError{err.Error()}
		}
	default:
		for _, name := range []string{"slow", "slowdown", "dead", "traffic", "audits"} {
			if cmd.Flag(name).Changed {
				return usagef("--%s is for a network of its own: see --miners", name)
			}
		}
	}
	if !cmd.Flag("seed").Changed {
		b.Seed = rand.Uint64()
	}
	return nil
}

// benched is the answer of `bench`.
type benched struct {
	Seed    uint64        `json:"seed"`
	Results []load.Result `json:"results"`
}

func (c *cli) runBench(ctx context.Context, b *benchFlags) error {
	fmt.Fprintf(c.err, "Seed %d.\n", b.Seed)
	answer := benched{Seed: b.Seed, Results: []load.Result{}}
	bar := c.progress("measuring")
	defer bar.done()
	report := func(r load.Result) {
		answer.Results = append(answer.Results, r)
		bar.say(fmt.Sprintf("%s of %s: %.1f/s", r.Op, size(r.Size), r.PerSecond))
	}
	run := c.benchThere
	if b.own.Miners > 0 {
		run = c.benchOwn
	}
	err := run(ctx, b, report)
	bar.done()
	if err != nil && len(answer.Results) == 0 {
		return err
	}
	return errors.Join(c.print(answer, func() { c.benchTable(answer.Results) }), err)
}

// benchThere measures the network that the flags name.
func (c *cli) benchThere(ctx context.Context, b *benchFlags, report func(load.Result)) error {
	if err := c.settleWallet(); err != nil {
		return err
	}
	gateways, uids, err := b.gateways()
	if err != nil {
		return err
	}
	t := load.Target{
		Put: client.PutFileOptions{Plain: b.plain, Gateways: gateways, UIDs: uids, Timeout: b.limit()},
		Get: client.GetFileOptions{Plain: b.plain, Gateways: gateways, UIDs: uids, Timeout: b.limit()},
	}
	if !b.plain {
		coldkey, err := c.coldkey()
		if err != nil {
			return err
		}
		t.Put.Keys.User = func() (envelope.UserKey, error) { return envelope.UserKeyOf(coldkey.PrivateKeyHex()), nil }
		t.Get.Keys = t.Put.Keys
	}
	return c.asUser(ctx, &b.userFlags, func(user *node.User) error {
		t.Client = user.Client
		return profiled(b.profile, func() error { return load.Run(ctx, b.Config, t, report) })
	})
}

// benchOwn measures a network of its own.
func (c *cli) benchOwn(ctx context.Context, b *benchFlags, report func(load.Result)) error {
	if c.debug || c.trace {
		b.own.Log = c.log
	}
	keep := b.Keep
	b.Keep = keep || b.audits > 0 // there must be something to ask about
	return load.With(ctx, b.own, func(ctx context.Context, d *devnet.Devnet, t load.Target) error {
		t.Put.Plain, t.Get.Plain = b.plain, b.plain
		return profiled(b.profile, func() error {
			if err := load.Run(ctx, b.Config, t, report); err != nil || b.audits == 0 {
				return err
			}
			return benchAudits(ctx, b, d, report)
		})
	})
}

func benchAudits(ctx context.Context, b *benchFlags, d *devnet.Devnet, report func(load.Result)) error {
	audits, err := load.Audits(ctx, d, b.audits, b.Workers)
	if err != nil {
		return err
	}
	report(audits)
	proofs, err := load.Proofs(ctx, audits.Size, b.Seed)
	for _, r := range proofs {
		report(r)
	}
	return err
}

// profiled writes a profile of what work does.
func profiled(path string, work func() error) (err error) {
	if path == "" {
		return work()
	}
	f, err := os.Create(expandHome(path))
	if err != nil {
		return fmt.Errorf("--cpu-profile: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return fmt.Errorf("--cpu-profile: %w", err)
	}
	defer pprof.StopCPUProfile()
	return work()
}

func (c *cli) benchTable(results []load.Result) {
	number := func(format string, x float64) string {
		if x == 0 {
			return "-"
		}
		return fmt.Sprintf(format, x)
	}
	var rows [][]string
	for _, r := range results {
		rows = append(rows, []string{
			string(r.Op), size(r.Size), fmt.Sprint(r.Run), fmt.Sprint(r.Count), fmt.Sprint(r.Workers),
			number("%.1f", r.MBPerSecond), fmt.Sprintf("%.1f", r.PerSecond), fmt.Sprintf("%.1f", r.P50), fmt.Sprintf("%.1f", r.P99),
			number("%.1f", r.FirstP50), number("%.1f", r.FirstP99),
			number("%.2f", r.CPUPerGB), fmt.Sprintf("%.2f", r.CPUEach), size(r.Memory), number("%.2f", r.PerUserByte),
		})
	}
	c.table(strings.Split("OP,>SIZE,>RUN,>FILES,>AT A TIME,>MB/s,>PER SECOND,>P50 ms,>P99 ms,>FIRST P50,>FIRST P99,>CPU s/GB,>CPU ms EACH,>PEAK MEMORY,>NET/BYTE", ","), rows)
}
