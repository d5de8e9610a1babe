package synapse

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// question is what the SDK's dendrite is told to ask; see asker.py.
type question struct {
	Key     string          `json:"key"`
	Host    string          `json:"host"`
	Port    uint16          `json:"port"`
	Hotkey  wallet.Address  `json:"hotkey"`
	Name    string          `json:"name"`
	Fields  json.RawMessage `json:"fields"`
	Timeout float64         `json:"timeout"`
	How     string          `json:"how"`
	Alter   string          `json:"alter,omitempty"`
	Times   int             `json:"times"` // 0: once
}

// seen is what the caller in Python has in hand afterwards.
type seen struct {
	Status      *int
	Statuses    []int
	Message     *string
	AxonStatus  *int           `json:"axon_status"`
	AxonHotkey  wallet.Address `json:"axon_hotkey"`
	IsSuccess   bool           `json:"is_success"`
	ProcessTime *float64       `json:"process_time"`
	Fields      json.RawMessage
}

// asking is a dendrite of the SDK with a server of ours to ask.
type asking struct {
	*python
	server *Server
	axon   wallet.Address
}

func (a *asking) raw(q question) seen {
	a.t.Helper()
	q.Host, q.Port = "127.0.0.1", a.server.Addr().Port()
	if q.Key == "" {
		q.Key = "//Alice"
	}
	if q.Hotkey == "" {
		q.Hotkey = a.axon
	}
	if q.Timeout == 0 {
		q.Timeout = 12
	}
	if q.Fields == nil {
		q.Fields = json.RawMessage("{}")
	}
	q.Times = max(q.Times, 1)
	check(a.t, a.in.Encode(q))
	var s seen
	a.read(&s)
	return s
}

// ask has Python ask msg and fills it with what Python sees.
func (a *asking) ask(msg wire.Message) {
	a.t.Helper()
	s := a.raw(question{Name: msg.Name(), Fields: a.request(msg)})
	if s.Status == nil || *s.Status != 200 || *s.Message != "Success" || !s.IsSuccess || s.ProcessTime == nil || s.AxonHotkey != a.axon {
		a.t.Fatalf("%s: Python sees %+v", msg.Name(), s)
	}
	if _, err := decodeBody(bytes.NewReader(s.Fields), int64(len(s.Fields)), msg.Fields(), asAnswer); err != nil {
		a.t.Fatalf("%s: Python sees fields %s: %v", msg.Name(), s.Fields, err)
	}
}

// request is the message's own fields that are asked with.
func (a *asking) request(msg wire.Message) json.RawMessage {
	a.t.Helper()
	b, err := encodeBody(msg, 12, terminal{}, terminal{}, false)
	check(a.t, err)
	all, err := io.ReadAll(b.reader())
	check(a.t, err)
	var own map[string]json.RawMessage
	check(a.t, json.Unmarshal(all, &own))
	fields := map[string]json.RawMessage{}
	for _, f := range msg.Fields() {
		if v, ok := own[f.Name]; ok && !f.Answer {
			fields[f.Name] = v
		}
	}
	text, err := json.Marshal(fields)
	check(a.t, err)
	return text
}

// keeper answers as a miner and a gateway do, from memory.
type keeper struct {
	mu         sync.Mutex
	data, seed map[string]string // by hash

}

// store is the miner's answer.
func (k *keeper) store(_ context.Context, _ wire.Caller, msg wire.Message) error {
	m := msg.(*wire.Store)
	e := proof.NewState()
	e.Write(m.EncryptedData)
	ans, err := proof.AnswerStore(rand.Reader, proof.StoreRequest{Curve: m.Curve, G: m.G, H: m.H, Seed: m.Seed}, e)
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	hash := e.Hash().String()
	k.data[hash], k.seed[hash] = string(m.EncryptedData), m.Seed
	m.Randomness, m.Commitment, m.CommitmentHash = ans.Randomness, ans.Commitment, ans.CommitmentHash
	return nil
}

