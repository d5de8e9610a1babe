package substrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// pool takes one recorded transaction after the other, made anew: only its
// signature may differ.
type pool struct {
	*node
	t    *testing.T
	next *recordedExtrinsic
	// statuses are sent before the block; finally instead of it, if not "".
	statuses []string
	finally  string
	taken    atomic.Int32
	maxBurn  chain.Rao
}

func newPool(t *testing.T, r *recording) *pool {
	p := &pool{node: newNode(t, r), t: t, statuses: []string{`{"ready":null}`, `{"broadcast":["12D3KooW"]}`}}
	if r.dir == "spec300" {
		p.statuses = []string{`"future"`, `"ready"`, `{"broadcast":["12D3KooW"]}`, `{"retracted":"0x00"}`}
	}
	p.before = p.take
	return p
}

func (p *pool) take(on *peer, q query) bool {
	switch q.Method {
	case "system_accountNextIndex":
		on.send(fmt.Sprintf(`{"jsonrpc":"2.0","result":%d,"id":%s}`, p.next.Nonce, q.ID))
		return true
	case "author_unwatchExtrinsic":
		on.send(fmt.Sprintf(`{"jsonrpc":"2.0","result":true,"id":%s}`, q.ID))
		return true
	case "author_submitAndWatchExtrinsic":
	default:
		return false
	}
	var raw hexBytes
	q.param(0, &raw)
	p.check(raw)
	p.taken.Add(1)
	if refused := p.next.Result.Pool.Error; refused != nil {
		text, _ := json.Marshal(refused)
		on.send(fmt.Sprintf(`{"jsonrpc":"2.0","error":%s,"id":%s}`, text, q.ID))
		return true
	}
	p.mu.Lock()
	if b := p.blocks[p.next.Result.Hash]; b != nil {
		b.extrinsics = slices.Clone(b.extrinsics)
		b.extrinsics[p.next.Result.Index] = raw
	}
	p.mu.Unlock()
	for _, s := range p.statuses { // before the answer: that is allowed
		on.notify("author_extrinsicUpdate", "tx", json.RawMessage(s))
	}
	on.send(fmt.Sprintf(`{"jsonrpc":"2.0","result":"tx","id":%s}`, q.ID))
	last := p.finally
	if last == "" {
		last = fmt.Sprintf(`{"inBlock":%q}`, p.next.Result.Hash)
	}
	on.notify("author_extrinsicUpdate", "tx", json.RawMessage(last))
	return true
}

// check verifies the transaction as the runtime would, and that it makes the
// recorded call.
func (p *pool) check(raw []byte) {
	p.t.Helper()
	m, rec := p.rec.types, p.rec
	x, err := m.DecodeExtrinsic(raw)
	if err != nil {
		p.t.Error(err)
		return
	}
	params, err := x.Params()
	if err != nil {
		p.t.Error(err)
	}
	params.SpecVersion, params.TransactionVersion, params.Genesis, params.Checkpoint = rec.version.Spec, rec.version.Transaction, rec.genesis, rec.storage.Hash
	message, err := m.SigningPayload(x.CallBytes, params)
	if err != nil {
		p.t.Error(err)
	}
	public, err := x.Account()
	if err != nil {
		p.t.Error(err)
	}
	sig, err := x.Sr25519()
	if err != nil {
		p.t.Error(err)
	}
	if err := wallet.Verify(wallet.AddressOf(public), message, sig[:]); err != nil {
		p.t.Errorf("%s: %v", p.next.Label, err)
	}
	if params.Era.Period != 16 || params.Nonce != p.next.Nonce || !bytes.Equal(x.CallBytes, p.next.Call.Hex) {
		p.t.Errorf("%s: sent with era %+v, nonce %d, call %x, want %x", p.next.Label, params.Era, params.Nonce, x.CallBytes, []byte(p.next.Call.Hex))
	}
}

