package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

const (
	taskList Task = "list_shards" // in no Outcome that anybody sees

	// maxUnpledged is how many shards a miner may list that it was never given,
	// before it is listened to no more; listPatience and listShare are how long it
	// may take: so long, and so much longer for every shard that it has named.
	maxUnpledged = 100
	listPatience = time.Minute
	listShare    = 10 * time.Millisecond
)

// ErrUnpledged says that a miner lists a shard without a pledge that both have
// signed.
var ErrUnpledged = errors.New("the miner lists a shard that it was not given")

// Found is a shard that a miner says it keeps for us. That it once did is certain:
// both have signed the pledge.
type Found struct {
	Pledge  receipt.Pledge
	Native  index.Native  // the pledge, encoded and with its signatures
	Damaged bool          // the miner says itself that it has lost it
	Segment index.Segment // that it is part of, as the label says
	Number  int           // of the shard
}

// Holding is what the index is to know of the shard. Its time is the pledge's.
func (s Found) Holding() index.Holding {
	h := index.Holding{
		Holder: s.Pledge.Miner, Hash: s.Segment.ID, Replica: s.Pledge.Hash.String(), Kind: index.KindShard, Number: s.Number,
		Size: s.Pledge.Size, Stored: s.Pledge.Made, Native: &s.Native,
	}
	if !s.Pledge.Until.IsZero() {
		h.TTL = s.Pledge.Until.Sub(s.Pledge.Made)
	}
	return h
}

// Inventory asks a miner which shards it keeps for us, and yields them by
// ascending root. What comes with ErrUnpledged is to be ignored; what comes with
// ErrLabel is ours, but of no segment that is known. Both are followed by more, any
// other error by nothing: the miner's answer, 404 of one that knows no lists, and
// that of one that does not come to an end.
//
// A miner cannot make up shards, nor tell another's as its own. It can leave out
// some, name some that it has lost, and some that it was told to delete.
func (f *Fleet) Inventory(ctx context.Context, n chain.Neuron) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) { f.inventory(ctx, n, false, yield) }
}

// Damaged asks a miner which of our shards it knows to have lost, and returns
// their roots: Replica of their holdings.
func (f *Fleet) Damaged(ctx context.Context, n chain.Neuron) (roots []string, err error) {
	f.inventory(ctx, n, true, func(s Found, e error) bool {
		switch {
		case errors.Is(e, ErrUnpledged):
		case e != nil && !errors.Is(e, ErrLabel):
			err = e
		case s.Damaged:
			roots = append(roots, s.Pledge.Hash.String())
		}
		return true
	})
	return roots, err
}

// keptShard asks a miner what it keeps for us under a root. index.ErrNotFound if that
// is nothing; else its errors are those of Inventory.
func (f *Fleet) keptShard(ctx context.Context, n chain.Neuron, replica string) (Found, error) {
	none := fmt.Errorf("%w: shard %s at %s", index.ErrNotFound, replica, n.Hotkey)
	root, ok := new(big.Int).SetString(replica, 10)
	if !ok || root.Sign() == 0 {
		return Found{}, none
	}
	l := &listing{f: f, miner: n}
	page, err := l.page(ctx, &wire.ListShards{After: root.Sub(root, big.NewInt(1)).String(), Limit: 1})
	if wire.StatusOf(err) == wire.StatusNotFound || err == nil && len(page) == 0 {
		return Found{}, none
	} else if err != nil {
		return Found{}, err
	}
	s, err := l.check(page[0])
	if !errors.Is(err, ErrUnpledged) && s.Pledge.Hash.String() != replica {
		err = none
	}
	return s, err
}

// listing is a list that is being read.
type listing struct {
	f         *Fleet
	miner     chain.Neuron
	last      proof.Digest // the root that was named last
	named     int          // shards with a pledge
	unpledged int
	took      time.Duration
}

func (f *Fleet) inventory(ctx context.Context, n chain.Neuron, damaged bool, yield func(Found, error) bool) {
	l := &listing{f: f, miner: n}
	msg := &wire.ListShards{Limit: wire.MaxListed, Damaged: damaged}
	for {
		page, err := l.page(ctx, msg)
		if err != nil {
			yield(Found{}, err)
			return
		}
		if len(page) == 0 {
			return
		}
		before := l.last
		for _, item := range page {
			s, err := l.check(item)
			if !yield(s, err) || err != nil && !errors.Is(err, ErrLabel) && !errors.Is(err, ErrUnpledged) {
				return
			}
		}
		if l.last == before {
			yield(Found{}, fmt.Errorf("%w: %s lists nothing that it was given", proof.ErrProof, n.Hotkey))
			return
		}
		msg.After = l.last.String()
	}
}

// page asks for what comes next.
func (l *listing) page(ctx context.Context, msg *wire.ListShards) ([]wire.ListedShard, error) {
	msg.Shards = nil
	o, came := l.f.call(wire.WithAnswerLimit(ctx, wire.MaxShardList+1<<10), taskList, l.miner, msg)
	if !came {
		return nil, o.Err
	}
	if l.took += o.Elapsed; l.took > listPatience+time.Duration(l.named)*listShare {
		return nil, wire.Timeout("%s has listed %d shards in %v", l.miner.Hotkey, l.named, l.took)
	}
	page, err := wire.ParseShardList(msg.Shards)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", proof.ErrProof, l.miner.Hotkey, err)
	}
	return page, nil
}

// check verifies what a miner says of a shard.
func (l *listing) check(item wire.ListedShard) (Found, error) {
	s := Found{Native: index.Native{Pledge: item.Pledge, Asked: item.Asked, Receipt: item.Receipt}, Damaged: item.Damaged}
	var err error
	if s.Pledge, err = l.pledge(item); err != nil {
		if l.unpledged++; l.unpledged > maxUnpledged {
			return s, fmt.Errorf("%w: %s: %d shards that it was not given, the last: %w", proof.ErrProof, l.miner.Hotkey, l.unpledged, err)
		}
		return s, fmt.Errorf("%w: %s: %w", ErrUnpledged, l.miner.Hotkey, err)
	}
	if bytes.Compare(s.Pledge.Hash[:], l.last[:]) <= 0 {
		return s, fmt.Errorf("%w: %s lists shard %s after %s", proof.ErrProof, l.miner.Hotkey, s.Pledge.Hash, l.last)
	}
	l.last = s.Pledge.Hash
	l.named++
	s.Segment, s.Number, err = l.f.labels.open(item.Label, s.Pledge)
	if err != nil {
		return s, fmt.Errorf("shard %s at %s: %w", s.Pledge.Hash, l.miner.Hotkey, err)
	}
	return s, nil
}

// pledge is what we and the miner have signed about a shard.
func (l *listing) pledge(item wire.ListedShard) (receipt.Pledge, error) {
	p, err := receipt.ParsePledge(item.Pledge)
	if err != nil {
		return p, err
	}
	if !p.Shard || p.Asker != l.f.self || p.Miner != l.miner.Hotkey {
		return p, fmt.Errorf("a pledge of %s to %s, shard: %t", p.Miner, p.Asker, p.Shard)
	}
	return p, errors.Join(p.VerifyAsker(item.Asked), p.VerifyMiner(item.Receipt))
}