func (k *keeper) challenge(_ context.Context, _ wire.Caller, msg wire.Message) error {
	m := msg.(*wire.Challenge)
	data := k.data[m.ChallengeHash]
	ans, err := proof.AnswerChallenge(rand.Reader, proof.ChallengeRequest{
		DataHash: m.ChallengeHash, Index: m.ChallengeIndex, PieceSize: m.ChunkSize, Curve: m.Curve, G: m.G, H: m.H, Seed: m.Seed,
	}, strings.NewReader(data), int64(len(data)), k.seed[m.ChallengeHash])
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	k.seed[m.ChallengeHash] = m.Seed
	m.CommitmentHash, m.CommitmentProof, m.Commitment = ans.CommitmentHash, ans.CommitmentProof, ans.Commitment
	m.DataChunk, m.Randomness, m.MerkleProof, m.MerkleRoot = ans.Piece, ans.Randomness, ans.MerkleProof, ans.MerkleRoot
	return nil
}

func (k *keeper) retrieve(ctx context.Context, _ wire.Caller, msg wire.Message) error {
	m := msg.(*wire.Retrieve)
	switch m.DataHash {
	case "fail":
		return errors.New("a secret of the house")
	case "full":
		return wire.Full("no room:\r\n café ✓")
	case "slow":
		<-ctx.Done()
		return ctx.Err()
	}
	data, ok := k.data[m.DataHash]
	if !ok {
		return wire.NotFound("Nothing is kept under %s.", m.DataHash)
	}
	e := proof.NewState()
	_, _ = io.WriteString(e, data)
	ans, err := proof.AnswerRetrieve(proof.RetrieveRequest{DataHash: m.DataHash, Seed: m.Seed}, e, k.seed[m.DataHash])
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	k.seed[m.DataHash] = m.Seed
	m.Data, m.CommitmentHash, m.CommitmentProof = []byte(data), ans.CommitmentHash, ans.CommitmentProof
	return nil
}

// user is the gateway's answer to all three of its messages.
func (k *keeper) user(_ context.Context, _ wire.Caller, msg wire.Message) error {
	k.mu.Lock() // the others are asked one by one
	defer k.mu.Unlock()
	switch m := msg.(type) {
	case *wire.StoreUser:
		m.DataHash = cid.Sum(m.EncryptedData)
		k.data[m.DataHash], k.seed[m.DataHash] = string(m.EncryptedData), m.EncryptionPayload
	case *wire.RetrieveUser:
		m.EncryptedData, m.EncryptionPayload = []byte(k.data[m.DataHash]), k.seed[m.DataHash]
	case *wire.DeleteUser:
		_, m.Deleted = k.data[m.DataHash]
		delete(k.data, m.DataHash)
	}
	return nil
}

// newAsking starts a dendrite of the SDK and a server for it.
func newAsking(t *testing.T, env ...string) *asking {
	t.Helper()
	p := startPython(t, "asker.py", env...)
	if p == nil {
		return nil
	}
	k := &keeper{data: map[string]string{}, seed: map[string]string{}}
	key, dave := wiretest.Key(t, "//Bob"), wiretest.Key(t, "//Dave").Address()
	door := wire.NewDoor(wire.DoorConfig{Blacklist: []wallet.Address{dave}, RequestsPerWindow: -1}, wire.DoorDeps{
		Standing: func(a wallet.Address) (wire.Standing, error) {
			return wire.Standing{Registered: a != wiretest.Key(t, "//Eve").Address()}, nil
		},
	})
	server := startServer(t, ServerConfig{Key: key}, ServerDeps{Door: door}, func(s *Server) {
		s.Handle(func() wire.Message { return &wire.Store{} }, k.store, BodySize(8<<20))
		s.Handle(func() wire.Message { return &wire.Challenge{} }, k.challenge, BodySize(0))
		s.Handle(newRetrieve, k.retrieve, BodySize(0))
		s.Handle(func() wire.Message { return &wire.StoreUser{} }, k.user, BodySize(8<<20))
		s.Handle(func() wire.Message { return &wire.RetrieveUser{} }, k.user, BodySize(0))
		s.Handle(func() wire.Message { return &wire.DeleteUser{} }, k.user, BodySize(0))
	})
	return &asking{python: p, server: server, axon: key.Address()}
}

