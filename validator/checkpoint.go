package validator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// ErrState says that the saved state cannot be read: damaged, or of a later
// version. It is kept as it is; whoever gives it up removes it.
var ErrState = errors.New("saved validator state is unreadable")

// stateVersion is what is written. Version 1 had no possession and no block of
// the registration: who comes out of it is a newcomer to audits. Version 2 had
// no claims, no committed weights and no half-done dropping of random data.
const stateVersion = 3

// checkpoint is the saved state: one JSON object under stateName in the index.
type checkpoint struct {
	Version int `json:"v"`
	progress
	Rows []row `json:"uids"`
}

// stateName is the state's name in the index, which validators may share.
func (v *Validator) stateName() string { return stateName(v.deps.Key.Address()) }

func stateName(validator wallet.Address) string { return "validator/" + string(validator) }

func encodeState(p progress, rows []row) ([]byte, error) {
	return json.Marshal(checkpoint{stateVersion, p, rows})
}

// decodeState fails with ErrState.
func decodeState(data []byte) (progress, []row, error) {
	var c checkpoint
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return progress{}, nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	_, err := dec.Token()
	if !errors.Is(err, io.EOF) || c.Version < 1 || c.Version > stateVersion || len(c.Rows) > math.MaxUint16+1 {
		return progress{}, nil, fmt.Errorf("%w: version %d with %d UIDs", ErrState, c.Version, len(c.Rows))
	}
	if len(c.Commits) > maxCommits {
		return progress{}, nil, fmt.Errorf("%w: %d commitments", ErrState, len(c.Commits))
	}
	for uid, r := range c.Rows {
		if r.Failures < 0 {
			return progress{}, nil, fmt.Errorf("%w: %d failures of UID %d", ErrState, r.Failures, uid)
		}
	}
	return c.progress, c.Rows, nil
}

// load reads the saved state, once. Without one the validator begins with the
// present hotkeys, all scores zero.
func (v *Validator) load(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.loaded {
		return nil
	}
	data, err := v.deps.Index.State(ctx, v.stateName())
	switch {
	case errors.Is(err, index.ErrNotFound):
		v.log.Info("no saved scores: starting from zero")
	case err != nil:
		return fmt.Errorf("load scores: %w", err)
	default:
		p, rows, err := decodeState(data)
		if err != nil {
			return err
		}
		v.progress = p
		v.board.restore(rows)
		v.resume(p)
		v.log.Info("scores loaded", "block", p.Block, "uids", len(rows), "steps", p.Steps)
	}
	v.loaded = true
	return nil
}

// save writes the state as of a block; what was never loaded is not written.
func (v *Validator) save(ctx context.Context, block uint64) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.loaded {
		return nil
	}
	p := v.progress
	p.Block = block
	data, err := encodeState(p, v.board.save())
	if err == nil {
		err = v.deps.Index.PutState(ctx, v.stateName(), data)
	}
	if err != nil {
		return fmt.Errorf("save scores: %w", err)
	}
	v.progress = p
	return nil
}

// saveDue says whether the last checkpoint is CheckpointBlocks old.
func (v *Validator) saveDue(block uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return block >= v.progress.Block+uint64(v.cfg.CheckpointBlocks)
}
