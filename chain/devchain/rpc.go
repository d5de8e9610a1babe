package devchain

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// The methods; doc.go says what they take and give.
const (
	methodHeader       = "chain_getHeader"
	methodBlockHash    = "chain_getBlockHash"
	methodNonce        = "system_accountNextIndex"
	methodSubmit       = "filetao_submitAndWait"
	methodBlock        = "filetao_block"
	methodMetagraph    = "filetao_metagraph"
	methodHyper        = "filetao_hyperparameters"
	methodRegistration = "filetao_registrations"
	methodWeights      = "filetao_weights"
	methodEvents       = "filetao_events"
	methodBalance      = "filetao_balance"
	methodSubscribe    = "chain_subscribeNewHeads"
	methodUnsubscribe  = "chain_unsubscribeNewHeads"
	methodNewHead      = "chain_newHead" // of notifications
)

// JSON-RPC error codes. What the chain refuses is codeRefused, as in substrate,
// with a number of custom as data.
const (
	codeParse    = -32700
	codeRequest  = -32600
	codeMethod   = -32601
	codeParams   = -32602
	codeInternal = -32603
	codeRefused  = 1010
)

// codeInFlight is the number of chain.ErrInFlight, which is a chain.ErrUnavailable
// too.
const codeInFlight = 110

// custom numbers the chain's refusals: subtensor's custom error codes where it
// has them, from 100 on where not.
func custom() map[int]error {
	return map[int]error{
		1: chain.ErrStakeTooLow, 2: chain.ErrBalanceTooLow, 3: chain.ErrNoSubnet,
		6: chain.ErrRateLimit, 10: chain.ErrNotRegistered, 11: chain.ErrAxon, 17: chain.ErrReveal,
		19: chain.ErrWeights, 25: chain.ErrNotOwner,
		100: chain.ErrAlreadyRegistered, 101: chain.ErrFull, 102: chain.ErrNoPermit,
		103: chain.ErrVersionKey, 104: chain.ErrCommitReveal, 105: chain.ErrNonce,
		106: chain.ErrTransaction, 107: chain.ErrNoBlock, 108: chain.ErrUnavailable,
		109: chain.ErrTimelock, codeInFlight: chain.ErrInFlight,
	}
}

type rpcRequest struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
}

type rpcResponse struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

// rpcError is an error as it travels.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Custom  int    `json:"data,omitempty"`
}

// Error is the text of the other side.
func (e *rpcError) Error() string { return e.Message }

// Unwrap is the chain's error of that number.
func (e *rpcError) Unwrap() error {
	if err, ok := custom()[e.Custom]; ok && e.Code == codeRefused {
		return err
	}
	return chain.ErrUnavailable
}

// rpcErrorOf says an error in JSON-RPC.
func rpcErrorOf(err error) *rpcError {
	var e *rpcError
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, chain.ErrInFlight) {
		return &rpcError{codeRefused, err.Error(), codeInFlight}
	}
	for number, known := range custom() {
		if errors.Is(err, known) {
			return &rpcError{codeRefused, err.Error(), number}
		}
	}
	return &rpcError{codeInternal, err.Error(), 0}
}

// parseRequest reads one request; batches are not taken.
func parseRequest(text []byte) (rpcRequest, error) {
	var req rpcRequest
	if err := json.Unmarshal(text, &req); err != nil {
		return rpcRequest{}, &rpcError{codeParse, fmt.Sprintf("not a request: %v", err), 0}
	}
	id := bytes.TrimSpace(req.ID)
	if req.Version != "2.0" || len(id) == 0 || id[0] == '{' || id[0] == '[' {
		return rpcRequest{ID: nil}, &rpcError{codeRequest, "want jsonrpc 2.0 and an id", 0}
	}
	return req, nil
}

