package substratetest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// hexBytes travels as 0x and hex digits.
type hexBytes []byte

// MarshalText writes 0x and hex digits.
func (h hexBytes) MarshalText() ([]byte, error) {
	return append([]byte("0x"), hex.AppendEncode(nil, h)...), nil
}

// UnmarshalText reads the form of MarshalText.
func (h *hexBytes) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), "0x")
	if !ok {
		return fmt.Errorf("%.40q: want 0x and hex digits", text)
	}
	out, err := hex.DecodeString(digits)
	*h = out
	return err
}

// rpcError is what a node answers instead of a result.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("%d: %s (%v)", e.Code, e.Message, e.Data) }

func badParams(err error) *rpcError {
	return &rpcError{Code: -32602, Message: "Invalid params", Data: err.Error()}
}

// query is a request as it comes.
type query struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// param reads a parameter; one that is missing or null leaves into as it is.
func (q query) param(i int, into any) *rpcError {
	if i >= len(q.Params) || string(q.Params[i]) == "null" {
		return nil
	}
	if err := json.Unmarshal(q.Params[i], into); err != nil {
		return badParams(fmt.Errorf("%s, parameter %d: %w", q.Method, i, err))
	}
	return nil
}

// message is a response or a notification.
func response(id json.RawMessage, result any, refused *rpcError) ([]byte, error) {
	if refused != nil {
		return json.Marshal(struct {
			Version string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Error   *rpcError       `json:"error"`
		}{"2.0", id, refused})
	}
	return json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		Result  any             `json:"result"`
		ID      json.RawMessage `json:"id"`
	}{"2.0", result, id})
}

func notification(method, subscription string, result any) ([]byte, error) {
	type params struct {
		Subscription string `json:"subscription"`
		Result       any    `json:"result"`
	}
	return json.Marshal(struct {
		Version string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  params `json:"params"`
	}{"2.0", method, params{subscription, result}})
}
