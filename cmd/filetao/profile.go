package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/validator"
)

// profileFlag is the name of the incentive's rules.
type profileFlag string

func (p *profileFlag) add(f *pflag.FlagSet) {
	f.StringVar((*string)(p), "profile", incentive.DefaultProfile, "`rules` of the incentive: "+strings.Join(incentive.Profiles(), ", "))
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