// offer makes the next recorded transaction through a client, unless its call
// is none that this package makes. Weights are scaled.
func (p *pool) offer(c *Client, x *recordedExtrinsic) (made bool, err error) {
	p.t.Helper()
	call, err := p.rec.types.DecodeCall(x.Call.Hex)
	if err != nil {
		p.t.Fatal(err)
	}
	p.next = x
	key, ctx := devKey(p.t, x.Signer), p.t.Context()
	arg := func(name string) *scale.Reader {
		v, err := call.Args.Get(name)
		if err != nil && name == "netuid" {
			v = scale.Uint(p.rec.net) // add_stake of 2024
		} else if err != nil {
			p.t.Fatal(err)
		}
		return scale.NewReader(v)
	}
	net := func() chain.NetUID { return chain.NetUID(arg("netuid").Uint64()) }
	hotkey := func() wallet.Address { return wallet.AddressOf([32]byte(arg("hotkey").Bytes())) }
	if !strings.Contains(x.Label, "not registered") {
		p.register(key)
	}
	switch call.Name {
	case "burned_register":
		return true, c.Register(ctx, key, net(), hotkey(), p.maxBurn)
	case "add_stake":
		return true, c.AddStake(ctx, key, net(), hotkey(), chain.Rao(arg("amount_staked").Uint64()))
	case "serve_axon":
		axon, err := axonOf(scale.Record(map[string]scale.Value{"block": scale.Uint(uint8(0)), "version": arg("version").Value(), "ip": arg("ip").Value(),
			"port": arg("port").Value(), "ip_type": arg("ip_type").Value(), "protocol": arg("protocol").Value()}))
		if err != nil {
			p.t.Fatal(err)
		}
		return true, c.ServeAxon(ctx, key, net(), axon)
	case "set_weights":
		var weights []chain.Weight
		values := arg("weights").Uints()
		for i, uid := range arg("dests").Uints() {
			weights = append(weights, chain.Weight{UID: chain.UID(uid), Value: uint16(values[i])})
		}
		uids, scaled, err := rows(emitted(weights))
		if err != nil {
			p.t.Fatal(err)
		}
		anew := *x
		if anew.Call.Hex, err = p.rec.types.Call(pallet, "set_weights", arguments{"netuid": arg("netuid").Value(), "dests": uids,
			"weights": scaled, "version_key": arg("version_key").Value()}); err != nil {
			p.t.Fatal(err)
		}
		p.next = &anew
		return true, c.SetWeights(ctx, key, net(), weights, arg("version_key").Uint64())
	}
	return false, nil
}

// register gives the key a slot in the newest state.
func (p *pool) register(key *wallet.Keypair) {
	entry, err := p.rec.types.Storage(pallet, "Uids")
	if err != nil {
		p.t.Fatal(err)
	}
	public := key.PublicKey()
	k, err := entry.Key(scale.Uint(p.rec.net), scale.Bytes(public[:]))
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocks[p.head].storage[fmt.Sprintf("%x", k)] = &hexBytes{1, 0}
}

// refusals are what recorded failures mean, by a part of their labels.
func refusals() map[string]error {
	return map[string]error{
		"already there": chain.ErrAlreadyRegistered, "version key 1": chain.ErrVersionKey, "without validator permit": chain.ErrNoPermit,
		"serve_axon of 127.0.0.1": chain.ErrAxon, "not registered": chain.ErrNotRegistered, "70 uids": chain.ErrWeights,
		"while commit-reveal is on": chain.ErrCommitReveal, "one bit of the signature": chain.ErrTransaction, "old nonce": chain.ErrNonce,
	}
}

func TestRecordedTransactionsMadeAnew(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		p := newPool(t, r)
		c := connect(t, Config{}, p.node)
		calls, failures := map[string]int{}, 0
		for i := range r.extrinsics {
			x := &r.extrinsics[i]
			if x.Call.Section != "subtensorModule" {
				continue
			}
			made, err := p.offer(c, x)
			if !made {
				continue
			}
			calls[x.Call.Method]++
			var want error
			for part, sentinel := range refusals() {
				if strings.Contains(x.Label, part) {
					want = sentinel
				}
			}
			if want != nil {
				failures++
			}
			if !errors.Is(err, want) || strings.Contains(x.Label, "FAIL") && want == nil {
				t.Errorf("%s: %v, want %v", x.Label, err, want)
			}
		}
		if calls["burnedRegister"] < 8 || calls["addStake"] < 2 || calls["serveAxon"] < 5 || calls["setWeights"] < 3 || failures < 5 {
			t.Errorf("made %v, %d failed", calls, failures)
		}
	})
}

