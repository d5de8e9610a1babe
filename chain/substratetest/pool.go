package substratetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// maxPool is how many transactions may wait.
const maxPool = 4096

// pooled is a transaction that was taken.
type pooled struct {
	raw     hexBytes
	hash    chain.Hash
	x       scale.Extrinsic
	account [32]byte
	params  scale.TxParams
	watch   []*subscription
	ready   bool // it has been told so
	entry   int  // its place in Node.submitted
}

// Submitted is a transaction that a client has sent and the pool has taken.
type Submitted struct {
	Raw    []byte // with its length in front
	Hash   chain.Hash
	Signer wallet.Address
	Nonce  uint64
	// Pallet, Name and Args are the call, CallBytes its encoding.
	Pallet, Name string
	Args         scale.Fields
	CallBytes    []byte
	// Block is where it is, 0 as long as it waits; Index its place there.
	Block uint64
	Index int
	// Failure is the name of its error, such as NotRegistered; "" for none.
	Failure string
}

// cause is why the pool does not take a transaction, in both styles.
type cause struct {
	name, words string
	custom      int // a code of subtensor's, if name is custom
}

func (c *cause) Error() string { return c.words }

func causes() map[string]string {
	return map[string]string{
		"stale": "Transaction is outdated", "badProof": "Transaction has a bad signature",
		"payment": "Inability to pay some fees (e.g. account balance too low)", "call": "Transaction call is not expected",
		"exhaustsResources": "Transaction would exhaust the block limits", "ancientBirthBlock": "Transaction has an ancient birth block",
	}
}

func because(name string) error { return &cause{name: name, words: causes()[name]} }

func custom(code int) error { return &cause{"custom", fmt.Sprintf("Custom error: %d", code), code} }

// refusal is what the pool answers, in the node's style or Chopsticks'.
func (s Style) refusal(err error) *rpcError {
	var c *cause
	var refused *rpcError
	switch {
	case errors.As(err, &refused):
		return refused
	case !errors.As(err, &c):
		return &rpcError{Code: 1001, Message: "Extrinsic has invalid format", Data: err.Error()}
	case s == Native:
		return &rpcError{Code: 1010, Message: "Invalid Transaction", Data: c.words}
	}
	var detail any
	if c.name == "custom" {
		detail = c.custom
	}
	text, err := json.Marshal(map[string]any{"invalid": map[string]any{c.name: detail}})
	if err != nil {
		return &rpcError{Code: -32603, Message: err.Error()}
	}
	return &rpcError{Code: 1010, Message: string(text)}
}

// submit takes a transaction into the pool.
func (n *Node) submit(raw hexBytes) (*pooled, error) {
	head := n.blocks[n.head]
	x, err := head.next.types.DecodeExtrinsic(raw)
	if err != nil {
		return nil, err
	}
	p := &pooled{raw: raw, hash: blake2b.Sum256(raw), x: x}
	if !x.Signed {
		return nil, errors.New("not signed")
	}
	if p.account, err = x.Account(); err != nil {
		return nil, err
	}
	for _, other := range n.pool {
		if other.hash == p.hash {
			return nil, &rpcError{Code: 1013, Message: "Transaction is already imported", Data: p.hash.String()}
		}
	}
	if err := n.valid(head, p, true); err != nil {
		return nil, err
	}
	for _, other := range n.pool {
		if other.account == p.account && other.params.Nonce == p.params.Nonce {
			return nil, &rpcError{Code: 1014, Message: "Priority is too low: (1 vs 1)", Data: "The transaction has too low priority to replace another transaction already in the pool."}
		}
	}
	if len(n.pool) >= maxPool {
		return nil, &rpcError{Code: 1016, Message: "Immediately Dropped", Data: "The transaction couldn't enter the pool because of the limit"}
	}
	p.entry = len(n.submitted)
	n.submitted = append(n.submitted, Submitted{
		Raw: raw, Hash: p.hash, Signer: wallet.AddressOf(p.account), Nonce: p.params.Nonce,
		Pallet: x.Call.Pallet, Name: x.Call.Name, Args: x.Call.Args, CallBytes: x.CallBytes,
	})
	n.pool = append(n.pool, p)
	return p, nil
}

