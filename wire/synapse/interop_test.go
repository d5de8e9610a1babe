package synapse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// pythonVar names a Python that has Bittensor's SDK: see docs/interop.md.
const pythonVar = "FILETAO_PYTHON"

// python is one of the scripts of testdata/interop at work. It is spoken to in
// lines of JSON.
type python struct {
	t   *testing.T
	in  *json.Encoder
	out *json.Decoder
	// hello is its first line.
	hello struct {
		Version string
		Port    uint16
		Hotkey  wallet.Address
	}
}

// startPython runs a script until the test ends; nil when no Python is named.
func startPython(t *testing.T, script string, env ...string) *python {
	t.Helper()
	program := os.Getenv(pythonVar)
	if program == "" {
		t.Logf("nothing is tested against the SDK: %s names no Python that has it", pythonVar)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	cmd := exec.CommandContext(ctx, program, "-B", filepath.Join("testdata", "interop", script))
	cmd.Env = append(append(os.Environ(), "HOME="+t.TempDir()), env...) // the SDK leaves files at home
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close() // it ends at the end of its input
		_, _ = io.Copy(io.Discard, out)
		err := cmd.Wait()
		cancel()
		if err != nil || t.Failed() {
			t.Logf("%s: %v\n%s", script, err, said.Bytes())
		}
	})
	p := &python{t: t, in: json.NewEncoder(in), out: json.NewDecoder(out)}
	p.read(&p.hello)
	t.Logf("%s with SDK %s", script, p.hello.Version)
	return p
}

func (p *python) read(v any) {
	p.t.Helper()
	if err := p.out.Decode(v); err != nil {
		p.t.Fatalf("no answer from Python: %v", err)
	}
}

// A client of ours asks an axon of the SDK.
func TestInteropPythonAnswers(t *testing.T) {
	p := startPython(t, "answerer.py")
	if p == nil {
		return
	}
	b := &answering{t: t, sdk: p.hello.Version, client: testClient(t, ClientConfig{}), to: wire.Peer{
		Hotkey: p.hello.Hotkey, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), p.hello.Port),
	}}
	b.answers()
	b.userAnswers()
	b.failures()
	b.parallel()
}

type answering struct {
	t      *testing.T
	sdk    string
	client *Client
	to     wire.Peer
}

func (b *answering) ask(msg wire.Message) {
	b.t.Helper()
	ex, err := b.client.Call(b.t.Context(), b.to, msg)
	if err != nil {
		b.t.Fatalf("%s: %v", msg.Name(), err)
	}
	if ex.Elapsed <= 0 || ex.Sent == 0 || ex.Received == 0 {
		b.t.Errorf("%s: %+v", msg.Name(), ex)
	}
	b.t.Logf("%s: 200, version %d in the headers", msg.Name(), ex.PeerVersion)
}

// answers checks every field that the handlers of answerer.py fill.
func (b *answering) answers() {
	t := b.t
	b.ask(&wire.Ping{})
	big1 := new(big.Int).Lsh(big.NewInt(1), 256)
	ttl := int64(77)
	data := bytes.Repeat([]byte{0, 1, 0xff}, 1<<20)
	st := &wire.Store{EncryptedData: data, Curve: "P-256", G: "0a", H: "0b", Seed: "5eed", TTL: &ttl}
	b.ask(st)
	if want := proof.Sum(data, []byte("5eed")).String(); st.CommitmentHash != want {
		t.Errorf("commitment hash %s, want %s", st.CommitmentHash, want)
	}
	if c, _ := hex.DecodeString(st.Commitment); string(c) != fmt.Sprintf("%d,77,P-256,0a,0b", len(data)) {
		t.Errorf("commitment %s", c)
	}
	if st.Randomness.Cmp(new(big.Int).Sub(big1, big.NewInt(3))) != 0 || st.Signature != "" {
		t.Errorf("randomness %s, signature %q", st.Randomness, st.Signature)
	}
	ch := &wire.Challenge{ChallengeHash: "123", ChallengeIndex: 6, ChunkSize: 256, G: "0a", H: "0b", Curve: "P-256", Seed: "s"}
	b.ask(ch)
	if ch.CommitmentHash != "123" || ch.CommitmentProof != "6 256" || ch.Commitment != "0a0b" || len(ch.DataChunk) != 1024 || ch.DataChunk[255] != 255 {
		t.Errorf("challenge %+v", ch)
	}
	if path, _ := base64.StdEncoding.DecodeString(ch.MerkleProof); string(path) != `[{"left": "00"}]` || ch.Randomness.Bit(255) != 1 || ch.Randomness.Bit(2) != 1 {
		t.Errorf("path %s, randomness %s", path, ch.Randomness)
	}
	re := &wire.Retrieve{DataHash: "9", Seed: "abc"}
	b.ask(re)
	link := proof.RetrieveAnswer{CommitmentHash: re.CommitmentHash, CommitmentProof: re.CommitmentProof}
	if want := proof.Sum([]byte(proof.Sum([]byte("9")).String()), []byte("abc")).String(); string(re.Data) != "abcabcabc" || link.CommitmentHash != want {
		t.Errorf("retrieve %+v", re)
	}
	none := &wire.Retrieve{DataHash: "none", Seed: "abc"}
	if b.ask(none); none.Data != nil || none.CommitmentHash != "" {
		t.Errorf("nulls read as %+v", none)
	}
}

