package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// ErrNoMiner says that an index knows nothing of a hotkey.
var ErrNoMiner = fmt.Errorf("the index knows no miner with this hotkey: %w", index.ErrNotFound)

const (
	// fewAudits are shown of every miner when none is named.
	fewAudits = 3
	// mostAudits bounds what is shown of all miners together.
	mostAudits = 1000
)

// Audits is what the index says of audits, and what the status page answers at
// /audits.
type Audits struct {
	// Trials are settled, the newest first.
	Trials []AuditRow `json:"trials"`
	// Pending are questions that got no answer yet and are put again.
	Pending []index.Pending `json:"pending"`
}

// AuditRow is a settled audit. Its JSON has the members of index.Trial: miner
// and id, which counts the miner's audits; task, hash, replica, size (bytes) and
// block, which is what was asked; asked and settled (RFC 3339), tries and
// elapsed_ns; passed, and the reason in words; and of a native one the dossier
// that `filetao audit verify` checks.
type AuditRow struct {
	UID *int `json:"uid"` // null when not registered or not known
	index.Trial
}

// AuditRows reads from an index the latest audits of a miner, limit of them at
// most and all there are when limit is 0. ErrNoMiner for a hotkey that the index
// knows nothing of. Without a miner it reads the latest few of every miner,
// limit of each when it is not 0, mostAudits altogether, and no dossiers.
func AuditRows(ctx context.Context, ix *index.Index, miner wallet.Address, limit int) (Audits, error) {
	all := Audits{Trials: []AuditRow{}, Pending: []index.Pending{}}
	if miner != "" {
		if err := all.add(ctx, ix, miner, cmp.Or(limit, index.MaxTrials)); err != nil {
			return Audits{}, err
		}
		if len(all.Trials)+len(all.Pending) > 0 {
			return all, nil
		}
		return all, known(ctx, ix, miner)
	}
	for s, err := range ix.AllStats(ctx) {
		if err != nil {
			return Audits{}, fmt.Errorf("miners' statistics: %w", err)
		}
		if err := all.add(ctx, ix, s.Hotkey, cmp.Or(limit, fewAudits)); err != nil {
			return Audits{}, err
		}
	}
	for i := range all.Trials {
		all.Trials[i].Dossier = nil
	}
	slices.SortStableFunc(all.Trials, func(a, b AuditRow) int { return b.Settled.Compare(a.Settled) })
	all.Trials = all.Trials[:min(mostAudits, len(all.Trials))]
	all.Pending = all.Pending[:min(mostAudits, len(all.Pending))]
	return all, nil
}

// add reads one miner's.
func (a *Audits) add(ctx context.Context, ix *index.Index, miner wallet.Address, limit int) error {
	trials, err := ix.Trials(ctx, miner)
	if err != nil {
		return fmt.Errorf("audits of %s: %w", miner, err)
	}
	for _, t := range trials[:min(limit, len(trials))] {
		a.Trials = append(a.Trials, AuditRow{Trial: t})
	}
	pending, err := ix.Pending(ctx, miner)
	switch {
	case err == nil:
		a.Pending = append(a.Pending, pending)
	case !errors.Is(err, index.ErrNotFound):
		return fmt.Errorf("what %s is asked: %w", miner, err)
	}
	return nil
}

// known is ErrNoMiner for a hotkey without statistics and holdings.
func known(ctx context.Context, ix *index.Index, miner wallet.Address) error {
	stats, err := ix.Stats(ctx, miner)
	if err != nil {
		return err
	}
	stored, err := ix.StoredBytes(ctx, miner)
	if err == nil && stored == 0 && stats == (index.Stats{Hotkey: miner}) {
		err = ErrNoMiner
	}
	return err
}

// auditQuery reads what /audits is asked for: miner, a hotkey or nothing, and
// limit, from 1 on; 0 stands for none given.
func auditQuery(q url.Values) (miner wallet.Address, limit int, err error) {
	if text := q.Get("miner"); text != "" {
		if miner, err = wallet.ParseAddress(text); err != nil {
			return "", 0, fmt.Errorf("miner: %w", err)
		}
	}
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			return "", 0, fmt.Errorf("limit: %.20q is no number from 1 on", text)
		}
	}
	return miner, limit, nil
}

// serveAudits adds the record of audits to the status page.
func (n *Node) serveAudits(ix *index.Index) {
	if n.status == nil {
		return
	}
	n.status.mux.HandleFunc("GET /audits", func(w http.ResponseWriter, r *http.Request) {
		miner, limit, err := auditQuery(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		rows, err := AuditRows(r.Context(), ix, miner, limit)
		graph := n.Metagraph()
		if errors.Is(err, ErrNoMiner) && graph != nil {
			if _, registered := graph.ByHotkey(miner); registered {
				err = nil // and was never asked anything
			}
		}
		switch {
		case errors.Is(err, ErrNoMiner):
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for i := range rows.Trials {
			if graph == nil {
				break
			}
			if neuron, ok := graph.ByHotkey(rows.Trials[i].Miner); ok {
				uid := int(neuron.UID)
				rows.Trials[i].UID = &uid
			}
		}
		writeJSON(w, rows)
	})
}
