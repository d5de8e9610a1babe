package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator"
)

// profileFlag is the name of the incentive's rules.
type profileFlag string

func (p *profileFlag) add(f *pflag.FlagSet) {
	f.StringVar((*string)(p), "profile", incentive.DefaultProfile, "`rules` of the incentive: "+strings.Join(incentive.Profiles(), ", "))
}

// addView is add for commands that look at what a validator left.
func (p *profileFlag) addView(f *pflag.FlagSet) {
	p.add(f)
	*p = ""
	f.Lookup("profile").DefValue = ""
	f.Lookup("profile").Usage += " (default: the validator's own)"
}

// view is the view by what the validator that ran on a folder went by, or by the
// rules that the flag names.
func (p profileFlag) view(dir string) (node.View, error) {
	v, err := node.Left(dir)
	if err == nil && p != "" {
		err = p.settle(&v.Config)
	}
	return v, err
}

// settle puts the rules into a validator's settings, but for what has settings
// of its own.
func (p profileFlag) settle(cfg *validator.Config) error {
	rules, err := incentive.Profile(string(p))
	if err != nil {
		return usagef("--profile: %v; there are %s", err, strings.Join(incentive.Profiles(), ", "))
	}
	rules.Alpha, rules.Capacity = cfg.Rules.Alpha, cfg.Rules.Capacity
	cfg.Rules = rules
	return nil
}
