package devnet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// Result is what a demo did: the object that `filetao devnet --json` ends
// with.
type Result struct {
	OK               bool    `json:"ok"`
	CID              string  `json:"cid"`
	File             string  `json:"file"`
	Bytes            int64   `json:"bytes"`
	SHA256In         string  `json:"sha256_in"`
	SHA256Out        string  `json:"sha256_out"`
	StoreSeconds     float64 `json:"store_seconds"`
	RetrieveSeconds  float64 `json:"retrieve_seconds"`
	Challenges       uint64  `json:"challenges"`
	ChallengesPassed uint64  `json:"challenges_passed"`
	Holders          int     `json:"holders"` // miners that hold a part of the file
}

// Stage is what a demo is doing, for the one who watches.
type Stage string

// The stages of a demo, in order.
const (
	StageStore     Stage = "storing"
	StageChallenge Stage = "waiting for challenges"
	StageRetrieve  Stage = "retrieving"
)

// Demo stores a file as the devnet's user, waits until the validators have
// challenged miners, retrieves the file and compares. A file that comes back
// different is OK false, not an error. stage may be nil.
func (d *Devnet) Demo(ctx context.Context, path string, stage func(Stage)) (Result, error) {
	if stage == nil {
		stage = func(Stage) {}
	}
	f, err := os.Open(path)
	if err != nil {
		return Result{}, fmt.Errorf("demo file: %w", err)
	}
	defer f.Close() // it is only read
	r := Result{File: path}
	hash := sha256.New()
	if r.Bytes, err = io.Copy(hash, f); err != nil {
		return r, fmt.Errorf("demo file: %w", err)
	}
	r.SHA256In = hex.EncodeToString(hash.Sum(nil))
	user, err := d.User(ctx)
	if err != nil {
		return r, err
	}
	defer user.Close()

	stage(StageStore)
	start := time.Now()
	stored, err := user.PutFile(ctx, client.FileSource(f, r.Bytes), client.PutFileOptions{Keys: d.UserKeys()})
	if err != nil {
		return r, fmt.Errorf("store the demo file: %w", err)
	}
	r.CID, r.StoreSeconds = stored.CID, time.Since(start).Seconds()

	stage(StageChallenge)
	if err := d.waitChallenged(ctx); err != nil {
		return r, err
	}
	stage(StageRetrieve)
	start = time.Now()
	hash.Reset()
	back, err := user.GetTo(ctx, r.CID, hash, client.GetFileOptions{Keys: d.UserKeys()})
	if err != nil {
		return r, fmt.Errorf("retrieve the demo file: %w", err)
	}
	r.RetrieveSeconds, r.SHA256Out = time.Since(start).Seconds(), hex.EncodeToString(hash.Sum(nil))
	r.OK = r.SHA256In == r.SHA256Out && back.Size == r.Bytes
	r.Challenges, r.ChallengesPassed = d.seen.counts()
	r.Holders, err = d.holders(ctx, r.CID)
	return r, err
}

// User connects the devnet's user to the network, as a process of its own
// would be.
func (d *Devnet) User(ctx context.Context) (*node.User, error) {
	return node.Connect(ctx, node.UserConfig{
		Chain: d.dev, NetUID: NetUID, Hotkey: d.users.user.hotkey, Client: d.cfg.Client, Log: d.log,
	})
}

// waitChallenged returns when as many miners have been challenged since the
// call as there are, or two steps have passed in which some were.
func (d *Devnet) waitChallenged(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before, _ := d.seen.counts()
	blocks, err := d.dev.Subscribe(ctx)
	if err != nil {
		return err
	}
	patience := 4*d.cfg.Validator.BlocksPerStep + 2
	for n := 1; ; n++ {
		if _, ok := <-blocks; !ok {
			return context.Cause(ctx)
		}
		asked, _ := d.seen.counts()
		switch {
		case asked >= before+uint64(d.cfg.Miners), n >= patience && asked > 0:
			return nil
		case n >= 10*patience:
			return errors.New("no miner was challenged: the validator does not run its steps")
		}
	}
}

// holders counts the miners that hold a part of the user's file; none do of a
// small one, which is in its manifest.
func (d *Devnet) holders(ctx context.Context, cid string) (int, error) {
	seen := map[wallet.Address]bool{}
	for _, ix := range d.indexes {
		o, err := ix.Object(ctx, d.users.user.hotkey.Address(), cid)
		if err != nil {
			continue // stored through another validator's gateway
		}
		for _, segment := range o.Segments {
			shards, err := ix.Shards(ctx, segment)
			if err != nil {
				return 0, err
			}
			for _, h := range shards {
				seen[h.Holder] = true
			}
		}
	}
	return len(seen), nil
}
