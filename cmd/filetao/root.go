package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// streams are the process as a command sees it.
type streams struct {
	in       io.Reader
	out, err io.Writer
	environ  []string // as os.Environ gives it
	now      func() time.Time
}

// cli is what all commands share: the streams, the shared flags, the log.
type cli struct {
	streams
	log *slog.Logger

	wallet        wallet.Location               // --wallet.*
	named         struct{ wallet, hotkey bool } // rather than taken by default
	passwordFile  string                        // --password-file
	chainNetwork  string                        // --subtensor.network
	chainEndpoint string                        // --subtensor.chain_endpoint
	networkNamed  bool                          // --subtensor.network is on the command line
	finalized     bool                          // --subtensor.finalized
	netuid        uint16                        // --netuid
	json          bool                          // --json
	debug, trace  bool                          // --logging.*
	devnetDir     string                        // --devnet
	net           *devnetFile                   // what is there; nil without it

	derive  func(privateKeyHex string) envelope.Key // the slow envelope.DeriveKey
	stdout  *stickyWriter                           // under out
	tty     *term.Terminal                          // made at the first question
	bar     *progressBar                            // the last one that was begun
	running bool                                    // the command line was right
}

func newCLI(s streams) *cli {
	c := &cli{streams: s, log: slog.New(slog.DiscardHandler), derive: envelope.DeriveKey, stdout: &stickyWriter{w: s.out}}
	c.out = c.stdout
	return c
}

// execute runs one command line; it reports the error, if any, by itself.
func (c *cli) execute(ctx context.Context, args []string) exitCode {
	root := c.newRoot()
	root.SetArgs(c.likeArgparse(root, args))
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !c.running && !errors.As(err, new(usageError)) {
		err = usageError{err.Error()} // cobra's own errors come before the command runs
	}
	if err == nil {
		err = c.stdout.err
	}
	if isServing(cmd) && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitOK // Ctrl-C while it started
	}
	if err != nil {
		return c.report(ctx, err, cmd.CommandPath())
	}
	return exitOK
}

func (c *cli) newRoot() *cobra.Command {
	root := group("filetao", "A decentralised storage network")
	c.addCommands(root, "files", c.storeCommand(), c.retrieveCommand(), c.filesCommand(), c.deleteCommand(), c.walletCommand())
	c.addCommands(root, "network", c.devnetCommand(), c.cheatCommand(), c.benchCommand(), c.runCommand(), c.minerCommand(), c.auditCommand(), c.repairCommand(), c.indexCommand(), c.selectionCommand(), c.profileCommand(), c.plotCommand(), c.simCommand(), c.chainCommand())
	c.addCommands(root, "", c.versionCommand())
	root.Long = "FileTAO stores encrypted files on a network of miners that validators keep honest.\n" +
		"Start with `filetao devnet`: a whole network on this machine."
	root.Version = readVersion().Version
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetHelpFunc(c.help)
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		c.log = slog.New(c.logHandler(cmd))
		c.noticeIgnored(cmd)
		named := cmd.Flag("subtensor.network").Changed
		if err := c.fromEnvironment(cmd); err != nil {
			return err
		}
		c.settleNetwork(cmd, named)
		if err := refuseNegative(cmd); err != nil {
			return err
		}
		c.named.wallet = cmd.Flag("wallet.name").Changed || c.env("", "BT_WALLET_NAME") != ""
		c.named.hotkey = cmd.Flag("wallet.hotkey").Changed || c.env("", "BT_WALLET_HOTKEY") != ""
		c.running = true // a devnet that is not there is no mistake in the command line
		err := c.useDevnet(cmd)
		c.running = err != nil
		return err
	}
	c.sharedFlags(root)
	root.InitDefaultCompletionCmd()
	if cmd, _, err := root.Find([]string{"completion"}); err == nil {
		refuseUnknown(cmd)
	}
	root.SetGlobalNormalizationFunc(aliases)
	c.markRunning(root)
	return root
}

func (c *cli) addCommands(root *cobra.Command, groupID string, cmds ...*cobra.Command) {
	if groupID != "" && !root.ContainsGroup(groupID) {
		root.AddGroup(&cobra.Group{ID: groupID})
	}
	for _, cmd := range cmds {
		cmd.GroupID = groupID
		root.AddCommand(cmd)
	}
}

