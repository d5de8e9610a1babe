// Package wiretest holds what every transport must pass: one suite of
// exchanges between an asker and an answerer over real sockets, and recorded
// exchanges with Python's SDK. It is not a transport and has no fakes. Enter at
// Run, and RunStreams where there are bodies; Recorded gives the recordings.
package wiretest

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// Route is a message that a server answers.
type Route struct {
	New     func() wire.Message
	Handle  wire.Handler
	MaxData int64 // bytes of data in a request
}

// StreamRoute is a message that a server answers with bodies.
type StreamRoute struct {
	New     func() wire.Message
	Handle  wire.StreamHandler
	MaxBody int64
}

// Setup is what a test wants to be up.
type Setup struct {
	Server, Client *wallet.Keypair
	Door           *wire.Door
	Routes         []Route
	Streams        []StreamRoute // of RunStreams only
}

// Fabric starts a server and a client of a transport, ends them with the test,
// and returns the client and where the server is.
type Fabric func(t *testing.T, s Setup) (wire.Transport, wire.Peer)

// Key is one of the development keys, for example "//Alice".
func Key(t testing.TB, uri string) *wallet.Keypair {
	t.Helper()
	k, err := wallet.KeypairFromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

//go:embed recorded
var recorded embed.FS

// Recorded is a recorded request or answer with its headers, by file name.
func Recorded(t testing.TB, name string) []byte {
	t.Helper()
	data, err := recorded.ReadFile("recorded/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
}

// Run runs the suite.
func Run(t *testing.T, fabric Fabric) {
	for name, test := range map[string]func(*testing.T, Fabric){
		"EveryMessage": everyMessage, "EmptyAndLarge": emptyAndLarge, "OnlyTheAnswer": onlyTheAnswer,
		"Statuses": statuses, "Front door": frontDoor, "Limits": limits, "Ends": ends, "Parallel": parallel,
		"Caller": callerIsKnown,
	} {
		t.Run(name, func(t *testing.T) { test(t, fabric) })
	}
}

// open lets everybody in.
func open() *wire.Door {
	return wire.NewDoor(wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1}, wire.DoorDeps{})
}

func start(t *testing.T, fabric Fabric, routes ...Route) (wire.Transport, wire.Peer) {
	t.Helper()
	return fabric(t, Setup{Server: Key(t, "//Bob"), Client: Key(t, "//Alice"), Door: open(), Routes: routes})
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// pair is a request as it is sent, and the same after it was answered.
type pair struct {
	asked, answered wire.Message
	new             func() wire.Message
}

func pairs() []pair {
	ttl := int64(86400)
	huge, _ := new(big.Int).SetString("115792089237316195423570985008687907853269984665640564039457584007913129639936", 10)
	return []pair{
		{&wire.Ping{}, &wire.Ping{}, func() wire.Message { return &wire.Ping{} }},
		{
			&wire.Store{EncryptedData: []byte("data"), Curve: "P-256", G: "aa", H: "bb", Seed: "cc", TTL: &ttl},
			&wire.Store{EncryptedData: []byte("data"), Curve: "P-256", G: "aa", H: "bb", Seed: "cc", TTL: &ttl, Randomness: huge, Commitment: "dd", CommitmentHash: "1", Signature: "é\n\"<>"},
			func() wire.Message { return &wire.Store{} },
		},
		{
			&wire.Challenge{ChallengeHash: "12", ChallengeIndex: 1<<63 - 1, ChunkSize: 256, G: "a", H: "b", Curve: "P-256", Seed: "s"},
			&wire.Challenge{
				ChallengeHash: "12", ChallengeIndex: 1<<63 - 1, ChunkSize: 256, G: "a", H: "b", Curve: "P-256", Seed: "s",
				CommitmentHash: "1", CommitmentProof: "2", Commitment: "3", DataChunk: []byte{0, 255}, Randomness: big.NewInt(-7), MerkleProof: "W10=", MerkleRoot: "ff",
			},
			func() wire.Message { return &wire.Challenge{} },
		},
		{
			&wire.Retrieve{DataHash: "12", Seed: "s"},
			&wire.Retrieve{DataHash: "12", Seed: "s", Data: []byte("data"), CommitmentHash: "1", CommitmentProof: "2"},
			func() wire.Message { return &wire.Retrieve{} },
		},
		{&wire.Delete{DataHash: "12"}, &wire.Delete{DataHash: "12", Deleted: true}, func() wire.Message { return &wire.Delete{} }},
		{
			&wire.StoreUser{EncryptedData: []byte{1, 2, 3}, EncryptionPayload: `{"a":1}`},
			&wire.StoreUser{EncryptedData: []byte{1, 2, 3}, EncryptionPayload: `{"a":1}`, DataHash: "bafkrei"},
			func() wire.Message { return &wire.StoreUser{} },
		},
		{
			&wire.RetrieveUser{DataHash: "bafkrei"},
			&wire.RetrieveUser{DataHash: "bafkrei", EncryptedData: []byte("data"), EncryptionPayload: "{}"},
			func() wire.Message { return &wire.RetrieveUser{} },
		},
		{&wire.DeleteUser{DataHash: "bafkrei"}, &wire.DeleteUser{DataHash: "bafkrei", Deleted: true}, func() wire.Message { return &wire.DeleteUser{} }},
	}
}

// fill copies all fields of a message to another of the same type.
func fill(to, from wire.Message) {
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(from).Elem())
}

func everyMessage(t *testing.T, fabric Fabric) {
	for _, p := range pairs() {
		t.Run(p.asked.Name(), func(t *testing.T) {
			seen := make(chan wire.Message, 1)
			client, peer := start(t, fabric, Route{p.new, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
				got := p.new()
				fill(got, msg)
				seen <- got
				fill(msg, p.answered)
				return nil
			}, 1 << 10})
			msg := p.new()
			fill(msg, p.asked)
			var at wire.Progress
			ctx := wire.WithProgress(within(t, 10*time.Second), func(p wire.Progress) { at = p })
			ex, err := client.Call(ctx, peer, msg)
			if err != nil {
				t.Fatal(err)
			}
			if got := <-seen; !reflect.DeepEqual(got, p.asked) {
				t.Errorf("the handler saw %+v, want %+v", got, p.asked)
			}
			if !reflect.DeepEqual(msg, p.answered) {
				t.Errorf("the asker got %+v, want %+v", msg, p.answered)
			}
			if ex.Elapsed <= 0 || ex.Sent <= 0 || ex.Received <= 0 {
				t.Errorf("the exchange was measured as %+v", ex)
			}
			if at.Sent != ex.Sent || at.SendTotal != ex.Sent || at.Received != ex.Received {
				t.Errorf("the last report was %+v of %+v", at, ex)
			}
		})
	}
}