// A dendrite of the SDK asks a server of ours.
func TestInteropPythonAsks(t *testing.T) {
	if a := newAsking(t); a != nil {
		a.miner()
		a.gateway()
		a.together()
		a.refusals()
		a.refusedRequests()
	}
}

// So does one whose classes name their hashed fields as before SDK 7.2.
func TestInteropPythonAsksOldStyle(t *testing.T) {
	if a := newAsking(t, "FILETAO_HASH_LIST=field"); a != nil {
		a.miner()
		a.gateway()
	}
}

// miner sends data of several sizes round, and holds the proofs that Python
// sees against the data.
func (a *asking) miner() {
	t := a.t
	if s := a.raw(question{Name: "Synapse"}); s.Status == nil || *s.Status != 200 {
		t.Errorf("ping: Python sees %+v", s)
	}
	for _, size := range []int{1, 1000, 3 << 20} {
		data := make([]byte, size)
		_, _ = rand.Read(data)
		e := proof.NewState()
		e.Write(data)
		hash := e.Hash().String()
		req, err := proof.NewStoreRequest(rand.Reader)
		check(t, err)
		ttl := int64(3600)
		st := &wire.Store{EncryptedData: data, Curve: req.Curve, G: req.G, H: req.H, Seed: req.Seed, TTL: &ttl}
		a.ask(st)
		check(t, proof.CheckStore(req, e, proof.StoreAnswer{Randomness: st.Randomness, Commitment: st.Commitment, CommitmentHash: st.CommitmentHash}))
		ch, err := proof.NewChallenge(rand.Reader, hash, int64(size))
		check(t, err)
		cm := &wire.Challenge{ChallengeHash: hash, ChallengeIndex: ch.Index, ChunkSize: ch.PieceSize, G: ch.G, H: ch.H, Curve: ch.Curve, Seed: ch.Seed}
		a.ask(cm)
		check(t, proof.CheckChallenge(ch, int64(size), proof.ChallengeAnswer{
			CommitmentHash: cm.CommitmentHash, CommitmentProof: cm.CommitmentProof, Commitment: cm.Commitment,
			Piece: cm.DataChunk, Randomness: cm.Randomness, MerkleProof: cm.MerkleProof, MerkleRoot: cm.MerkleRoot,
		}))
		re := &wire.Retrieve{DataHash: hash, Seed: req.Seed}
		a.ask(re)
		check(t, proof.CheckRetrieve(proof.RetrieveRequest{DataHash: hash, Seed: req.Seed}, e,
			proof.RetrieveAnswer{CommitmentHash: re.CommitmentHash, CommitmentProof: re.CommitmentProof}))
		if !bytes.Equal(re.Data, data) {
			t.Errorf("%d bytes came back as %d others", size, len(re.Data))
		}
	}
}

// together has one dendrite make many calls at a time, each over a connection
// of its own: they arrive in any order.
func (a *asking) together() {
	for _, q := range []question{
		{Name: "RetrieveUser", Fields: a.request(&wire.RetrieveUser{DataHash: "x"})},
		{Name: "StoreUser", Fields: a.request(&wire.StoreUser{EncryptedData: make([]byte, 300_000)})},
	} {
		q.Times = 30
		s := a.raw(q)
		slices.Sort(s.Statuses)
		if want := slices.Repeat([]int{200}, q.Times); !slices.Equal(s.Statuses, want) {
			a.t.Errorf("%s, at the same time: Python sees %v", q.Name, s.Statuses)
		}
	}
}