func (c *cli) sharedFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&c.wallet.Path, "wallet.path", c.env(wallet.DefaultPath(), "BT_WALLET_PATH"), "`folder` of the wallets (BT_WALLET_PATH)")
	f.StringVar(&c.wallet.Name, "wallet.name", c.env("default", "BT_WALLET_NAME"), "`name` of the wallet (BT_WALLET_NAME)")
	f.StringVar(&c.wallet.Hotkey, "wallet.hotkey", c.env("default", "BT_WALLET_HOTKEY"), "`name` of the hotkey (BT_WALLET_HOTKEY)")
	f.StringVar(&c.passwordFile, "password-file", "", "`file` that holds the password of an encrypted key; - is standard input")
	f.StringVar(&c.chainNetwork, "subtensor.network", c.env("", "BT_SUBTENSOR_NETWORK"), "`chain` to use: finney, test or local (BT_SUBTENSOR_NETWORK)")
	f.StringVar(&c.chainEndpoint, "subtensor.chain_endpoint", c.env("", "FILETAO_CHAIN_ENDPOINT", "BT_SUBTENSOR_CHAIN_ENDPOINT"), "`address` of a chain node, ws://host:port; several, for when one fails, with commas between (FILETAO_CHAIN_ENDPOINT)")
	c.finalityFlag(f)
	f.StringVar(&c.devnetDir, "devnet", c.env("", "FILETAO_DEVNET"), "work on the devnet in this `folder`: its chain, its user's wallet, its validator (FILETAO_DEVNET)")
	f.Uint16Var(&c.netuid, "netuid", c.envNetUID(), "`number` of the subnet; on test 22 unless said otherwise (FILETAO_NETUID)")
	f.BoolVar(&c.json, "json", false, "print the result as one line of JSON")
	f.BoolVar(&c.debug, "logging.debug", false, "log details")
	f.BoolVar(&c.trace, "logging.trace", false, "log everything")
	ignore(f, commonIgnored)
	for name, complete := range map[string]cobra.CompletionFunc{
		"wallet.name": c.completeWallets, "wallet.hotkey": c.completeHotkeys,
		"subtensor.network": cobra.FixedCompletions([]string{"local", "test", "finney"}, cobra.ShellCompDirectiveNoFileComp),
	} {
		if err := root.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic("completion of --" + name + ": " + err.Error()) // the flag was defined above
		}
	}
}

// env is the value of the first of the named variables that is set, else def.
func (c *cli) env(def string, names ...string) string {
	for _, name := range names {
		for _, pair := range c.environ {
			if value, ok := strings.CutPrefix(pair, name+"="); ok && value != "" {
				return value
			}
		}
	}
	return def
}

// envNetUID is FILETAO_NETUID if that is a number, else FileTAO's subnet.
func (c *cli) envNetUID() uint16 {
	n, err := strconv.ParseUint(c.env("", "FILETAO_NETUID"), 10, 16)
	if err != nil {
		return 21
	}
	return uint16(n)
}

// markRunning lets execute tell a wrong command line from a command that failed.
func (c *cli) markRunning(cmd *cobra.Command) {
	if runE := cmd.RunE; runE != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			c.running = true
			return runE(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		c.markRunning(sub)
	}
}

// group is a command that only holds others. Alone it prints its help.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.AddCommand(subs...)
	refuseUnknown(cmd)
	return cmd
}

// refuseUnknown makes a mistyped subcommand an error; cobra would print the help
// and call it success.
func refuseUnknown(cmd *cobra.Command) {
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := ""
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			text = "; did you mean " + strings.Join(like, " or ") + "?"
		}
		return usagef("there is no command %q in `%s`%s", args[0], cmd.CommandPath(), text)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func (c *cli) completeWallets(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all, err := wallet.List(c.wallet.Path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, w := range all {
		names = append(names, w.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (c *cli) completeHotkeys(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all, err := wallet.List(c.wallet.Path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, w := range all {
		if w.Name != c.wallet.Name {
			continue
		}
		for _, h := range w.Hotkeys {
			names = append(names, h.Name)
		}
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}
