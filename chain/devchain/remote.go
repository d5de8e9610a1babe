package devchain

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// maxResponse bounds what a server may answer: a metagraph of 65535 neurons.
const maxResponse = 64 << 20

// RemoteConfig says which chain and with how much patience; zero values are the
// defaults.
type RemoteConfig struct {
	// Endpoint is ws://, wss://, http:// or https:// and host:port.
	Endpoint string
	// RequestTimeout is for everything but transactions; 0 is 10 s.
	RequestTimeout time.Duration
	// TransactionTimeout is how long to wait for a transaction's block; 0 is
	// 2 minutes.
	TransactionTimeout time.Duration
	// PingEvery is how often a silent subscription is tested; 0 is 15 s.
	PingEvery time.Duration
}

// Remote is a Devchain in another process. It implements chain.Chain and signs
// transactions here: keys do not travel.
type Remote struct {
	accounts
	cfg          RemoteConfig
	http, socket string // URLs
	client       *http.Client
	life         context.Context // ends with Close
	end          context.CancelFunc

	mu   sync.Mutex // guards adding to subs after the end
	subs sync.WaitGroup
}

var _ chain.Chain = (*Remote)(nil)

// Dial reaches a served chain: "ws://127.0.0.1:9944". It fails with
// chain.ErrUnavailable when nobody answers. Close it.
func Dial(ctx context.Context, endpoint string) (*Remote, error) {
	return DialRemote(ctx, RemoteConfig{Endpoint: endpoint})
}

// DialRemote is Dial with more to say. ctx bounds the dialling only.
func DialRemote(ctx context.Context, cfg RemoteConfig) (*Remote, error) {
	if cfg.RequestTimeout <= 0 {
		cfg.RequestTimeout = 10 * time.Second
	}
	if cfg.TransactionTimeout <= 0 {
		cfg.TransactionTimeout = 2 * time.Minute
	}
	if cfg.PingEvery <= 0 {
		cfg.PingEvery = 15 * time.Second
	}
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("chain endpoint: %w", err)
	}
	secure := strings.TrimPrefix(strings.TrimPrefix(u.Scheme, "ws"), "http")
	if u.Host == "" || secure != "" && secure != "s" || u.Scheme == secure {
		return nil, fmt.Errorf("chain endpoint %.80q: want ws://host:port", cfg.Endpoint)
	}
	rest := secure + "://" + u.Host + u.Path
	// Proxies are for the outside world, a devchain is not.
	transport := &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second}
	r := &Remote{cfg: cfg, http: "http" + rest, socket: "ws" + rest, client: &http.Client{Transport: transport}}
	r.life, r.end = context.WithCancel(context.WithoutCancel(ctx))
	r.accounts = accounts{nonce: r.nonce, rules: r.Hyperparameters, submit: r.submit}
	if err := r.call(ctx, &r.genesis, methodBlockHash, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("dial chain %s: %w", cfg.Endpoint, err), r.Close())
	}
	return r, nil
}

// Close ends subscriptions and connections.
func (r *Remote) Close() error {
	r.mu.Lock()
	r.end()
	r.mu.Unlock()
	r.subs.Wait()
	r.client.CloseIdleConnections()
	return nil
}

// call makes a request with the timeout of ordinary ones.
func (r *Remote) call(ctx context.Context, result any, method string, params ...any) error {
	return r.within(ctx, r.cfg.RequestTimeout, result, method, params...)
}

// within makes a request. Its errors are the caller's context's, the chain's,
// or chain.ErrUnavailable.
func (r *Remote) within(ctx context.Context, timeout time.Duration, result any, method string, params ...any) error {
	inner, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()
	err := r.post(inner, result, method, params)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (r *Remote) post(ctx context.Context, result any, method string, params []any) error {
	text, err := requestText(1, method, params)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.http, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", chain.ErrUnavailable, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxResponse))
	if err != nil {
		return fmt.Errorf("%w: %w", chain.ErrUnavailable, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: HTTP status %s", chain.ErrUnavailable, res.Status)
	}
	return parseResponse(answer, result)
}

func requestText(id int, method string, params []any) ([]byte, error) {
	if params == nil {
		params = []any{}
	}
	list, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return json.Marshal(rpcRequest{Version: "2.0", ID: fmt.Append(nil, id), Method: method, Params: list})
}

func parseResponse(text []byte, result any) error {
	var res rpcResponse
	if err := json.Unmarshal(text, &res); err != nil {
		return fmt.Errorf("%w: response: %w", chain.ErrUnavailable, err)
	}
	if res.Error != nil {
		return res.Error
	}
	if err := json.Unmarshal(res.Result, result); err != nil {
		return fmt.Errorf("%w: result: %w", chain.ErrUnavailable, err)
	}
	return nil
}

func (r *Remote) nonce(ctx context.Context, a wallet.Address) (n uint64, err error) {
	err = r.call(ctx, &n, methodNonce, a)
	return n, err
}

func (r *Remote) submit(ctx context.Context, raw []byte) error {
	var ok bool
	err := r.within(ctx, r.cfg.TransactionTimeout, &ok, methodSubmit, "0x"+hex.EncodeToString(raw))
	if answer := (*rpcError)(nil); err == nil || ctx.Err() != nil || errors.As(err, &answer) {
		return err
	}
	return fmt.Errorf("%w: %w", chain.ErrInFlight, err)
}

// Head implements chain.Chain.
func (r *Remote) Head(ctx context.Context) (b chain.Block, err error) {
	err = r.call(ctx, &b, methodHeader)
	return b, err
}

// BlockAt implements chain.Chain.
func (r *Remote) BlockAt(ctx context.Context, number uint64) (b chain.Block, err error) {
	err = r.call(ctx, &b, methodBlock, number)
	return b, err
}

// Metagraph implements chain.Chain.
func (r *Remote) Metagraph(ctx context.Context, net chain.NetUID) (*chain.Metagraph, error) {
	m := new(chain.Metagraph)
	if err := r.call(ctx, m, methodMetagraph, net); err != nil {
		return nil, err
	}
	return m, nil
}

// Hyperparameters implements chain.Chain.
func (r *Remote) Hyperparameters(ctx context.Context, net chain.NetUID) (h chain.Hyperparameters, err error) {
	err = r.call(ctx, &h, methodHyper, net)
	return h, err
}

// Registrations implements chain.Chain.
func (r *Remote) Registrations(ctx context.Context, net chain.NetUID, block uint64) (list []chain.Registration, err error) {
	err = r.call(ctx, &list, methodRegistration, net, block)
	return list, err
}

// Weights implements chain.Chain.
func (r *Remote) Weights(ctx context.Context, net chain.NetUID) (rows map[chain.UID][]chain.Weight, err error) {
	err = r.call(ctx, &rows, methodWeights, net)
	return rows, err
}

// Events implements chain.Chain.
func (r *Remote) Events(ctx context.Context, block uint64) (list []chain.Event, err error) {
	err = r.call(ctx, &list, methodEvents, block)
	return list, err
}

// Balance implements chain.Chain.
func (r *Remote) Balance(ctx context.Context, coldkey wallet.Address) (amount chain.Rao, err error) {
	err = r.call(ctx, &amount, methodBalance, coldkey)
	return amount, err
}
