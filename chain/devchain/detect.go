package devchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/filetao/filetao/chain"
)

// detectTimeout bounds Speaks.
const detectTimeout = 10 * time.Second

// Speaks says whether a development chain answers at a ws:// or wss:// address,
// rather than another node that speaks JSON-RPC: it asks for something that only
// the first has. It fails with chain.ErrUnavailable when neither answers.
func Speaks(ctx context.Context, endpoint string) (bool, error) {
	inner, cancel := context.WithTimeout(ctx, detectTimeout)
	defer cancel()
	err := ask(inner, endpoint)
	var refused *rpcError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused) && refused.Code == codeMethod:
		return false, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	return false, fmt.Errorf("dial chain %s: %w: %w", endpoint, chain.ErrUnavailable, err)
}

// ask wants the genesis block.
func ask(ctx context.Context, endpoint string) error {
	conn, _, err := websocket.Dial(ctx, endpoint, nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow() // nothing is left to say
	text, err := requestText(1, methodBlock, []any{0})
	if err == nil {
		err = conn.Write(ctx, websocket.MessageText, text)
	}
	if err == nil {
		_, text, err = conn.Read(ctx)
	}
	if err != nil {
		return err
	}
	var genesis json.RawMessage
	return parseResponse(text, &genesis)
}
