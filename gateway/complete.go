package gateway

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// maxShort is how many segments wait for Complete. What is beyond is left to
// repair.
const maxShort = 1 << 10

// Complete gives the segments all their shards that were acknowledged with fewer,
// since some miners were too slow for their owner to wait for. Run does it when
// there are some. What it cannot do, or does not come to, repair does.
func (g *Gateway) Complete(ctx context.Context) {
	for {
		select {
		case id := <-g.short:
			g.complete(ctx, id)
		default:
			return
		}
	}
}

func (g *Gateway) complete(ctx context.Context, id string) {
	if err := g.makeMissing(ctx, id); err != nil && ctx.Err() == nil {
		g.log.Info("a segment lacks shards until it is repaired", "segment", id, "err", err)
	}
}

// lacks has a segment be completed.
func (g *Gateway) lacks(id string) {
	select {
	case g.short <- id:
	default:
	}
}

func (g *Gateway) makeMissing(ctx context.Context, id string) error {
	seg, err := g.deps.Index.Segment(ctx, id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.StoreTimeout)
	defer cancel()
	unlock, err := g.files.lock(ctx, segmentName(seg.Owner, seg.Upload, seg.Index))
	if err != nil {
		return err
	}
	defer unlock()
	held, err := g.deps.Index.Shards(ctx, id)
	if err != nil {
		return err
	}
	missing, until := missingOf(seg, held)
	ttl := until.Sub(g.deps.Now())
	if len(missing) == 0 || ttl <= 0 { // or it has ended
		return nil
	}
	candidates, err := g.candidates()
	if err != nil {
		return err
	}
	holders := map[wallet.Address]bool{}
	for _, h := range held {
		holders[h.Holder] = true
	}
	candidates = slices.DeleteFunc(candidates, func(n chain.Neuron) bool { return holders[n.Hotkey] })
	_, err = g.deps.Fleet.RebuildSegment(ctx, seg, missing, ttl, candidates)
	return errors.Join(err, g.endLate(context.WithoutCancel(ctx), id))
}

// endLate ends the shards of a segment that has ended while they were made.
func (g *Gateway) endLate(ctx context.Context, id string) error {
	_, err := g.deps.Index.Segment(ctx, id)
	if !errors.Is(err, index.ErrNotFound) {
		return err
	}
	drops, _, err := g.deps.Index.EndSegments(ctx, []string{id}, unsettled)
	tell, done := context.WithTimeout(ctx, g.cfg.CleanupTimeout)
	defer done()
	g.tell(tell, drops)
	return err
}

// missingOf are numbers of as many shards as a segment lacks, and when the last of
// those ends that it has.
func missingOf(seg index.Segment, held []index.Holding) (missing []int, until time.Time) {
	there := map[int]bool{}
	for _, h := range held {
		there[h.Number] = true
		if end := h.Stored.Add(h.TTL); end.After(until) {
			until = end
		}
	}
	for number := range seg.Scheme.Total {
		if !there[number] && len(there)+len(missing) < seg.Scheme.Total {
			missing = append(missing, number)
		}
	}
	return missing, until
}