func (a *asking) gateway() {
	data, payload := bytes.Repeat([]byte("filetao"), 300_000), `{"aes_key": "ab", "hé": "✓"}`
	st := &wire.StoreUser{EncryptedData: data, EncryptionPayload: payload}
	a.ask(st)
	if st.DataHash != cid.Sum(data) {
		a.t.Errorf("Python sees the CID %q", st.DataHash)
	}
	re := &wire.RetrieveUser{DataHash: st.DataHash}
	a.ask(re)
	if !bytes.Equal(re.EncryptedData, data) || re.EncryptionPayload != payload {
		a.t.Errorf("Python got %d bytes and %q back", len(re.EncryptedData), re.EncryptionPayload)
	}
	for _, want := range []bool{true, false} {
		de := &wire.DeleteUser{DataHash: st.DataHash}
		if a.ask(de); de.Deleted != want {
			a.t.Errorf("deleted is %t, want %t", de.Deleted, want)
		}
	}
}

// expect asks and compares the status that Python sees, and its text where one
// is given.
func (a *asking) expect(what string, status int, text string, q question) {
	a.t.Helper()
	s := a.raw(q)
	if s.Status == nil || *s.Status != status || s.IsSuccess != (status == 200) || s.Message == nil || !strings.Contains(*s.Message, text) {
		got, _ := json.Marshal(s) //nolint:errcheck // for the message
		a.t.Errorf("%s: want %d %q, Python sees %s", what, status, text, got)
		return
	}
	a.t.Logf("%s: Python sees %d %s", what, *s.Status, *s.Message)
}

// refusals are what handlers and the door refuse.
func (a *asking) refusals() {
	get := func(hash string) question {
		return question{Name: "Retrieve", Fields: a.request(&wire.Retrieve{DataHash: hash, Seed: "ab"})}
	}
	as := func(key string, q question) question { q.Key = key; return q }
	short := get("slow")
	short.Timeout = 0.5
	a.expect("not kept", 404, "Nothing is kept under 12.", get("12"))
	a.expect("a failed handler", 500, "Internal Server Error", get("fail"))
	a.expect("no room", 507, "no room:", get("full"))
	a.expect("a slow handler", 408, "", short)
	a.expect("an unknown message", 404, "Synapse name 'Unheard' not found.", question{Name: "Unheard"})
	a.expect("a blacklisted caller", 403, "", as("//Dave", get("12")))
	a.expect("an unregistered caller", 403, "", as("//Eve", get("12")))
	a.expect("an unregistered caller's ping", 200, "Success", question{Name: "Synapse", Key: "//Eve"})
	big := a.request(&wire.Store{EncryptedData: make([]byte, 9<<20)})
	a.expect("a body over the limit", 413, "over the limit", question{Name: "Store", Fields: big})
	a.expect("a good call after all that", 404, "Nothing", get("12"))
}

// refusedRequests are those whose sender or signature is not what it should be.
func (a *asking) refusedRequests() {
	get := question{Name: "Retrieve", Fields: a.request(&wire.Retrieve{DataHash: "12", Seed: "ab"})}
	with := func(how string) question { q := get; q.How, q.Alter = how, "data_hash"; return q }
	a.expect("a signature over something else", 401, "Signature mismatch", with("forged"))
	a.expect("another key's signature", 401, "Signature mismatch", with("stranger"))
	a.expect("a body that was not signed", 401, "Signature mismatch", with("altered"))
	a.expect("a good call", 404, "Nothing", get)
	a.expect("the same once more", 401, "Nonce is too small", with("again"))
	other := get
	other.Hotkey = wiretest.Key(a.t, "//Charlie").Address()
	a.expect("a request for another axon", 401, "Signature mismatch", other)
	unsigned := with("altered") // the reference's Store signs all but the data
	unsigned.Name, unsigned.Alter = "Store", "encrypted_data"
	unsigned.Fields = a.request(&wire.Store{EncryptedData: []byte("x"), Curve: "P-256", Seed: "ab"})
	a.expect("data that is not base64", 422, "", unsigned)
}