func emptyAndLarge(t *testing.T, fabric Fabric) {
	client, peer := start(t, fabric,
		Route{func() wire.Message { return &wire.StoreUser{} }, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
			m := msg.(*wire.StoreUser)
			m.DataHash = string(wallet.AddressOf([32]byte(sum(m.EncryptedData))))
			return nil
		}, 16 << 20},
		Route{func() wire.Message { return &wire.RetrieveUser{} }, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
			m := msg.(*wire.RetrieveUser)
			if m.DataHash != "null" {
				m.EncryptedData = pattern(len(m.DataHash) << 10)
			}
			return nil
		}, 0},
	)
	for _, n := range []int{0, 1, 2, 3, 4, 1000, 1 << 20, 5<<20 + 1, 16 << 20} {
		msg := &wire.StoreUser{EncryptedData: pattern(n), EncryptionPayload: "{}"}
		if _, err := client.Call(within(t, 20*time.Second), peer, msg); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if want := string(wallet.AddressOf([32]byte(sum(pattern(n))))); msg.DataHash != want {
			t.Errorf("%d bytes arrived as others", n)
		}
	}
	for _, n := range []int{0, 1, 33, 3000} {
		msg := &wire.RetrieveUser{DataHash: string(bytes.Repeat([]byte("x"), n))}
		if _, err := client.Call(within(t, 20*time.Second), peer, msg); err != nil {
			t.Fatalf("%d KiB: %v", n, err)
		}
		if !bytes.Equal(msg.EncryptedData, pattern(n<<10)) || msg.EncryptedData == nil {
			t.Errorf("%d KiB came back as %d bytes (nil: %v)", n, len(msg.EncryptedData), msg.EncryptedData == nil)
		}
	}
	msg := &wire.RetrieveUser{DataHash: "null"}
	if _, err := client.Call(within(t, 20*time.Second), peer, msg); err != nil || msg.EncryptedData != nil {
		t.Errorf("null came back as %v (%v)", msg.EncryptedData, err)
	}
}