// The recorded signatures, over payloads made from the recorded parameters.
func TestRecordedSignatures(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		for _, x := range r.extrinsics {
			if strings.Contains(x.Label, "one bit of the signature") {
				continue
			}
			key := devKey(t, x.Signer)
			era, _, err := scale.DecodeEra(x.EraHex)
			if err != nil {
				t.Fatal(err)
			}
			p := scale.TxParams{Era: era, Nonce: x.Nonce, Tip: x.Tip, SpecVersion: r.version.Spec, TransactionVersion: r.version.Transaction,
				Genesis: r.genesis, Checkpoint: x.EraHash}
			message, err := r.types.SigningPayload(x.Call.Hex, p)
			if err != nil || !bytes.Equal(message, x.Message) {
				t.Fatalf("%s: signs %x, %v, want %x", x.Label, message, err, []byte(x.Message))
			}
			if err := wallet.Verify(key.Address(), message, x.Signature); err != nil {
				t.Errorf("%s: %v", x.Label, err)
			}
			raw, err := r.types.SignedExtrinsic(x.Call.Hex, key.PublicKey(), [64]byte(x.Signature), p)
			if err != nil || !bytes.Equal(raw, x.Extrinsic) {
				t.Errorf("%s: %x, %v", x.Label, raw, err)
			}
			ours, err := signed(r.types, key, x.Call.Hex, p)
			if err != nil || len(ours) != len(raw) || blake2b.Sum256(ours) == blake2b.Sum256(raw) {
				t.Errorf("%s: signed anew %x, %v", x.Label, ours, err)
			}
		}
	})
}

func TestHowATransactionEnds(t *testing.T) {
	r := loadRecording(t, "spec185")
	var x *recordedExtrinsic
	for i := range r.extrinsics {
		if r.extrinsics[i].Call.Method == "burnedRegister" && r.extrinsics[i].Result.Success {
			x = &r.extrinsics[i]
		}
	}
	for finally, want := range map[string]error{
		"":                    nil,
		`"usurped"`:           chain.ErrNonce,
		`{"usurped":"0x01"}`:  chain.ErrNonce,
		`"invalid"`:           chain.ErrTransaction,
		`{"invalid":null}`:    chain.ErrTransaction,
		`"dropped"`:           chain.ErrInFlight,
		`{"dropped":null}`:    chain.ErrInFlight,
		`{"inBlock":null}`:    chain.ErrInFlight,
		`{"inBlock":"0x12"}`:  chain.ErrInFlight,
		`{"a":null,"b":null}`: chain.ErrInFlight,
		`7`:                   chain.ErrInFlight,
		`{"inBlock":"0x0000000000000000000000000000000000000000000000000000000000000001"}`: chain.ErrInFlight,
		fmt.Sprintf(`{"inBlock":%q}`, r.storage.Hash):                                      chain.ErrInFlight, // it is not in there
	} {
		p := newPool(t, r)
		p.finally = finally
		if _, err := p.offer(connect(t, Config{}, p.node), x); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", finally, err, want)
		}
	}
}

// Who follows finalised blocks waits for the transaction's to be one.
func TestFinalizedTransaction(t *testing.T) {
	r := loadRecording(t, "spec300")
	for i := range r.extrinsics {
		x := &r.extrinsics[i]
		if x.Call.Method != "burnedRegister" || !x.Result.Success {
			continue
		}
		p := newPool(t, r)
		p.statuses = []string{`"ready"`, `{"inBlock":"` + (chain.Hash{9}).String() + `"}`, `{"retracted":"` + (chain.Hash{9}).String() + `"}`}
		p.finally = fmt.Sprintf(`{"finalized":%q}`, x.Result.Hash)
		_, err := p.offer(connect(t, Config{Finalized: true}, p.node), x)
		if err != nil || p.count("chain_subscribeFinalizedHeads") != 1 || p.count("chain_subscribeNewHeads") != 0 {
			t.Error(err)
		}
		p.finally = `{"finalityTimeout":"` + (chain.Hash{9}).String() + `"}`
		if _, err := p.offer(connect(t, Config{Finalized: true}, p.node), x); !errors.Is(err, chain.ErrInFlight) {
			t.Error(err)
		}
		return
	}
	t.Error("no registration was recorded")
}

func TestMaxBurn(t *testing.T) {
	r := loadRecording(t, "spec300")
	var burn chain.Rao
	r.decoded(t, "Burn", &burn, r.net)
	for _, x := range r.extrinsics {
		if x.Call.Method != "burnedRegister" || !x.Result.Success {
			continue
		}
		for limit, want := range map[chain.Rao]error{0: nil, burn: nil, burn - 1: chain.ErrBurn, 1: chain.ErrBurn} {
			p := newPool(t, r)
			p.maxBurn = limit
			if _, err := p.offer(connect(t, Config{}, p.node), &x); !errors.Is(err, want) || (p.taken.Load() > 0) != (want == nil) {
				t.Errorf("limit %s at price %s: %v, sent %d", limit, burn, err, p.taken.Load())
			}
		}
		return
	}
	t.Error("no registration was recorded")
}
