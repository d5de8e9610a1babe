package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// deleteFlags are the flags of `delete`.
type deleteFlags struct {
	userFlags
	cid      string
	words    []string
	all, yes bool
}

func (c *cli) deleteCommand() *cobra.Command {
	var d deleteFlags
	cmd := &cobra.Command{
		Use: "delete [CID | NAME]…", Short: "Delete files from the network", Args: anyArgs("cid", &d.cid, &d.words),
		ValidArgsFunction: c.completeCID,
		Long: `Delete files of the wallet's: from the gateway's index, from the miners, and from
the list of remembered files. Nothing brings them back. It is asked about once, and
a file that fails keeps no other.

A file that is remembered under several names goes with the last of them: a NAME
is only forgotten while others have the same content. With --all, or by its CID,
the file goes at once and all its names with it. The name of a folder that was
stored means all files in it.

It is done when a gateway has deleted the file and no other may have it. If one
cannot say so, it is named, the file stays remembered, and delete is to be run again.`,
		Example: "  filetao delete letter.txt --wallet.name alice\n  filetao delete photos film.mkv --yes",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.delete(cmd.Context(), &d) },
	}
	f := cmd.Flags()
	f.StringVar(&d.cid, "cid", "", "`CID` of the file, or the name it is remembered under")
	f.BoolVar(&d.all, "all", false, "delete the file also if other names have it, and all of them")
	f.BoolVar(&d.yes, "yes", false, "do not ask")
	d.add(cmd, 0)
	completeFlag(cmd, "cid", c.completeCID)
	return cmd
}

// deletedFile is the answer of `delete`; of many files it is a list of them.
type deletedFile struct {
	CID     string   `json:"cid"`
	Deleted bool     `json:"deleted"` // from the network
	Names   []string `json:"names"`   // that were forgotten
	Kept    []string `json:"kept"`    // that have the file still
}

// doomed is a file that delete is about, or only names of it.
type doomed struct {
	id       string
	names    []string // that go
	kept     []string // that others are, and so the file
	gateways []wallet.Address
}

// stays says what is left of a file of which only names go.
func (d doomed) stays() string {
	return fmt.Sprintf("the file (%s) stays, as %s", d.id, strings.Join(d.kept, ", "))
}

// what is the file, for a person.
func (d doomed) what() string {
	if len(d.names) == 0 {
		return d.id
	}
	return fmt.Sprintf("%s (%s)", strings.Join(d.names, ", "), d.id)
}

