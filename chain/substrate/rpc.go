package substrate

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/filetao/filetao/chain"
)

// errLost is chain.ErrUnavailable because of the connection: another may do.
var errLost = fmt.Errorf("%w: connection lost", chain.ErrUnavailable)

// errUnsent is a request that never left: whatever it asks for has not happened.
var errUnsent = fmt.Errorf("%w: not sent", chain.ErrUnavailable)

// errProtocol is a node that does not keep to JSON-RPC 2.0.
var errProtocol = errors.New("node breaks the protocol")

// request is one request as it travels.
type request struct {
	Version string `json:"jsonrpc"`
	ID      uint64 `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

// message is whatever a node sends: a response has an id, a notification a
// method.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
	Params struct {
		Subscription json.RawMessage `json:"subscription"`
		Result       json.RawMessage `json:"result"`
	} `json:"params"`
}

// rpcError is what a node answers instead of a result.
type rpcError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

const codeNoMethod = -32601

// Error is the node's text with its data, cut short.
func (e *rpcError) Error() string {
	text := fmt.Sprintf("node says %d: %.400s", e.Code, e.Message)
	if len(e.Data) > 0 && !bytes.Equal(e.Data, []byte("null")) {
		text += fmt.Sprintf(" (%.400s)", e.Data)
	}
	return text
}

// Unwrap is chain.ErrUnavailable, or chain.ErrPruned: as a rule of all but the
// last 256 blocks. What a node refuses is told
// apart where transactions are sent.
func (e *rpcError) Unwrap() error {
	if strings.Contains(e.Message, "already discarded") || bytes.Contains(e.Data, []byte("already discarded")) {
		return chain.ErrPruned
	}
	return chain.ErrUnavailable
}

// hexBytes travels as 0x and hex digits.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) {
	return append([]byte("0x"), hex.AppendEncode(nil, h)...), nil
}

func (h *hexBytes) UnmarshalText(text []byte) error {
	digits, ok := bytes.CutPrefix(text, []byte("0x"))
	if !ok {
		return fmt.Errorf("%.40q: want 0x and hex digits", text)
	}
	out, err := hex.AppendDecode(make([]byte, 0, len(digits)/2), digits)
	if err != nil {
		return fmt.Errorf("%.40q: %w", text, err)
	}
	*h = out
	return nil
}

// hexNumber is a block number: hex digits with or without leading zeros.
type hexNumber uint64

func (n *hexNumber) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), "0x")
	digits = strings.TrimLeft(digits, "0")
	if !ok || len(digits) > 16 || len(text) < 3 {
		return fmt.Errorf("number %.40q: want 0x and hex digits", text)
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return fmt.Errorf("number %.40q: %w", text, err)
	}
	*n = 0
	for _, b := range raw {
		*n = *n<<8 | hexNumber(b)
	}
	return nil
}
