package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what the Go tool recorded in the binary.
type version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"` // empty if it was not built in its repository
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readVersion() version {
	v := version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print what this binary was built from", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			return c.print(v, func() {
				commit := v.Commit
				if commit == "" {
					commit = "unknown commit"
				}
				if v.Modified {
					commit += ", modified"
				}
				fmt.Fprintf(c.out, "filetao %s (%s) %s %s\n", v.Version, commit, v.Go, v.Platform)
			})
		},
	}
}
