package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof/por"
)

// Operations about proofs. Audit is a question to a miner of a network, whole:
// signed, sent, answered from disk, signed, checked. The others are its parts, of
// the same data in memory, on one core: the tags that are made at a put, what a
// miner answers, what a validator checks.
const (
	Audit  Op = "audit"
	Tag    Op = "tag"
	Answer Op = "answer"
	Check  Op = "check"
)

// errNothingHeld says that there is nothing to ask about.
var errNothingHeld = errors.New("no miner holds a shard to ask about")

// asked is a miner and what it holds.
type asked struct {
	miner   chain.Neuron
	holding index.Holding
}

// Audits asks miners of an own network count questions about the shards that they
// hold, so many workers at a time. An answer that is wrong ends it with an error.
func Audits(ctx context.Context, d *devnet.Devnet, count, workers int) (r Result, err error) {
	asker, err := d.Asker(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, asker.Close()) }()
	var all []asked
	for _, n := range asker.Available() {
		for h, err := range d.Index(0).Holdings(ctx, n.Hotkey, index.KindShard) {
			if err != nil {
				return r, err
			}
			all = append(all, asked{n, h})
		}
	}
	if len(all) == 0 {
		return r, errNothingHeld
	}
	b := &batch{cfg: Config{Workers: workers}, size: all[0].holding.Size, files: make([]*content, count), run: 1, report: func(got Result) { r = got }}
	err = b.measure(ctx, Audit, func(ctx context.Context, i int) (time.Duration, error) {
		a := all[i%len(all)]
		q, err := asker.Question(ctx, a.miner, a.holding, chain.Block{Number: 1}, fleet.TaskChallenge)
		if err != nil {
			return 0, err
		}
		o := asker.Ask(ctx, a.miner, q)
		if !o.OK() {
			return 0, fmt.Errorf("miner %d: %w", a.miner.UID, o.Err)
		}
		return 0, nil
	})
	return r, err
}

// proofTime is how long each part of a proof is measured.
const proofTime = time.Second / 2

// Proofs measures the parts of an audit of data of that size, on one core.
func Proofs(ctx context.Context, size int64, seed uint64) ([]Result, error) {
	data := make([]byte, size)
	if _, err := newContent(seed, 0, size, 0).ReadAt(data, 0); err != nil {
		return nil, err
	}
	var key por.Key
	tags := key.Tags(data)
	var results []Result
	again := func(op Op, do func(i uint32) error) error {
		m := startMeter(nil)
		n := 0
		for ; time.Since(m.start) < proofTime; n++ {
			if err := errors.Join(ctx.Err(), do(uint32(n))); err != nil {
				return fmt.Errorf("%s: %w", op, err)
			}
		}
		r := Result{Op: op, Run: 1, Size: size, Count: n, Workers: 1}
		m.stop(&r)
		r.P50 = r.Seconds / float64(n) * 1e3
		r.P99 = r.P50
		results = append(results, r)
		return nil
	}
	answer, err := por.Prove(por.Challenge{}, size, bytes.NewReader(data), bytes.NewReader(tags))
	err = errors.Join(err,
		again(Tag, func(uint32) error { key.Tags(data); return nil }),
		again(Answer, func(i uint32) error {
			_, err := por.Prove(por.Challenge{byte(i), byte(i >> 8)}, size, bytes.NewReader(data), bytes.NewReader(tags))
			return err
		}),
		again(Check, func(uint32) error { return key.Check(por.Challenge{}, size, answer) }))
	return results, err
}
