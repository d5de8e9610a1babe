package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// viewer makes a running node's views of its miners.
type viewer struct {
	node   *Node
	base   View             // what does not change
	scores func() []float64 // nil: the node keeps none
	turn   chan struct{}    // one reads the event log at a time
}

func (n *Node) newViewer(base View, scores func() []float64) *viewer {
	base.Self = cmp.Or(base.Self, n.Hotkey())
	base.BlockAt = n.common.Chain.BlockAt
	return &viewer{node: n, base: base, scores: scores, turn: make(chan struct{}, 1)}
}

const (
	// chainTimeout bounds what a view asks the chain; without it the view is good
	// too.
	chainTimeout = 2 * time.Second
	// pageTail and minersTail are how much of the event log is read for the
	// operator and for a miner: days and half a day of a large network.
	pageTail, minersTail = 128 << 20, 16 << 20
)

// now is the view at this moment.
func (w *viewer) now(ctx context.Context) View {
	ctx, cancel := context.WithTimeout(ctx, chainTimeout)
	defer cancel()
	n, v := w.node, w.base
	v.Metagraph = n.follower.Metagraph()
	if w.scores != nil {
		v.Scores = w.scores()
	}
	head := n.follower.Head()
	v.Block = head.Number
	if subnet, err := n.common.Chain.Hyperparameters(ctx, n.common.NetUID); err == nil {
		v.Subnet = &subnet
	} else {
		n.log.Debug("no hyperparameters for a view of the miners", "err", err)
	}
	v.BlockTime = Pace(ctx, n.common.Chain.BlockAt, head)
	return v
}

// explain explains a miner, one at a time.
func (w *viewer) explain(ctx context.Context, who Whom, tail int64) (Explanation, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return Explanation{}, ctx.Err()
	}
	v := w.now(ctx)
	v.Tail = tail
	return v.Explain(ctx, who)
}

// serveMiners adds the miners' table to the status page.
func (n *Node) serveMiners(w *viewer) {
	if n.status == nil {
		return
	}
	n.status.mux.HandleFunc("GET /miners", func(out http.ResponseWriter, r *http.Request) {
		rows, err := w.now(r.Context()).Miners(r.Context())
		answer(out, rows, err)
	})
}

// serveExplain adds explanations to the status page.
func (n *Node) serveExplain(w *viewer) {
	if n.status == nil {
		return
	}
	n.status.mux.HandleFunc("GET /explain", func(out http.ResponseWriter, r *http.Request) {
		who, err := explainQuery(r.URL.Query())
		if err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		x, err := w.explain(r.Context(), who, pageTail)
		answer(out, x, err)
	})
}

// answer writes what a page says.
func answer(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, ErrNoMiner):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		writeJSON(w, v)
	}
}

// explainQuery reads what /explain is asked for: miner, a hotkey or a UID; last
// and since.
func explainQuery(q url.Values) (who Whom, err error) {
	if who, err = ParseWhom(q.Get("miner")); err != nil {
		return who, fmt.Errorf("miner: %w", err)
	}
	if text := q.Get("last"); text != "" {
		if who.Last, err = strconv.Atoi(text); err != nil || who.Last < 1 || who.Last > MaxChanges {
			return who, fmt.Errorf("last: %.20q is no number from 1 to %d", text, MaxChanges)
		}
	}
	if text := q.Get("since"); text != "" {
		if who.Since, err = strconv.ParseUint(text, 10, 64); err != nil {
			return who, fmt.Errorf("since: %.20q is no block number", text)
		}
	}
	return who, nil
}

// ParseWhom reads a miner's hotkey or UID.
func ParseWhom(text string) (Whom, error) {
	if uid, err := strconv.ParseUint(text, 10, 16); err == nil {
		return Whom{UID: int(uid)}, nil
	}
	hotkey, err := wallet.ParseAddress(text)
	if err != nil {
		return Whom{}, fmt.Errorf("%.60q is neither a hotkey nor a UID", text)
	}
	return Whom{Hotkey: hotkey, UID: -1}, nil
}

// questionsPerWindow is how often a miner may ask of itself in the time of
// wire.DefaultWindowBlocks.
const questionsPerWindow = 5

// explainBody bounds the body of such a question, in bytes.
const explainBody = 64 << 10

// answerMiners has the node's axon tell registered miners of themselves: through
// a door of its own, because the other one may be for users alone. Who is
// blacklisted there is so here too.
func (n *Node) answerMiners(w *viewer) {
	door := wire.NewDoor(wire.DoorConfig{
		Blacklist: n.common.Door.Blacklist, RequestsPerWindow: questionsPerWindow,
	}, n.doorDeps())
	n.server.HandleBehind(door, func() wire.Message { return &wire.Explain{} }, func(ctx context.Context, from wire.Caller, msg wire.Message) error {
		m, ok := msg.(*wire.Explain)
		if !ok || m.Last < 0 {
			return wire.BadRequest("last is a number from 0 on")
		}
		who := Whom{Hotkey: from.Hotkey, UID: -1, Last: int(min(m.Last, MaxChanges))}
		x, err := w.explain(ctx, who, minersTail)
		if errors.Is(err, ErrNoMiner) {
			return wire.NotFound("This validator knows nothing of %s.", from.Hotkey)
		} else if err != nil {
			return err
		}
		m.Explanation, err = fitted(x)
		return err
	}, explainBody)
}

// fitted is an explanation as JSON, without the oldest changes if it would be too
// long.
func fitted(x Explanation) ([]byte, error) {
	for {
		data, err := json.Marshal(x)
		if err != nil || len(data) <= wire.MaxExplanation {
			return data, err
		}
		if len(x.Changes) == 0 {
			return nil, wire.TooLarge("An explanation of %d bytes.", len(data))
		}
		keep := len(x.Changes) / 2
		x.Earlier += len(x.Changes) - keep
		x.Changes = x.Changes[:keep]
	}
}

// baseView is what of a validator's view does not change.
func baseView(c ValidatorConfig, ix *index.Index) View {
	v := View{Index: ix, Config: c.Validator, VpermitLimit: c.Fleet.VpermitLimit}
	if c.Events != nil {
		v.Events = c.Events.Path
	}
	return v
}
