package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/filetao/filetao/wallet"
)

// aliases are other names of flags: --data_hash and --uid are the Python
// client's of 1.x and 3.x, --miner.blacklist.… its miner's of 1.x.
func aliases(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch {
	case name == "data_hash":
		name = "cid"
	case name == "uid":
		name = "uids"
	case strings.HasPrefix(name, "miner.blacklist."):
		name = strings.TrimPrefix(name, "miner.")
	}
	return pflag.NormalizedName(name)
}

// likeArgparse rewrites what start scripts of the Python programs have and pflag
// reads otherwise: a switch with its value behind a space, a list of words behind
// its flag, and a list of none.
func (c *cli) likeArgparse(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	args = append(slices.Clone(args), c.extraOptions(cmd)...)
	var out []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return append(append(out, arg), args...)
		}
		if name, ok := strings.CutPrefix(arg, "--"); ok && !strings.Contains(name, "=") {
			if f := cmd.Flag(name); f != nil {
				arg, args = joinWords(f, arg, args)
			}
		}
		out = append(out, arg)
	}
	return out
}

// joinWords gives a flag those of the words behind it that are its own.
func joinWords(f *pflag.Flag, arg string, rest []string) (string, []string) {
	n := 0
	switch f.Value.Type() {
	case "bool":
		if len(rest) > 0 && slices.Contains([]string{"true", "True", "false", "False"}, rest[0]) {
			n = 1
		}
	case "intSlice":
		n = leading(rest, func(s string) bool { _, err := strconv.Atoi(s); return err == nil })
	case "stringSlice":
		n = leading(rest, func(s string) bool { _, err := wallet.ParseAddress(s); return err == nil })
		if n == 0 && strings.HasPrefix(f.Name, "blacklist.") && (len(rest) == 0 || strings.HasPrefix(rest[0], "--")) {
			return arg + "=", rest // there a list of none is none
		}
	}
	if n == 0 {
		return arg, rest
	}
	return arg + "=" + strings.Join(rest[:n], ","), rest[n:]
}

// leading counts the words at the start that ok accepts.
func leading(words []string, ok func(string) bool) int {
	if n := slices.IndexFunc(words, func(s string) bool { return !ok(s) }); n >= 0 {
		return n
	}
	return len(words)
}

// flagError says what is wrong with a flag in words of the command line.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var value *pflag.InvalidValueError
	var number *strconv.NumError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		text := ""
		if like := similarFlags(cmd, unknown.GetSpecifiedName()); len(like) > 0 {
			text = "; did you mean --" + strings.Join(like, " or --") + "?"
		}
		return usagef("there is no flag --%s%s", unknown.GetSpecifiedName(), text)
	case errors.As(err, &value) && errors.As(err, &number):
		why := "is not a number"
		if value.GetFlag().Value.Type() == "bool" {
			why = "is neither true nor false"
		} else if errors.Is(number, strconv.ErrRange) {
			why = "is out of range"
		}
		return usagef("--%s: %q %s", value.GetFlag().Name, value.GetValue(), why)
	case errors.As(err, &value):
		return usagef("--%s: %v", value.GetFlag().Name, errors.Unwrap(value))
	}
	return usageError{err.Error()}
}

// refuseNegative refuses numbers below zero: no flag but one has a use for them.
func refuseNegative(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "int", "int64", "float64", "duration", "intSlice":
			if text := strings.Trim(f.Value.String(), "[]"); strings.HasPrefix(text, "-") && f.Name != "miner.max_requests_per_window" {
				err = usagef("--%s: %s is below zero", f.Name, text)
			}
		}
	})
	return err
}

// similarFlags are the command's flags that a mistyped one may have meant.
func similarFlags(cmd *cobra.Command, typed string) (like []string) {
	squeeze := strings.NewReplacer("-", "", "_", "", ".", "").Replace
	typed = squeeze(strings.ToLower(typed))
	look := func(f *pflag.Flag) {
		name := squeeze(f.Name)
		if !f.Hidden && (distance(typed, name) <= 2 || len(typed) > 3 && strings.HasSuffix(name, typed)) && !slices.Contains(like, f.Name) {
			like = append(like, f.Name)
		}
	}
	cmd.Flags().VisitAll(look)
	cmd.InheritedFlags().VisitAll(look)
	return like[:min(len(like), 3)]
}

// distance is how many letters have to be added, removed or changed to make b
// of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// keepSecret keeps a default that comes from the environment out of the help.
func keepSecret(f *pflag.FlagSet, name string) { f.Lookup(name).DefValue = "" }

// noArgs refuses arguments, which cobra's NoArgs calls unknown commands.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}

// oneArg takes at most one argument, which stands for the flag of that name.
func oneArg(flag string, to *string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) > 1:
			return usagef("unexpected argument %q", args[1])
		case len(args) == 1 && *to != "":
			return usagef("both %q and --%s %q are given", args[0], flag, *to)
		case len(args) == 1:
			*to = args[0]
		}
		return nil
	}
}