func (b *answering) userAnswers() {
	su := &wire.StoreUser{EncryptedData: []byte("user's"), EncryptionPayload: `{"é": "✓"}`}
	b.ask(su)
	if want := sha256.Sum256([]byte("user's" + `{"é": "✓"}`)); su.DataHash != hex.EncodeToString(want[:]) {
		b.t.Errorf("what was stored hashes to %s", su.DataHash)
	}
	ru := &wire.RetrieveUser{DataHash: "5000001"}
	b.ask(ru)
	if !bytes.Equal(ru.EncryptedData, bytes.Repeat([]byte{0xa5}, 5000001)) {
		b.t.Errorf("%d bytes came", len(ru.EncryptedData))
	}
	var payload map[string]string
	if err := json.Unmarshal([]byte(ru.EncryptionPayload), &payload); err != nil || payload["héllo"] != "✓ 😀" {
		b.t.Errorf("payload %q (%v)", ru.EncryptionPayload, err)
	}
	for hash, want := range map[string]bool{"there": true, "gone": false} {
		du := &wire.DeleteUser{DataHash: hash}
		if b.ask(du); du.Deleted != want {
			b.t.Errorf("%s: deleted %t", hash, du.Deleted)
		}
	}
}

// failures checks the statuses of calls that the axon refuses or fails.
func (b *answering) failures() {
	key := func(uri string) *Client { return testClient(b.t, ClientConfig{Key: wiretest.Key(b.t, uri)}) }
	stranger, nowhere := b.to, b.to
	stranger.Hotkey = wiretest.Key(b.t, "//Charlie").Address()
	nowhere.Addr = netip.AddrPortFrom(b.to.Addr.Addr(), 9)
	get := func(hash, seed string) wire.Message { return &wire.Retrieve{DataHash: hash, Seed: seed} }
	twoLines := 500
	if strings.HasPrefix(b.sdk, "6.") {
		twoLines = 503 // its HTTP server refuses the header and drops the connection
	}
	for _, c := range []struct {
		what    string
		status  int
		client  *Client
		to      wire.Peer
		msg     wire.Message
		timeout time.Duration
	}{
		{"blacklisted", 403, key("//Dave"), b.to, get("1", "2"), 0},
		{"blacklisted, with a large body", 403, key("//Dave"), b.to, &wire.Store{EncryptedData: make([]byte, 4<<20)}, 0},
		{"a message it does not know", 404, b.client, b.to, &wire.Delete{DataHash: "1"}, 0},
		{"a failed handler", 500, b.client, b.to, get("fail", "nothing works"), 0},
		{"a failed handler with two lines to say", twoLines, b.client, b.to, get("fail", "nothing works\ntoday"), 0},
		{"a slow handler", 408, b.client, b.to, get("sleep", "3"), 500 * time.Millisecond},
		{"for another axon", 401, b.client, stranger, get("1", "2"), 0},
		{"for another axon, with a large body", 401, b.client, stranger, &wire.Store{EncryptedData: make([]byte, 4<<20)}, 0},
		{"nobody there", 503, b.client, nowhere, get("1", "2"), 0},
		{"an answer over the limit", 422, testClient(b.t, ClientConfig{MaxAnswer: map[string]int64{"RetrieveUser": 1000}}), b.to, &wire.RetrieveUser{DataHash: "5000"}, 0},
	} {
		ctx, cancel := b.t.Context(), context.CancelFunc(func() {})
		if c.timeout > 0 {
			ctx, cancel = context.WithTimeout(ctx, c.timeout)
		}
		start := time.Now()
		_, err := c.client.Call(ctx, c.to, c.msg)
		cancel()
		if got := wire.StatusOf(err); got != c.status {
			b.t.Errorf("%s: want %d, got %v", c.what, c.status, err)
		}
		b.t.Logf("%s: %v (%v)", c.what, err, time.Since(start).Round(time.Millisecond))
	}
	b.ask(&wire.Ping{})
}

// parallel has more calls at a time than lanes: nonces must arrive in order.
func (b *answering) parallel() {
	const calls = 40
	errs := make(chan error, calls)
	for i := range calls {
		go func() {
			msg := &wire.Retrieve{DataHash: "7", Seed: fmt.Sprint(i)}
			_, err := b.client.Call(b.t.Context(), b.to, msg)
			if want := strings.Repeat(msg.Seed, 3); err == nil && string(msg.Data) != want {
				err = fmt.Errorf("data %q, want %q", msg.Data, want)
			}
			errs <- err
		}()
	}
	for range calls {
		if err := <-errs; err != nil {
			b.t.Errorf("at the same time: %v", err)
		}
	}
}
