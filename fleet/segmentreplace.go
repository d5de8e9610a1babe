package fleet

import (
	"context"
	"fmt"
	"slices"

	"github.com/filetao/filetao/wallet"
)

// counted are the shards of a segment that the index counts on, by who holds them.
type counted map[wallet.Address]int

func (p *put) counted(ctx context.Context, segment string) (counted, error) {
	held, err := p.f.deps.Index.Shards(ctx, segment)
	if err != nil {
		return nil, err
	}
	c, now := counted{}, p.f.deps.Now()
	for _, h := range held {
		if !h.Expired(now) {
			c[h.Holder] = h.Number
		}
	}
	return c, nil
}

// with is how many different ones there are when s has brought its own.
func (c counted) with(s *sender) int {
	var n numbers
	for holder, number := range c {
		if s == nil || holder != s.miner.Hotkey {
			n.add(number)
		}
	}
	if s != nil {
		n.add(s.number)
	}
	return n.count()
}

// replace has shards take the place of others that the index counts on at the same
// miners. Another put may have been acknowledged with those, or be about to be: one
// gives way after the other, by what the index knows then, in an order in which at
// no moment, and wherever this stops, there is more than one different shard less
// than a durable segment has, nor fewer than give it back. What cannot take its
// place so is dropped.
func (p *put) replace(ctx context.Context, segment string, others []*sender) error {
	for len(others) > 0 {
		c, err := p.counted(ctx, segment)
		if err != nil {
			return err
		}
		best := slices.MaxFunc(others, func(a, b *sender) int { return c.with(a) - c.with(b) })
		others = slices.DeleteFunc(others, func(s *sender) bool { return s == best })
		if p.may(c, best) {
			err = p.f.deps.Index.ReplaceShard(ctx, p.life, best.holding(segment), p.f.recorded(p.f.deps.Now()))
		} else {
			best.yielded = true
			err = p.drop(ctx, best)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// may says whether a shard may take another one's place. One that was made because
// it was missing does not: who has brought the other one counts on it too.
func (p *put) may(c counted, s *sender) bool {
	if _, counts := c[s.miner.Hotkey]; !counts {
		return true
	}
	if p.mends {
		return false
	}
	left := c.with(s)
	return left >= c.with(nil) || left >= max(p.spec.Scheme.Data, p.least-1)
}

// enoughRecorded looks at what there is in the end: another put may have replaced
// meanwhile what this one has recorded, or the segment may have ended.
func (p *put) enoughRecorded(ctx context.Context, segment string) error {
	if err := p.f.deps.Index.CheckLife(ctx, segment, p.life); err != nil {
		return err
	}
	if p.mends {
		for _, s := range p.all {
			if ok, _ := s.ended(); ok && !s.yielded {
				return nil
			}
		}
		return fmt.Errorf("%w: all miners have been given other shards of it meanwhile", ErrShort)
	}
	c, err := p.counted(ctx, segment)
	if err == nil && c.with(nil) < p.least {
		err = fmt.Errorf("%w: another put of it leaves %d different shards", ErrShort, c.with(nil))
	}
	return err
}
