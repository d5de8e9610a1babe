package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

// AskExplain asks a validator for the Explanation, as JSON, of the miner whose
// hotkey it signs with, of so many changes at most. Errors are those of a
// wire.Transport. log may be nil.
func AskExplain(ctx context.Context, hotkey *wallet.Keypair, validator chain.Neuron, last int, log *slog.Logger) (x []byte, err error) {
	transport := synapse.NewClient(synapse.ClientConfig{Key: hotkey}, synapse.ClientDeps{Log: log})
	defer func() { err = errors.Join(err, transport.Close()) }()
	m := &wire.Explain{Last: int64(last)}
	peer := wire.Peer{Hotkey: validator.Hotkey, Addr: validator.Axon.AddrPort(), Version: validator.Axon.Version}
	if _, err := transport.Call(wire.WithAnswerLimit(ctx, wire.MaxExplanation), peer, m); err != nil {
		return nil, fmt.Errorf("validator %s: %w", validator.Hotkey, err)
	}
	return m.Explanation, nil
}
