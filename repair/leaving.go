package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// Leaving are the miners that leave, by the index: for those beside the engine's
// process that place data too. Whoever places data excludes them (fleet.Exclude).
func Leaving(ctx context.Context, ix *index.Index) (map[wallet.Address]bool, error) {
	data, err := ix.State(ctx, drainsName)
	if errors.Is(err, index.ErrNotFound) {
		return nil, nil
	}
	var s drainState
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", drainsName, err)
	}
	leaving := make(map[wallet.Address]bool, len(s.Miners))
	for a := range s.Miners {
		leaving[a] = true
	}
	return leaving, nil
}
