package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator"
)

// profileFlag says which rules of the incentive to go by: a profile's name, or a
// file of rules.
type profileFlag struct {
	name  string
	flags *pflag.FlagSet // of the command
}

func (p *profileFlag) add(f *pflag.FlagSet) {
	p.flags = f
	f.StringVar(&p.name, "profile", incentive.DefaultProfile, "`rules` of the incentive: "+strings.Join(incentive.Profiles(), ", ")+
		", or a file of rules (`filetao profile` prints one to start from)")
}

// addView is add for commands that look at what a validator left.
func (p *profileFlag) addView(f *pflag.FlagSet) {
	p.add(f)
	p.name = ""
	f.Lookup("profile").DefValue = ""
	f.Lookup("profile").Usage += " (default: the validator's own)"
}

// view is the view by what the validator that ran on a folder went by, or by the
// rules that the flag names.
func (p *profileFlag) view(dir string) (node.View, error) {
	v, err := node.Left(dir)
	if err == nil && p.name != "" {
		err = p.settle(&v.Config)
	}
	return v, err
}

// rules are those that the flag names.
func (p *profileFlag) rules() (incentive.Rules, error) {
	r, err := rulesOf(p.name)
	if err != nil {
		err = usagef("--profile: %v", err)
	}
	return r, err
}

func rulesOf(name string) (incentive.Rules, error) {
	if slices.Contains(incentive.Profiles(), name) {
		return incentive.Profile(name)
	}
	f, err := os.Open(expandHome(name))
	if errors.Is(err, fs.ErrNotExist) {
		return incentive.Rules{}, fmt.Errorf("%w: %q is no file either; there are %s", incentive.ErrProfile, name, strings.Join(incentive.Profiles(), ", "))
	} else if err != nil {
		return incentive.Rules{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, incentive.MaxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return incentive.Rules{}, err
	}
	r, err := incentive.ParseRules(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return r, err
}

// settle puts the rules into a validator's settings. What has an option of its own
// is left to that, unless only the rules say something of it.
func (p *profileFlag) settle(cfg *validator.Config) error {
	rules, err := p.rules()
	if err != nil {
		return err
	}
	network := incentive.DefaultRules()
	if rules.Alpha == network.Alpha || p.given("neuron.moving_average_alpha") {
		rules.Alpha = cfg.Rules.Alpha
	}
	const start = "neuron.start_capacity"
	if rules.Capacity.Start == network.Capacity.Start || p.given(start) {
		rules.Capacity.Start = cfg.Rules.Capacity.Start
	} else if f := p.flags.Lookup(start); f != nil { // from where the fleet has it too
		if err := f.Value.Set(strconv.FormatInt(rules.Capacity.Start, 10)); err != nil {
			return err
		}
	}
	cfg.Rules = rules
	return nil
}

func (p *profileFlag) given(flag string) bool {
	f := p.flags.Lookup(flag)
	return f != nil && f.Changed
}

func (c *cli) profileCommand() *cobra.Command {
	var name string
	return &cobra.Command{
		Use: "profile [NAME | FILE]", Short: "Print rules of the incentive, to start a file of one's own from", Args: oneArg("profile", &name),
		Long: `Print rules of the incentive as the file that --profile takes: rewards, tiers,
scaling, what possession is worth, how capacity grows. Profiles are ` + strings.Join(incentive.Profiles(), ", ") + `.
Of a file its own rules are printed, with what its base adds to them.

A file may leave out what is as in its base. A validator that goes by rules of its
own gives other weights than the rest of the network, whose consensus it is
measured by.`,
		Example: "  filetao profile > rules.json\n  filetao sim --days 4 --profile rules.json\n  filetao run validator --profile rules.json --wallet.name validator",
		RunE: func(*cobra.Command, []string) error {
			name = cmp.Or(name, incentive.DefaultProfile)
			rules, err := rulesOf(name)
			if err != nil {
				return usagef("%v", err)
			}
			base := name
			if !slices.Contains(incentive.Profiles(), name) {
				base = incentive.DefaultProfile // every field is printed
			}
			data, err := incentive.EncodeRules(base, rules)
			if err != nil {
				return err
			}
			return c.print(json.RawMessage(data), func() { fmt.Fprint(c.out, string(data)) })
		},
	}
}
