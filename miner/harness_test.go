package miner_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha3"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

var noon = time.Unix(1_700_000_000, 0).UTC()

func keypair(t testing.TB, uri string) *wallet.Keypair {
	t.Helper()
	k, err := wallet.KeypairFromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// node is a miner behind a real axon.
type node struct {
	*miner.Miner
	store *blobstore.Store
	peer  wire.Peer
	stop  func() // ends server and store, as a process that is told to end
}

// start runs a miner over a folder. Everybody may ask.
func start(t *testing.T, dir string, c miner.Config, d miner.Deps, capacity int64) *node {
	t.Helper()
	return startBehind(t, dir, c, d, capacity, wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1})
}

// startBehind is start with doors of one's own.
func startBehind(t *testing.T, dir string, c miner.Config, d miner.Deps, capacity int64, door wire.DoorConfig) *node {
	t.Helper()
	store, err := blobstore.Open(blobstore.Config{Dir: filepath.Join(dir, "data"), Capacity: capacity, MinFree: -1}, blobstore.Deps{Now: d.Now})
	if err != nil {
		t.Fatal(err)
	}
	d.Store, d.Key = store, keypair(t, "//Miner")
	m := miner.New(c, d)
	server, err := synapse.NewServer(
		synapse.ServerConfig{Key: d.Key, NonceFile: filepath.Join(dir, "nonces")},
		synapse.ServerDeps{Door: wire.NewDoor(door, wire.DoorDeps{})},
	)
	if err != nil {
		t.Fatal(err)
	}
	streams, err := stream.NewServer(stream.ServerConfig{Key: d.Key}, stream.ServerDeps{Door: wire.NewDoor(door, wire.DoorDeps{})})
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(wire.StreamPath, streams)
	audits, recovery := wire.NewDoor(door, wire.DoorDeps{}), wire.NewDoor(miner.RecoveryDoor(), wire.DoorDeps{})
	shards := wire.NewDoor(miner.ShardDoor(door), wire.DoorDeps{})
	m.Register(miner.Doors(server, audits, shards))
	m.Register(miner.Doors(streams, audits, shards))
	m.RegisterStreams(miner.StreamDoors(streams, recovery, shards))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- server.Run(ctx) }()
	go func() { ended <- m.Run(ctx) }()
	n := &node{Miner: m, store: store, peer: wire.Peer{Hotkey: d.Key.Address(), Addr: server.Addr()}}
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, <-ended, store.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// asker is somebody who asks over the wire.
type asker struct {
	t      *testing.T
	key    *wallet.Keypair
	client *synapse.Client
	stream *stream.Client
}

func newAsker(t *testing.T, uri string) asker {
	key := keypair(t, uri)
	c := synapse.NewClient(synapse.ClientConfig{Key: key}, synapse.ClientDeps{})
	s := stream.NewClient(stream.ClientConfig{Key: key}, stream.ClientDeps{})
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return asker{t, key, c, s}
}

func (a asker) call(n *node, msg wire.Message) error {
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	defer cancel()
	_, err := a.client.Call(ctx, n.peer, msg)
	return err
}