// parseParams reads positional parameters, all of them.
func parseParams(params json.RawMessage, into ...any) error {
	var list []json.RawMessage
	if len(params) > 0 {
		if err := json.Unmarshal(params, &list); err != nil {
			return &rpcError{codeParams, fmt.Sprintf("parameters: %v", err), 0}
		}
	}
	if len(list) != len(into) {
		return &rpcError{codeParams, fmt.Sprintf("%d parameters, want %d", len(list), len(into)), 0}
	}
	for i := range list {
		if err := json.Unmarshal(list[i], into[i]); err != nil {
			return &rpcError{codeParams, fmt.Sprintf("parameter %d: %v", i, err), 0}
		}
	}
	return nil
}

// respond makes the text of a response.
func respond(id json.RawMessage, result any, err error) []byte {
	res := rpcResponse{Version: "2.0", ID: id}
	if len(id) == 0 {
		res.ID = json.RawMessage("null")
	}
	if err == nil {
		res.Result, err = json.Marshal(result)
	}
	if err != nil {
		res.Result, res.Error = nil, rpcErrorOf(err)
	}
	text, err := json.Marshal(res)
	if err != nil {
		// Only an id that is no JSON comes here, and parseRequest took it.
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"response"}}`)
	}
	return text
}

// call executes a request that is not about subscriptions.
func (d *Devchain) call(ctx context.Context, req rpcRequest) (any, error) {
	switch req.Method {
	case methodHeader:
		if err := parseParams(req.Params); err != nil {
			return nil, err
		}
		return d.Head(ctx)
	case methodBlockHash, methodBlock, methodEvents:
		return d.callBlock(ctx, req)
	case methodNonce, methodBalance:
		return d.callAccount(ctx, req)
	case methodSubmit:
		return d.callSubmit(ctx, req)
	case methodMetagraph, methodHyper, methodRegistration, methodWeights:
		return d.callSubnet(ctx, req)
	}
	return nil, &rpcError{codeMethod, fmt.Sprintf("no method %.60q", req.Method), 0}
}

func (d *Devchain) callBlock(ctx context.Context, req rpcRequest) (any, error) {
	var number uint64
	if err := parseParams(req.Params, &number); err != nil {
		return nil, err
	}
	if req.Method == methodEvents {
		return d.Events(ctx, number)
	}
	b, err := d.BlockAt(ctx, number)
	if req.Method == methodBlockHash {
		return b.Hash, err
	}
	return b, err
}

func (d *Devchain) callAccount(ctx context.Context, req rpcRequest) (any, error) {
	var text string
	if err := parseParams(req.Params, &text); err != nil {
		return nil, err
	}
	account, err := wallet.ParseAddress(text)
	if err != nil {
		return nil, &rpcError{codeParams, err.Error(), 0}
	}
	if req.Method == methodBalance {
		return d.Balance(ctx, account)
	}
	return d.nonce(ctx, account)
}

func (d *Devchain) callSubmit(ctx context.Context, req rpcRequest) (any, error) {
	var text string
	if err := parseParams(req.Params, &text); err != nil {
		return nil, err
	}
	digits, ok := strings.CutPrefix(text, "0x")
	raw, err := hex.DecodeString(digits)
	if err != nil || !ok {
		return nil, &rpcError{codeParams, "want the transaction as 0x and hex digits", 0}
	}
	if err = d.submit(ctx, raw); ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", chain.ErrInFlight, err)
	}
	return true, err
}

func (d *Devchain) callSubnet(ctx context.Context, req rpcRequest) (any, error) {
	var net chain.NetUID
	var block uint64
	into := []any{&net}
	if req.Method == methodRegistration {
		into = append(into, &block)
	}
	if err := parseParams(req.Params, into...); err != nil {
		return nil, err
	}
	switch req.Method {
	case methodMetagraph:
		return d.Metagraph(ctx, net)
	case methodHyper:
		return d.Hyperparameters(ctx, net)
	case methodWeights:
		return d.Weights(ctx, net)
	}
	return d.Registrations(ctx, net, block)
}
