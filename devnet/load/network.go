package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/node"
)

// Network says how a network of its own looks that is measured.
type Network struct {
	Miners int
	// Slow miners have links of LinkRate divided by Slowdown; Dead ones are gone,
	// and the chain goes on naming them.
	Slow, Dead int
	Slowdown   float64
	// BlockTime is its chain's; 0 is the devnet's.
	BlockTime time.Duration
	// Traffic has the bytes on the wire counted, which costs some speed.
	Traffic bool
	// Keys derives encryption keys of the reference's format, which are not
	// used; nil: none are derived.
	Keys func(privateKeyHex string) envelope.Key
	// Log may be nil.
	Log *slog.Logger
}

// LinkRate is the link that a slow miner is compared with, in bytes per second of
// one connection and direction.
const LinkRate = 100e6

// Check says what is wrong with it.
func (n Network) Check() error {
	switch {
	case n.Miners < 1 || n.Slow < 0 || n.Dead < 0 || n.Slow+n.Dead > n.Miners:
		return fmt.Errorf("%d slow and %d dead of %d miners", n.Slow, n.Dead, n.Miners)
	case n.Slow > 0 && n.Slowdown < 1:
		return fmt.Errorf("a slowdown by %v: at least 1", n.Slowdown)
	}
	return nil
}

// With runs a network, real to the disk, for as long as do takes.
func With(ctx context.Context, n Network, do func(context.Context, *devnet.Devnet, Target) error) error {
	if err := n.Check(); err != nil {
		return err
	}
	cfg := devnet.DefaultConfig()
	cfg.Miners, cfg.Links, cfg.GatewayLink, cfg.Log, cfg.Status = n.Miners, n.Slow, n.Traffic, n.Log, false
	cfg.Validator.UniformSize = 1 // its audits go on, but its own data is not what is measured
	cfg.BlockTime = cmp.Or(n.BlockTime, cfg.BlockTime)
	if n.Traffic {
		cfg.Links = n.Miners
	}
	if cfg.Keys = n.Keys; cfg.Keys == nil {
		cfg.Keys = func(string) envelope.Key { return envelope.Key{} }
	}
	d, err := devnet.New(cfg)
	if err != nil {
		return err
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	work, wctx := errgroup.WithContext(inner)
	work.Go(func() error { return d.Run(wctx) })
	var done error
	work.Go(func() error {
		defer stop()
		select {
		case <-d.Ready():
			done = n.on(wctx, d, do)
		case <-wctx.Done():
		}
		return nil
	})
	if err := errors.Join(work.Wait(), done); err != nil {
		return err
	}
	return ctx.Err()
}

// on makes a network that is ready what it is to be, and lets do have it.
func (n Network) on(ctx context.Context, d *devnet.Devnet, do func(context.Context, *devnet.Devnet, Target) error) (err error) {
	for i := range n.Slow {
		d.MinerLink(i).Limit(int64(LinkRate / n.Slowdown))
	}
	for i := range n.Dead {
		if err := d.StopMiner(n.Miners - 1 - i); err != nil {
			return err
		}
	}
	user, err := d.User(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, user.Close()) }()
	return do(ctx, d, n.target(d, user))
}

func (n Network) target(d *devnet.Devnet, user *node.User) Target {
	_, gateway := d.GatewayAxon()
	t := Target{Client: user.Client}
	t.Put = client.PutFileOptions{Keys: d.UserKeys()}
	t.Get = client.GetFileOptions{Keys: d.UserKeys()}
	t.Put.Gateways = append(t.Put.Gateways, gateway)
	t.Get.Gateways = append(t.Get.Gateways, gateway)
	if n.Traffic {
		t.Traffic = func() int64 {
			sum := d.GatewayLink(0).Bytes()
			for i := range n.Miners {
				sum += d.MinerLink(i).Bytes()
			}
			return sum
		}
	}
	return t
}
