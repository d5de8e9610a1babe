package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/filetao/filetao/backup"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/repair"
	"github.com/filetao/filetao/validator"
)

var update = flag.Bool("update", false, "write testdata/defaults.golden anew")

// TestDefaultsAreAsAnnounced fails when a default of the command line or of the
// roles has changed. Run it with -update and say so in CHANGELOG.md.
func TestDefaultsAreAsAnnounced(t *testing.T) {
	var b strings.Builder
	writeFlags(&b, newCLI(streams{out: io.Discard, err: io.Discard}).newRoot())
	for _, part := range []struct {
		name     string
		defaults any
	}{
		{"backup", backup.DefaultConfig()}, {"chain", devchain.DefaultHyperparameters()}, {"client", client.DefaultConfig()}, {"devnet", devnet.DefaultConfig()},
		{"fleet", fleet.DefaultConfig()}, {"gateway", gateway.DefaultConfig()}, {"repair", repair.DefaultConfig()}, {"validator", validator.DefaultConfig()},
	} {
		fmt.Fprintf(&b, "\n# package %s\n", part.name)
		writeFields(&b, "", reflect.ValueOf(part.defaults))
	}
	const path = "testdata/defaults.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for i, line := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("%s, line %d: want %q, have %q; if that is meant, run the test with -update and say so in CHANGELOG.md",
				path, i+1, line, append(got, "")[min(i, len(got))])
		}
	}
	if b.String() != string(want) {
		t.Fatalf("%s lacks the last lines; if they are meant, run the test with -update and say so in CHANGELOG.md", path)
	}
}

// writeFlags writes each command with its own flags and their defaults.
func writeFlags(w io.Writer, cmd *cobra.Command) {
	if !cmd.HasParent() || cmd.Runnable() && !cmd.HasSubCommands() {
		fmt.Fprintf(w, "\n# %s\n", cmd.CommandPath())
		var lines []string
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			line := fmt.Sprintf("--%s = %s", f.Name, f.DefValue)
			if f.Annotations[ignoredNote] != nil {
				line = fmt.Sprintf("--%s has no effect", f.Name)
			}
			lines = append(lines, strings.TrimSpace(line))
		})
		sort.Strings(lines)
		fmt.Fprintln(w, strings.Join(lines, "\n"))
	}
	for _, sub := range cmd.Commands() {
		if sub.Name() != "completion" && sub.Name() != "help" {
			writeFlags(w, sub)
		}
	}
}

// writeFields writes a line for each field of a struct that has a plain value.
func writeFields(w io.Writer, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		name, field := prefix+v.Type().Field(i).Name, v.Field(i)
		switch kind := field.Kind(); {
		case kind == reflect.Struct:
			writeFields(w, name+".", field)
		case kind == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			for n := range field.Len() {
				writeFields(w, fmt.Sprintf("%s[%d].", name, n), field.Index(n))
			}
		case kind == reflect.Func, kind == reflect.Pointer, kind == reflect.Interface: // parts, not settings
		default:
			fmt.Fprintf(w, "%s = %+v\n", name, field)
		}
	}
}