// valid makes the checks of the signed extensions as of the block after at. A
// number too high is no fault: the transaction waits.
func (n *Node) valid(at *block, p *pooled, verify bool) error {
	params, err := p.x.Params()
	if err != nil {
		return err
	}
	p.params = params
	if verify {
		if err := n.verify(at, p); err != nil {
			return err
		}
	}
	x := &execution{state: at.state.as(at.next), number: at.number + 1}
	nonce, free := x.nonce(p.account), x.balance(p.account)
	if params.Nonce < nonce {
		return because("stale")
	}
	if free < params.Tip {
		return because("payment")
	}
	if n.cfg.LateChecks {
		return nil
	}
	err = x.admit(p)
	if x.err != nil {
		n.t.Errorf("substratetest: %v", x.err)
	}
	return err
}

// verify checks the signature over what both sides must know alike: versions,
// genesis and the block the era begins with.
func (n *Node) verify(at *block, p *pooled) error {
	rt := at.next
	full := p.params
	full.SpecVersion, full.TransactionVersion, full.Genesis, full.Checkpoint = rt.spec, rt.tx, n.genesis, n.genesis
	if !full.Era.Immortal() {
		birth, known := n.at(full.Era.Birth(at.number))
		if !known {
			return because("ancientBirthBlock")
		}
		full.Checkpoint = birth
	}
	message, err := rt.types.SigningPayload(p.x.CallBytes, full)
	if err != nil {
		return err
	}
	sig, err := p.x.Sr25519()
	if err != nil {
		return err
	}
	if wallet.Verify(wallet.AddressOf(p.account), message, sig[:]) != nil {
		return because("badProof")
	}
	return nil
}

// admit makes those checks that subtensor's own extension makes before a call
// is in a block. Which they are, and how they are called, is another thing in
// every runtime: 185 and 300 as recorded and as the specification has it, 218
// by the source of that time, which counts the weight calls from 1 to 4 and
// registrations as 5.
func (x *execution) admit(p *pooled) error {
	call := p.x.Call
	if call.Pallet != pallet {
		return nil
	}
	args := make(map[string]scale.Value, len(call.Args.Values))
	for i, name := range call.Args.Names {
		args[name] = call.Args.Values[i]
	}
	o := &origin{execution: x, who: p.account, Reader: scale.NewReader(scale.Record(args))}
	err := o.admitted(call.Name)
	x.fail(o.Err())
	return err
}

func (o *origin) admitted(call string) error {
	switch call {
	case "commit_weights", "reveal_weights", "set_weights":
		if net := o.Value("netuid"); o.minStake() > 0 && o.stakeOf(o.who, net) < o.minStake() {
			return o.poor(call)
		}
		if call == "reveal_weights" && o.rt.spec >= typed {
			_, hash := o.revealing()
			return o.inPool(o.findable(hash))
		}
	case "burned_register":
		net := o.Value("netuid")
		if limit := o.num("TargetRegistrationsPerInterval", net); o.num("RegistrationsThisInterval", net) >= 3*limit {
			switch {
			case o.rt.spec >= typed:
				return custom(6)
			case o.rt.salted():
				return custom(5)
			}
			return because("exhaustsResources")
		}
	case "serve_axon":
		if o.rt.spec >= typed {
			return o.inPool(o.servable())
		}
	}
	return nil
}

// findable is findCommitment where there may be nothing to find.
func (o *origin) findable(hash scale.Value) error {
	_, err := o.findCommitment(hash)
	return err
}

// poor refuses weights of somebody with too little stake.
func (o *origin) poor(call string) error {
	switch {
	case o.rt.spec >= typed:
		return custom(1)
	case o.rt.salted():
		return custom(map[string]int{"commit_weights": 1, "reveal_weights": 2, "set_weights": 3}[call])
	}
	return because("call")
}

// inPool is the pool's code for an error of a call.
func (o *origin) inPool(err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	codes := map[string]int{
		"HotKeyNotRegisteredInNetwork": 10, "InvalidIpAddress": 11, "ServingRateLimitExceeded": 12, "InvalidPort": 13,
		"NoWeightsCommitFound": 16, "InvalidRevealCommitHashNotMatch": 16, "RevealTooEarly": 17, "ExpiredWeightCommit": 17,
	}
	if code, known := codes[r.names[0]]; known {
		return custom(code)
	}
	return custom(255)
}

// nextIndex is the number an account's next transaction shall have, those that
// wait counted.
func (n *Node) nextIndex(key [32]byte) uint64 {
	next := n.blocks[n.head].state.nonce(key)
	for again := true; again; {
		again = slices.ContainsFunc(n.pool, func(p *pooled) bool { return p.account == key && p.params.Nonce == next })
		if again {
			next++
		}
	}
	return next
}

// Submitted are all transactions that the pool has taken, oldest first.
func (n *Node) Submitted() []Submitted {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.submitted)
}
