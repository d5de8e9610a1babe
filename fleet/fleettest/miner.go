package fleettest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Behaviour is how a miner answers.
type Behaviour int

// Behaviours. A Liar's answers are well-formed, signed and wrong; a Failing one
// answers 500, a Busy one 503, a Silent one nothing until the asker gives up, and
// a Reference one knows no such message, and a Conflicting one 409. A Stuck one stops after the first block of
// a body, its own or the asker's.
const (
	Honest Behaviour = iota
	Silent
	Failing
	Liar
	Busy
	Reference
	Stuck
	Conflicting
)

// Miner keeps data in memory.
type Miner struct {
	key *wallet.Keypair

	mu     sync.Mutex // guards all below
	as     map[string]Behaviour
	asked  map[string]int
	stored map[string]*stored
}

type stored struct {
	data   []byte
	seed   string
	ttl    int64
	pledge []byte // encoded; nil without tags
	tags   []byte

	// Of a shard.
	asked, receipt, label []byte
	damaged               bool
}

// newMiner makes a reference miner: it knows no native audits.
func newMiner(key *wallet.Keypair) *Miner {
	m := &Miner{key: key, as: map[string]Behaviour{}, asked: map[string]int{}, stored: map[string]*stored{}}
	m.Behave(Reference, "Tags", "Audit")
	return m
}

// Hotkey is the miner's.
func (m *Miner) Hotkey() wallet.Address { return m.key.Address() }

// Key is the miner's.
func (m *Miner) Key() *wallet.Keypair { return m.key }

// Behave has the miner behave so from now on, at the messages of those names,
// or at all that it knows. Native audits it only knows once it was told to behave
// at "Tags" and "Audit" in another way than Reference.
func (m *Miner) Behave(b Behaviour, names ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(names) == 0 {
		names = []string{"Synapse", "Store", "Challenge", "Retrieve", "Delete", "PutShard", "GetShard", "RenewShard", "ListShards"}
		if m.as["Audit"] != Reference {
			names = append(names, "Tags", "Audit")
		}
	}
	for _, name := range names {
		m.as[name] = b
	}
}

// Asked is how often the miner got a message of that name.
func (m *Miner) Asked(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[name]
}

// Bytes are those that the miner has under a hash, to be read or spoiled; nil
// for none.
func (m *Miner) Bytes(hash string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.stored[hash]; s != nil {
		return s.data
	}
	return nil
}

// Holds lists the hashes of what the miner has, ascending as texts.
func (m *Miner) Holds() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var hashes []string
	for h := range m.stored {
		hashes = append(hashes, h)
	}
	slices.Sort(hashes)
	return hashes
}

// TTL is the ttl in seconds that came with a datum; -1 for none.
func (m *Miner) TTL(hash string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.stored[hash]; s != nil {
		return s.ttl
	}
	return -1
}

func (m *Miner) answer(ctx context.Context, _ wire.Caller, msg wire.Message) error {
	m.mu.Lock()
	name := msg.Name()
	if name == "DropShard" { // another way to say so
		name = "Delete"
	}
	m.asked[name]++
	as, told := m.as[msg.Name()]
	if !told {
		as = m.as[name]
	}
	m.mu.Unlock()
	switch as {
	case Silent:
		<-ctx.Done()
		return ctx.Err()
	case Failing:
		return errors.New("broken")
	case Busy:
		return wire.Unavailable("busy")
	case Reference:
		return wire.NotFound("no message %s", msg.Name())
	case Conflicting:
		return wire.Conflict("something else is here")
	}
	if err := m.serve(msg); err != nil {
		return err
	}
	if as == Liar {
		return m.lie(msg)
	}
	return nil
}

func (m *Miner) serve(msg wire.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch msg := msg.(type) {
	case *wire.Store:
		return m.store(msg)
	case *wire.Challenge:
		return m.challenge(msg)
	case *wire.Retrieve:
		return m.retrieve(msg)
	case *wire.Tags:
		return m.tags(msg)
	case *wire.Audit:
		return m.audit(msg)
	case *wire.RenewShard:
		return m.renewShard(msg)
	case *wire.ListShards:
		return m.listShards(msg)
	case *wire.DropShard:
		s := m.stored[msg.Hash]
		if s != nil {
			if p, err := receipt.ParsePledge(s.pledge); err == nil && !bytes.Equal(p.Salt[:], msg.Salt) {
				return nil
			}
		}
		msg.Dropped = true
		delete(m.stored, msg.Hash)
	case *wire.Delete:
		_, msg.Deleted = m.stored[msg.DataHash]
		delete(m.stored, msg.DataHash)
	}
	return nil
}

func (m *Miner) store(msg *wire.Store) error {
	s := &stored{data: bytes.Clone(msg.EncryptedData), seed: msg.Seed, ttl: -1}
	if msg.TTL != nil {
		s.ttl = *msg.TTL
	}
	state := s.state()
	a, err := proof.AnswerStore(rand.Reader, proof.StoreRequest{Curve: msg.Curve, G: msg.G, H: msg.H, Seed: msg.Seed}, state)
	if err != nil {
		return err
	}
	msg.Randomness, msg.Commitment, msg.CommitmentHash = a.Randomness, a.Commitment, a.CommitmentHash
	hash := state.Hash().String()
	if old := m.stored[hash]; old != nil {
		s.pledge, s.tags = old.pledge, old.tags
	}
	m.stored[hash] = s
	return nil
}

func (m *Miner) challenge(msg *wire.Challenge) error {
	s := m.stored[msg.ChallengeHash]
	if s == nil {
		return wire.NotFound("no such data")
	}
	a, err := proof.AnswerChallenge(rand.Reader, proof.ChallengeRequest{
		DataHash: msg.ChallengeHash, Index: msg.ChallengeIndex, PieceSize: msg.ChunkSize,
		Curve: msg.Curve, G: msg.G, H: msg.H, Seed: msg.Seed,
	}, bytes.NewReader(s.data), int64(len(s.data)), s.seed)
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	msg.CommitmentHash, msg.CommitmentProof, msg.Commitment = a.CommitmentHash, a.CommitmentProof, a.Commitment
	msg.DataChunk, msg.Randomness, msg.MerkleProof, msg.MerkleRoot = a.Piece, a.Randomness, a.MerkleProof, a.MerkleRoot
	s.seed = msg.Seed
	return nil
}

func (m *Miner) retrieve(msg *wire.Retrieve) error {
	s := m.stored[msg.DataHash]
	if s == nil {
		return wire.NotFound("no such data")
	}
	a, err := proof.AnswerRetrieve(proof.RetrieveRequest{DataHash: msg.DataHash, Seed: msg.Seed}, s.state(), s.seed)
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	msg.Data, msg.CommitmentHash, msg.CommitmentProof = bytes.Clone(s.data), a.CommitmentHash, a.CommitmentProof
	s.seed = msg.Seed
	return nil
}

func (s *stored) state() *proof.State {
	state := proof.NewState()
	state.Write(s.data)
	return state
}
