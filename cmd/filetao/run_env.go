package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// nodeVariables are the flags that the environment of the Python network's
// containers sets, each with its variables, the first that is set counting. %
// stands for the role: MINER, VALIDATOR or API.
var nodeVariables = map[string][]string{
	"netuid":             {"FILETAO_%_NETUID"}, // FILETAO_NETUID is the flag's default
	"subtensor.network":  {"FILETAO_%_SUBTENSOR", "FILETAO_SUBTENSOR"},
	"database.host":      {"FILETAO_%_REDIS_HOST", "REDIS_HOST"},
	"database.port":      {"FILETAO_%_REDIS_PORT", "REDIS_PORT"},
	"database.directory": {"FILETAO_MINER_DATA_DIR"},
	"wallet.path":        {"FILETAO_%_WALLETS_PATH", "BT_WALLETS_PATH"},
	"wallet.name":        {"FILETAO_%_WALLET"},
	"wallet.hotkey":      {"FILETAO_%_HOTKEY", "FILETAO_HOTKEY"},
	"axon.external_ip":   {"FILETAO_%_IP", "FILETAO_IP"},
	"axon.external_port": {"FILETAO_%_EXTERNAL_PORT", "FILETAO_EXTERNAL_PORT"},
}

// roleOf is the role of a `run` command as in its variables; "" of others.
func roleOf(cmd *cobra.Command) string {
	if cmd.HasParent() && cmd.Parent().Name() == "run" {
		return strings.ToUpper(cmd.Name())
	}
	return ""
}

// extraOptions are options of a `run` command from the environment; they stand
// behind those of the command line.
func (c *cli) extraOptions(cmd *cobra.Command) []string {
	role := roleOf(cmd)
	if role == "" {
		return nil
	}
	return strings.Fields(c.env("", "FILETAO_"+role+"_EXTRA_OPTIONS", "FILETAO_EXTRA_OPTIONS"))
}

// fromEnvironment sets what no flag of a `run` command says.
func (c *cli) fromEnvironment(cmd *cobra.Command) error {
	role := roleOf(cmd)
	if role == "" {
		return nil
	}
	for flag, names := range nodeVariables {
		f := cmd.Flag(flag)
		if f == nil || f.Changed || f.Annotations[ignoredNote] != nil {
			continue
		}
		names = strings.Fields(strings.ReplaceAll(strings.Join(names, " "), "%", role))
		value := c.env("", names...)
		if value == "" {
			continue
		}
		if err := cmd.Flags().Set(flag, value); err != nil {
			return usagef("%s: %q: %v", strings.Join(names, ", "), value, err)
		}
	}
	return nil
}
