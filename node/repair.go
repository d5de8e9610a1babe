package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/backup"
	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/internal/cycle"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/repair"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// addBackup has the node keep on the miners what its index knows of files; nil if it
// is not to.
func (n *Node) addBackup(c *backup.Config, f *fleet.Fleet, ix *index.Index) *backup.Backup {
	if c == nil {
		return nil
	}
	b := backup.New(*c, backup.Deps{
		Fleet: f, Index: ix, Key: n.common.Hotkey, Rand: rand.Reader, Now: time.Now, Log: n.log, Metrics: n.metrics,
	})
	n.group.Add("backup", b.Run)
	return b
}

// RepairStatus is how it stands with what a validator does so that files survive.
type RepairStatus struct {
	repair.Status
	Backup *backup.Status `json:"backup"` // null if none is made
}

// addRepair has the node keep what its index promises, and say on the status page
// how it stands with that, and with the backup, which may be nil.
func (n *Node) addRepair(c repair.Config, f *fleet.Fleet, ix *index.Index, b *backup.Backup) *repair.Engine {
	e := repair.New(c, repair.Deps{
		Fleet: f, Index: ix, Key: n.common.Hotkey, Metagraph: n.follower.Metagraph, Now: time.Now, Log: n.log, Metrics: n.metrics,
	})
	n.group.Add("repair", e.Run)
	if n.status != nil {
		n.status.mux.HandleFunc("GET /repair", func(w http.ResponseWriter, r *http.Request) {
			var s RepairStatus
			var err error
			if s.Status, err = e.Status(r.Context()); err == nil && b != nil {
				var saved backup.Status
				saved, err = b.Status(r.Context())
				s.Backup = &saved
			}
			answer(w, s, err)
		})
	}
	return e
}

// lost has repair see to what a lost miner held, before the index forgets it.
func (n *Node) lost(e *repair.Engine) func(context.Context, validator.Loss) {
	return func(ctx context.Context, l validator.Loss) {
		if err := e.Lost(ctx, l.Hotkey); err != nil {
			n.log.Warn("what a lost miner held is found by the next scan", "hotkey", l.Hotkey, "err", err)
		}
	}
}

const (
	// drainsPerWindow is how often a miner may ask how far it has left in the time
	// of wire.DefaultWindowBlocks.
	drainsPerWindow = 20
	// drainBody bounds the body of such a question, in bytes.
	drainBody = 64 << 10
)

// answerLeavers has the node's axon take the word of registered miners that leave,
// through a door of its own as answerMiners does.
func (n *Node) answerLeavers(e *repair.Engine) {
	door := wire.NewDoor(wire.DoorConfig{
		Blacklist: n.common.Door.Blacklist, RequestsPerWindow: drainsPerWindow,
	}, n.doorDeps())
	n.server.HandleBehind(door, func() wire.Message { return &wire.Drain{} }, func(ctx context.Context, from wire.Caller, msg wire.Message) error {
		m, ok := msg.(*wire.Drain)
		if !ok {
			return wire.BadRequest("unexpected message %s", msg.Name())
		}
		if !m.Leave {
			return e.Stay(ctx, from.Hotkey)
		}
		d, err := e.Leave(ctx, from.Hotkey)
		m.Shards, m.Bytes, m.Exit, m.Signature = d.Shards, d.Bytes, d.Exit, d.Signature
		return err
	}, drainBody)
}

// leaversPeriod is how often a gateway in a process of its own reads who leaves.
const leaversPeriod = time.Minute

// excludeLeavers has a fleet give nothing to miners that leave, by what the
// validator over the same index knows.
func (n *Node) excludeLeavers(f *fleet.Fleet, ix *index.Index) {
	var leaving atomic.Pointer[map[wallet.Address]bool]
	f.Exclude(func(a wallet.Address) bool {
		all := leaving.Load()
		return all != nil && (*all)[a]
	})
	read := func(ctx context.Context) error {
		all, err := repair.Leaving(ctx, ix)
		if err != nil {
			if ctx.Err() == nil {
				n.log.Warn("it is not known which miners leave", "err", err)
			}
			return nil
		}
		leaving.Store(&all)
		return nil
	}
	loop := cycle.New(leaversPeriod, read)
	n.group.Add("leavers", func(ctx context.Context) error {
		if err := read(ctx); err != nil {
			return err
		}
		return loop.Run(ctx)
	})
}

// AskDrain tells a validator that the miner whose hotkey it signs with leaves, or
// stays, and returns how far it is with that; a receipt is checked. Errors are those
// of a wire.Transport, and receipt's. log may be nil.
func AskDrain(ctx context.Context, hotkey *wallet.Keypair, validator chain.Neuron, leave bool, log *slog.Logger) (d wire.Drain, err error) {
	transport := synapse.NewClient(synapse.ClientConfig{Key: hotkey}, synapse.ClientDeps{Log: log})
	defer func() { err = errors.Join(err, transport.Close()) }()
	d.Leave = leave
	peer := wire.Peer{Hotkey: validator.Hotkey, Addr: validator.Axon.AddrPort(), Version: validator.Axon.Version}
	if _, err := transport.Call(wire.WithAnswerLimit(ctx, receipt.ExitSize+wallet.SignatureSize), peer, &d); err != nil {
		return d, fmt.Errorf("validator %s: %w", validator.Hotkey, err)
	}
	if len(d.Exit) == 0 {
		return d, nil
	}
	exit, err := receipt.ParseExit(d.Exit)
	if err == nil {
		err = exit.Verify(d.Signature)
	}
	if err == nil && (exit.Validator != validator.Hotkey || exit.Miner != hotkey.Address()) {
		err = fmt.Errorf("%w: it is %s's to %s", receipt.ErrStatement, exit.Validator, exit.Miner)
	}
	if err != nil {
		return d, fmt.Errorf("receipt of validator %s: %w", validator.Hotkey, err)
	}
	return d, nil
}