// storeMsg is a Store with fresh parameters.
func storeMsg(t testing.TB, data []byte) *wire.Store {
	t.Helper()
	req, err := proof.NewStoreRequest(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Store{EncryptedData: data, Curve: req.Curve, G: req.G, H: req.H, Seed: req.Seed}
}

// challengeMsg is a Challenge with fresh parameters about all of the data.
func challengeMsg(t testing.TB, data []byte) *wire.Challenge {
	t.Helper()
	req, err := proof.NewChallenge(rand.Reader, hashOf(data), max(int64(len(data)), 1))
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Challenge{
		ChallengeHash: req.DataHash, ChallengeIndex: req.Index, ChunkSize: req.PieceSize,
		Curve: req.Curve, G: req.G, H: req.H, Seed: req.Seed,
	}
}

// store hands data over and checks the answer; it returns the seed.
func (a asker) store(n *node, data []byte) (seed string) {
	a.t.Helper()
	msg := storeMsg(a.t, data)
	req := proof.StoreRequest{Curve: msg.Curve, G: msg.G, H: msg.H, Seed: msg.Seed}
	if err := a.call(n, msg); err != nil {
		a.t.Fatalf("storing %d bytes: %v", len(data), err)
	}
	ans := proof.StoreAnswer{Randomness: msg.Randomness, Commitment: msg.Commitment, CommitmentHash: msg.CommitmentHash}
	if err := proof.CheckStore(req, stateOf(data), ans); err != nil {
		a.t.Fatal(err)
	}
	return msg.Seed
}

// challenge asks for a proof and checks it, against the seed sent last too.
func (a asker) challenge(n *node, data []byte, last string) (seed string) {
	a.t.Helper()
	msg := challengeMsg(a.t, data)
	req := proof.ChallengeRequest{
		DataHash: msg.ChallengeHash, Index: msg.ChallengeIndex, PieceSize: msg.ChunkSize,
		Curve: msg.Curve, G: msg.G, H: msg.H, Seed: msg.Seed,
	}
	if err := a.call(n, msg); err != nil {
		a.t.Fatalf("challenging %d bytes: %v", len(data), err)
	}
	if err := proof.CheckChallenge(req, int64(len(data)), challengeAnswer(msg)); err != nil {
		a.t.Fatal(err)
	}
	from := req.Index * req.PieceSize
	if want := data[from:min(from+req.PieceSize, int64(len(data)))]; string(msg.DataChunk) != string(want) {
		a.t.Fatal("a piece of other data")
	}
	if msg.CommitmentProof != stateOf(data).Chain(last).String() {
		a.t.Fatal("the chain does not go on from the seed sent last")
	}
	return msg.Seed
}

func challengeAnswer(msg *wire.Challenge) proof.ChallengeAnswer {
	return proof.ChallengeAnswer{
		CommitmentHash: msg.CommitmentHash, CommitmentProof: msg.CommitmentProof, Commitment: msg.Commitment,
		Piece: msg.DataChunk, Randomness: msg.Randomness, MerkleProof: msg.MerkleProof, MerkleRoot: msg.MerkleRoot,
	}
}

// retrieve gets data back and checks it and the proof.
func (a asker) retrieve(n *node, data []byte, last string) (seed string) {
	a.t.Helper()
	seed, err := proof.NewSeed(rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	msg := &wire.Retrieve{DataHash: hashOf(data), Seed: seed}
	if err := a.call(n, msg); err != nil {
		a.t.Fatalf("retrieving %d bytes: %v", len(data), err)
	}
	ans := proof.RetrieveAnswer{CommitmentHash: msg.CommitmentHash, CommitmentProof: msg.CommitmentProof}
	if err := proof.CheckRetrieve(proof.RetrieveRequest{DataHash: hashOf(data), Seed: seed}, stateOf(msg.Data), ans); err != nil {
		a.t.Fatal(err)
	}
	if msg.CommitmentProof != stateOf(data).Chain(last).String() {
		a.t.Fatal("the chain does not go on from the seed sent last")
	}
	return seed
}

func stateOf(data []byte) *proof.State {
	s := proof.NewState()
	_, _ = s.Write(data)
	return s
}

func hashOf(data []byte) string { return proof.Sum(data).String() }

// script is a source of randomness that hands out the blinding factors of
// vectors: r is drawn as 32 bytes plus one.
type script struct {
	mu   sync.Mutex // guards next
	next []byte
}

func (s *script) add(r *big.Int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, new(big.Int).Sub(r, big.NewInt(1)).FillBytes(make([]byte, 32))...)
}

func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, s.next)
	s.next = s.next[n:]
	return n, nil
}

// vectors reads a file of golden values.
func vectors(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", name))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// vectorData makes the bytes that a vector names.
func vectorData(prefix, label string, length int) []byte {
	return sha3.SumSHAKE128([]byte(prefix+label), length)
}

// decimal is a number that vectors write as text.
type decimal struct{ *big.Int }

func (d *decimal) UnmarshalJSON(text []byte) error {
	d.Int = new(big.Int)
	return d.UnmarshalText(bytes.Trim(text, `"`))
}
