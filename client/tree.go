package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

// TreeFile is a file among many.
type TreeFile struct {
	// Name is what it is called among them: a path with slashes, without ".." and
	// not from a root.
	Name string
	// Path is where it is on this machine, and Size its bytes: for PutTree.
	Path string
	Size int64
	// CID is what is fetched: for GetTree.
	CID string
}

// FilesUnder finds the files to store at some paths: a file under its base name,
// those of a folder, at any depth, under names that begin with the folder's.
// What is neither, such as a link or a device, is in skipped. Two files of one
// name are an error, and so are paths that are not there.
func FilesUnder(paths []string) (files []TreeFile, skipped []string, err error) {
	names := map[string]string{}
	add := func(name, at string, info fs.FileInfo) error {
		if !info.Mode().IsRegular() {
			skipped = append(skipped, at)
			return nil
		}
		if other, taken := names[name]; taken {
			return fmt.Errorf("%w: %s and %s would both be %q", ErrNameTaken, other, at, name)
		}
		names[name] = at
		files = append(files, TreeFile{Name: name, Path: at, Size: info.Size()})
		return nil
	}
	for _, root := range paths {
		full, err := filepath.Abs(root) // "." and ".." have no name of their own
		if err != nil {
			return nil, nil, err
		}
		base := filepath.Base(full)
		info, err := os.Stat(root)
		if err != nil {
			return nil, nil, err
		}
		if !info.IsDir() {
			err = add(base, root, info)
		} else {
			err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				info, err := d.Info()
				if err != nil {
					return err
				}
				return add(path.Join(base, name), filepath.Join(root, filepath.FromSlash(name)), info)
			})
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return files, skipped, nil
}

// treeAtATime is how many files of a tree are on their way at a time.
const treeAtATime = 4

// PutTree stores many files, several at a time. done is told of each that is
// stored, never twice at a time; an error of it is that file's. One that fails
// keeps no other from being stored; the error has them all. Progress is of all
// files together.
func (c *Client) PutTree(ctx context.Context, files []TreeFile, o PutFileOptions, done func(TreeFile, Stored) error) error {
	all := newTreeProgress(files, o.Progress)
	return eachOf(ctx, files, func(i int) error {
		f := files[i]
		o := o
		o.Progress = all.of(i)
		in, err := os.Open(f.Path)
		if err != nil {
			return err
		}
		stored, err := c.PutFile(ctx, FileSource(in, f.Size), o)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
		return all.done(i, func() error { return done(f, stored) })
	})
}

// GetTree fetches many files, several at a time, into a folder, where each gets
// the path that is its name; folders are made. Everything else is as with PutTree.
func (c *Client) GetTree(ctx context.Context, files []TreeFile, dir string, o GetFileOptions, done func(TreeFile, Got) error) error {
	all := newTreeProgress(files, o.Progress)
	return eachOf(ctx, files, func(i int) error {
		f := files[i]
		o := o
		o.Progress = all.of(i)
		name := filepath.FromSlash(f.Name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%w: %q leads out of the folder", ErrNameTaken, f.Name)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		got, err := c.GetFile(ctx, f.CID, to, o)
		if err != nil {
			return err
		}
		return all.done(i, func() error { return done(f, got) })
	})
}

// eachOf works on all files and joins what fails.
func eachOf(ctx context.Context, files []TreeFile, do func(i int) error) error {
	errs := make([]error, len(files))
	var work errgroup.Group // of functions that do not fail
	work.SetLimit(treeAtATime)
	for i, f := range files {
		work.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = do(i)
			}
			if errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", f.Name, errs[i])
			}
			return nil
		})
	}
	_ = work.Wait()
	if err := ctx.Err(); err != nil {
		return err // and not once for each file
	}
	return errors.Join(errs...)
}

// treeProgress adds up what files tell.
type treeProgress struct {
	tell func(Progress)

	mu    sync.Mutex // guards what follows, and tell
	files []Progress
	sum   Progress
}

func newTreeProgress(files []TreeFile, tell func(Progress)) *treeProgress {
	t := &treeProgress{tell: tell, files: make([]Progress, len(files)), sum: Progress{Files: len(files)}}
	for i, f := range files {
		t.files[i].Bytes = f.Size
		t.sum.Bytes += f.Size
	}
	return t
}

// of is the Progress function of one file.
func (t *treeProgress) of(i int) func(Progress) {
	if t.tell == nil {
		return nil
	}
	return func(p Progress) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if p.Bytes == 0 {
			p.Bytes = t.files[i].Bytes
		}
		switch p.Stage {
		case StageSending, StageFetching, StageDone:
		case StageComparing:
			p.Resumed = p.Done // what is there need not move
		default:
			p.Done = t.files[i].Done // a file that is read has not moved
		}
		old := &t.files[i]
		t.sum.Bytes += p.Bytes - old.Bytes
		t.sum.Done += p.Done - old.Done
		t.sum.Resumed += p.Resumed - old.Resumed
		t.sum.Stage, t.sum.Gateway = p.Stage, p.Gateway
		*old = p
		t.tell(t.sum)
	}
}

// done ends a file.
func (t *treeProgress) done(i int, then func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := then()
	t.sum.FilesDone++
	if t.tell != nil {
		t.tell(t.sum)
	}
	return err
}