func (c *cli) delete(ctx context.Context, d *deleteFlags) error {
	if err := c.askCIDs(d.cid, &d.words); err != nil {
		return err
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	book, err := c.book(&d.userFlags)
	if err != nil {
		return err
	}
	given, err := pick(book, d.words)
	if err != nil {
		return err
	}
	all, err := d.plan(book, given)
	if err != nil {
		return err
	}
	if err := c.confirm(d.yes, warning(given, all)); err != nil {
		return err
	}
	answers, err := c.deleteAll(ctx, book, d, all)
	if err = errors.Join(err, given.missing); len(answers) == 0 {
		return err
	}
	var answer any = answers
	if !given.many {
		answer = answers[0].deletedFile
	}
	return errors.Join(err, c.print(answer, func() {
		for _, a := range answers {
			fmt.Fprintln(c.out, a.said)
		}
	}))
}

// plan is what happens to each of the given files, and to what else it is called.
func (d *deleteFlags) plan(book *client.Book, given picked) (all []doomed, err error) {
	entries, err := book.List()
	if err != nil {
		return nil, err
	}
	named := map[string][]client.Entry{}
	for _, e := range entries {
		named[e.CID] = append(named[e.CID], e)
	}
	goes, whole := map[string]bool{}, map[string]bool{} // names, and CIDs
	for _, f := range given.files {
		goes[f.Name] = true
		whole[f.CID] = whole[f.CID] || f.byCID || d.all
	}
	seen := map[string]bool{}
	for _, f := range given.files {
		if seen[f.CID] {
			continue
		}
		seen[f.CID] = true
		one := doomed{id: f.CID, kept: []string{}}
		for _, n := range named[f.CID] {
			one.gateways = appendNew(one.gateways, n.Gateways)
			if whole[f.CID] || goes[n.Name] {
				one.names = append(one.names, n.Name)
			} else {
				one.kept = append(one.kept, n.Name)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func appendNew(to, more []wallet.Address) []wallet.Address {
	for _, a := range more {
		if !slices.Contains(to, a) {
			to = append(to, a)
		}
	}
	return to
}

// warning is what delete asks about, once.
func warning(given picked, all []doomed) string {
	if !given.many && len(all[0].kept) > 0 {
		return fmt.Sprintf("Forgetting the name %s; %s.", given.words[0], all[0].stays())
	} else if !given.many {
		return fmt.Sprintf("Deleting %s for good.", all[0].what())
	}
	stay, less := 0, 0
	for _, one := range all {
		if len(one.kept) > 0 {
			stay += len(one.names)
			less++
		}
	}
	where := fmt.Sprintf("(%s)", fit(strings.Join(given.words, ", "), 400))
	if len(given.words) == 1 {
		where = "in " + strings.TrimSuffix(given.words[0], "/")
	}
	text := fmt.Sprintf("Deleting %s %s for good", count(len(all)-less, "file"), where)
	if stay > 0 {
		text += fmt.Sprintf("; %s only forgotten, since others have the same content", plural(stay, "name is", "names are"))
	}
	return text + "."
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// deletion is what became of a file.
type deletion struct {
	deletedFile
	said string
}

// deletedAtOnce is how many files are deleted at a time.
const deletedAtOnce = 4

// deleteAll goes on where a file fails; the error has them all.
func (c *cli) deleteAll(ctx context.Context, book *client.Book, d *deleteFlags, all []doomed) (answers []deletion, err error) {
	work := func(user *node.User) error {
		bar := c.progress("deleting")
		defer bar.done()
		results, errs := make([]deletion, len(all)), make([]error, len(all))
		var finished atomic.Int64
		var atOnce errgroup.Group // of functions that do not fail
		atOnce.SetLimit(deletedAtOnce)
		for i, one := range all {
			atOnce.Go(func() error {
				if errs[i] = ctx.Err(); errs[i] != nil {
					return nil
				}
				results[i], errs[i] = c.deleteOne(ctx, user, book, d, one)
				bar.say(fmt.Sprintf("%d of %s", finished.Add(1), count(len(all), "file")))
				return nil
			})
		}
		_ = atOnce.Wait()
		for i, err := range errs {
			if err == nil {
				answers = append(answers, results[i])
			} else if len(all) > 1 {
				errs[i] = fmt.Errorf("%s: %w", all[i].what(), err)
			}
		}
		return errors.Join(errs...)
	}
	if !slices.ContainsFunc(all, func(one doomed) bool { return len(one.kept) == 0 }) {
		return answers, work(nil) // nobody has to be asked
	}
	err = c.asUser(ctx, &d.userFlags, work)
	return answers, err
}

// deleteOne deletes a file and all its names, or forgets names.
func (c *cli) deleteOne(ctx context.Context, user *node.User, book *client.Book, d *deleteFlags, one doomed) (answer deletion, err error) {
	answer.deletedFile = deletedFile{CID: one.id, Names: append([]string{}, one.names...), Kept: one.kept}
	if len(one.kept) > 0 {
		for _, name := range one.names {
			if err := book.Remove(name); err != nil {
				return answer, err
			}
		}
		answer.said = fmt.Sprintf("Forgot the name %s; %s. With --all it goes too.", strings.Join(one.names, ", "), one.stays())
		return answer, nil
	}
	gone, err := d.deleteFrom(ctx, user, one)
	if gone && len(one.names) > 0 {
		err = nil // nothing is left to delete but our own note
	}
	if err != nil {
		return answer, err
	}
	if _, err := book.RemoveFile(one.id); err != nil {
		return answer, fmt.Errorf("deleted from the network, but still remembered: %w", err)
	}
	answer.Deleted, answer.said = !gone, fmt.Sprintf("Deleted %s.", one.what())
	if gone {
		answer.said = fmt.Sprintf("The network has no file %s any more; forgot it.", one.what())
	}
	return answer, nil
}

// deleteFrom asks the gateways that the flags name; else those that took the file,
// and when they do not have it or fail the ones the network has now. gone says that
// there is no such file.
func (d *deleteFlags) deleteFrom(ctx context.Context, user *node.User, one doomed) (gone bool, err error) {
	opt := client.DeleteOptions{Timeout: d.limit()}
	if opt.Gateways, opt.UIDs, err = d.gateways(); err != nil {
		return false, err
	}
	if len(opt.Gateways)+len(opt.UIDs) > 0 || len(one.gateways) == 0 {
		err = user.Delete(ctx, one.id, opt)
		return errors.Is(err, client.ErrNotFound), err
	}
	opt.Gateways = one.gateways
	if err = user.Delete(ctx, one.id, opt); err == nil || ctx.Err() != nil {
		return false, err
	}
	opt.Gateways = nil
	second := user.Delete(ctx, one.id, opt)
	switch {
	case errors.Is(err, client.ErrNotFound), errors.Is(err, client.ErrNoGateway): // or they have left the network
		err = second
	case second == nil:
		err = fmt.Errorf("others have deleted it: %w", err)
	}
	return errors.Is(err, client.ErrNotFound), err
}
