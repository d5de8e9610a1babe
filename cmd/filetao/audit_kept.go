package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
)

// keptFlags say where what a miner keeps is.
type keptFlags struct {
	data, tags string
	dir, save  string
	saved      []string // what was written
}

func (k *keptFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&k.data, "data", "", "`file` of the bytes that the miner keeps; needs --tags")
	f.StringVar(&k.tags, "tags", "", "`file` of the tags that the miner was given; needs --data")
	f.StringVar(&k.dir, "kept", "", "`folder` of the miner, which does not run: takes data and tags from there")
	f.StringVar(&k.save, "save", "", "`folder` to write data and tags to, for others to check; needs --kept")
}

func (k *keptFlags) given() bool { return k.data+k.dir != "" }

func (k *keptFlags) check() error {
	switch {
	case (k.data == "") != (k.tags == ""):
		return usagef("--data and --tags belong together")
	case k.data != "" && k.dir != "":
		return usagef("--kept stands for --data and --tags: give either")
	case k.save != "" && k.dir == "":
		return usagef("--save writes what --kept finds: give both")
	}
	return nil
}

// read returns what the miner shows.
func (k *keptFlags) read(ctx context.Context, p receipt.Pledge) (data, tags []byte, err error) {
	if k.dir != "" {
		if data, tags, err = k.fromStore(ctx, p); err != nil {
			return nil, nil, fmt.Errorf("--kept: %w", err)
		}
		return data, tags, k.write(p, data, tags)
	}
	if data, err = readUpTo(expandHome(k.data), p.Size+1); err != nil {
		return nil, nil, fmt.Errorf("--data: %w", err)
	}
	if tags, err = readUpTo(expandHome(k.tags), por.TagsSize(p.Size)+1); err != nil {
		return nil, nil, fmt.Errorf("--tags: %w", err)
	}
	return data, tags, nil
}

// fromStore reads from the store of a miner that does not run.
func (k *keptFlags) fromStore(ctx context.Context, p receipt.Pledge) (data, tags []byte, err error) {
	dir := filepath.Join(expandHome(k.dir), "data")
	if _, err := os.Stat(filepath.Join(dir, "meta")); err != nil {
		dir = expandHome(k.dir) // as `run miner --database.directory` has it
	}
	if _, err := os.Stat(filepath.Join(dir, "meta")); err != nil {
		return nil, nil, fmt.Errorf("no miner's store is there: %w", err)
	}
	store, err := blobstore.Open(blobstore.Config{Dir: dir}, blobstore.Deps{})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	kept, err := miner.New(miner.Config{}, miner.Deps{Store: store}).Kept(ctx, p.Asker, p.Hash.String())
	if err != nil {
		return nil, nil, err
	}
	data, _, err = store.Read(ctx, p.Asker, p.Hash.String())
	if errors.Is(err, blobstore.ErrCorrupt) {
		err = fmt.Errorf("this is no defence: what is kept is not what was handed over: %w", err)
	}
	return data, kept.Tags, err
}

func (k *keptFlags) write(p receipt.Pledge, data, tags []byte) error {
	if k.save == "" {
		return nil
	}
	for _, file := range []struct {
		ending  string
		content []byte
	}{{".data", data}, {".tags", tags}} {
		path := filepath.Join(expandHome(k.save), p.Hash.String()+file.ending)
		if err := saveNew(path, file.content); err != nil {
			return err
		}
		k.saved = append(k.saved, path)
	}
	return nil
}
