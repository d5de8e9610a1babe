package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// The headings under which the program's help lists its commands.
var commandGroups = [...]cobra.Group{
	{ID: "files", Title: "Files and keys"},
	{ID: "network", Title: "The network"},
	{ID: "", Title: "More"},
}

// help prints a command's help: what it does, its flags, and by name those that
// all commands share; the program's own help explains these.
func (c *cli) help(cmd *cobra.Command, _ []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n", strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND [flags]\n", cmd.CommandPath())
	} else {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAliases:\n  %s\n", cmd.NameAndAliases())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	writeCommands(&b, cmd)
	width := c.helpWidth()
	if flags := cmd.LocalFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(&b, "\nFlags:\n%s", flags.FlagUsagesWrapped(width))
	}
	if cmd.HasParent() {
		writeShared(&b, cmd.InheritedFlags(), width)
		b.WriteString("\n" + exitLine)
	} else {
		fmt.Fprintf(&b, "\n`%s COMMAND --help` explains a command.\n\n%s", cmd.Name(), exitHelp)
	}
	fmt.Fprint(c.out, b.String())
}

// helpWidth is where lines of help end.
func (c *cli) helpWidth() int {
	if f, ok := c.stdout.w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return max(60, min(width, 120))
		}
	}
	return 110
}

func writeCommands(b *strings.Builder, cmd *cobra.Command) {
	for _, g := range commandGroups {
		title := g.Title
		if cmd.HasParent() {
			title = "Commands"
		}
		for _, sub := range cmd.Commands() {
			if sub.GroupID != g.ID || !sub.IsAvailableCommand() && sub.Name() != "help" {
				continue
			}
			if title != "" {
				fmt.Fprintf(b, "\n%s:\n", title)
				title = ""
			}
			fmt.Fprintf(b, "  %-*s  %s\n", sub.NamePadding(), sub.Name(), sub.Short)
		}
	}
}

// writeShared names the flags that a command has from the program.
func writeShared(b *strings.Builder, flags *pflag.FlagSet, width int) {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	b.WriteString("\nFlags of all commands, which `filetao --help` explains:\n")
	line := " "
	for _, name := range names {
		if len(line)+1+len(name) > width {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + name
	}
	b.WriteString(line + "\n")
}
