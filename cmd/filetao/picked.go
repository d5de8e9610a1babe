package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
)

// picked are the files that the words of a command line mean.
type picked struct {
	words   []string // that mean something
	files   []pickedFile
	many    bool  // several words, or a folder
	missing error // about words that mean nothing
}

// pickedFile is one of them.
type pickedFile struct {
	client.Entry
	byCID bool // and not by its name, or that of its folder
}

// pick finds the files that words mean, each once. It fails if there are none.
func pick(book *client.Book, words []string) (p picked, err error) {
	entries, err := book.List()
	if err != nil {
		return p, err
	}
	p.many = len(words) > 1
	at := map[string]int{} // in files, by name
	var missing []error
	for _, word := range words {
		found, isFolder, err := matching(entries, word)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		p.words = append(p.words, word)
		p.many = p.many || isFolder
		for _, e := range found {
			i, known := at[e.Name]
			if !known {
				i, at[e.Name] = len(p.files), len(p.files)
				p.files = append(p.files, pickedFile{Entry: e})
			}
			p.files[i].byCID = p.files[i].byCID || !isFolder && e.Name != word
		}
	}
	if p.missing = errors.Join(missing...); len(p.files) == 0 {
		return p, p.missing
	}
	return p, nil
}

// matching are the files that a name means: all of a folder, or the one that find
// finds.
func matching(entries []client.Entry, name string) (files []client.Entry, isFolder bool, err error) {
	if files = folder(entries, name); len(files) > 0 {
		return files, true, nil
	}
	e, err := find(entries, name)
	return []client.Entry{e}, false, err
}

// folder are the remembered files under the name of a folder; none if a file has
// that name.
func folder(entries []client.Entry, name string) (files []client.Entry) {
	if slices.ContainsFunc(entries, func(e client.Entry) bool { return e.Name == name }) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, strings.TrimSuffix(name, "/")+"/") {
			files = append(files, e)
		}
	}
	return files
}

// anyArgs takes arguments, of which the flag of that name may be the only one.
func anyArgs(flag string, one *string, all *[]string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 0 && *one != "" {
			return usagef("both %q and --%s %q are given", args[0], flag, *one)
		}
		*all = args
		return nil
	}
}

// askCIDs asks for the file to work on if neither a flag nor arguments name any.
func (c *cli) askCIDs(one string, words *[]string) (err error) {
	if len(*words) == 0 {
		err = c.askCID(&one)
		*words = []string{one}
	}
	return err
}