// onlyTheAnswer: an asker's request fields stay as they are, whatever a peer
// answers, and what a request says in answer fields never reaches a handler.
func onlyTheAnswer(t *testing.T, fabric Fabric) {
	client, peer := start(t, fabric, Route{func() wire.Message { return &wire.Challenge{} }, func(_ context.Context, _ wire.Caller, msg wire.Message) error {
		m := msg.(*wire.Challenge)
		if m.Commitment != "" || m.DataChunk != nil || m.Randomness != nil {
			return errors.New("answer fields came with the request")
		}
		*m = wire.Challenge{G: "other", H: "other", Curve: "other", ChallengeIndex: 9, MerkleRoot: "root"}
		return nil
	}, 1 << 10})
	msg := &wire.Challenge{G: "g", H: "h", Curve: "P-256", ChallengeIndex: 3, Seed: "s", Commitment: "mine", DataChunk: []byte("mine"), Randomness: big.NewInt(1)}
	if _, err := client.Call(within(t, 10*time.Second), peer, msg); err != nil {
		t.Fatal(err)
	}
	if msg.G != "g" || msg.H != "h" || msg.Curve != "P-256" || msg.ChallengeIndex != 3 || msg.Seed != "s" {
		t.Errorf("the answer changed the request: %+v", msg)
	}
	if msg.MerkleRoot != "root" {
		t.Errorf("the answer did not arrive: %+v", msg)
	}
}

func callerIsKnown(t *testing.T, fabric Fabric) {
	alice := Key(t, "//Alice")
	standing := wire.Standing{Registered: true, UID: 7, Stake: 1e12, ValidatorPermit: true}
	door := wire.NewDoor(wire.DoorConfig{}, wire.DoorDeps{Standing: func(a wallet.Address) (wire.Standing, error) {
		if a == alice.Address() {
			return standing, nil
		}
		return wire.Standing{}, nil
	}})
	callers := make(chan wire.Caller, 1)
	client, peer := fabric(t, Setup{Server: Key(t, "//Bob"), Client: alice, Door: door, Routes: []Route{{
		func() wire.Message { return &wire.Delete{} },
		func(ctx context.Context, c wire.Caller, _ wire.Message) error {
			callers <- c
			if d, ok := ctx.Deadline(); !ok || !d.Equal(c.Deadline) {
				return errors.New("the handler has another deadline than its caller")
			}
			return nil
		}, 1 << 10,
	}}})
	before := time.Now()
	if _, err := client.Call(within(t, 9*time.Second), peer, &wire.Delete{DataHash: "1"}); err != nil {
		t.Fatal(err)
	}
	got := <-callers
	if got.Hotkey != alice.Address() || got.UID != 7 || got.Stake != 1e12 || !got.ValidatorPermit || got.Addr.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("caller %+v", got)
	}
	if left := got.Deadline.Sub(before); left < 8*time.Second || left > 10*time.Second {
		t.Errorf("deadline in %v, want 9 s", left)
	}
}
