package devnet_test

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
)

// caller makes raw requests, signed the way the specification says, without
// the product's own client.
type caller struct {
	key   *wallet.Keypair
	uuid  string
	nonce int64
}

func newCaller(t testing.TB, uri string) *caller {
	t.Helper()
	key, err := wallet.KeypairFromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return callerFor(key, 0)
}

func callerFor(key *wallet.Keypair, n int) *caller {
	return &caller{key: key, uuid: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), nonce: time.Now().UnixNano()}
}

func hexSum(parts ...string) string {
	h := sha3.New256()
	for _, p := range parts {
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// request signs a message with a body hash of the caller's choice.
func (c *caller) request(t testing.TB, to netip.AddrPort, axon wallet.Address, name, hash string, body io.Reader) *http.Request {
	t.Helper()
	c.nonce = max(c.nonce+1, time.Now().UnixNano())
	nonce := strconv.FormatInt(c.nonce, 10)
	sig, err := c.key.Sign([]byte(nonce + "." + string(c.key.Address()) + "." + string(axon) + "." + c.uuid + "." + hash))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+to.String()+"/"+name, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"name": {name}, "timeout": {"12.0"}, "Content-Type": {"application/json"}, "computed_body_hash": {hash},
		"bt_header_dendrite_version": {"7002000"}, "bt_header_dendrite_nonce": {nonce},
		"bt_header_dendrite_uuid": {c.uuid}, "bt_header_dendrite_hotkey": {string(c.key.Address())},
		"bt_header_dendrite_signature": {"0x" + hex.EncodeToString(sig)}, "bt_header_axon_hotkey": {string(axon)},
	}
	for _, field := range placeholders(name) {
		empty := "IiI=" // ""
		if field == "challenge_index" || field == "chunk_size" {
			empty = "MA==" // 0
		}
		r.Header["bt_header_input_obj_"+field] = []string{empty}
	}
	return r
}

// status sends a request and returns the status, which has to be the same in
// the status line and in the axon's header.
func status(t testing.TB, r *http.Request) int {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", r.URL, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("bt_header_axon_status_code"); got != strconv.Itoa(resp.StatusCode) {
		t.Fatalf("%s: HTTP status %d, header status %q", r.URL, resp.StatusCode, got)
	}
	return resp.StatusCode
}

// placeholders are the headers that a message's required fields leave in a
// request.
func placeholders(name string) []string {
	return map[string][]string{
		"Store":     {"encrypted_data", "curve", "g", "h", "seed"},
		"Challenge": {"challenge_hash", "challenge_index", "chunk_size", "g", "h", "curve", "seed"},
		"Retrieve":  {"data_hash", "seed"}, "Delete": {"data_hash"},
		"StoreUser": {"encrypted_data", "encryption_payload"}, "RetrieveUser": {"data_hash"}, "DeleteUser": {"data_hash"},
	}[name]
}

var emptyHash = hexSum() // of a message without hashed fields

// TestFrontDoor asks a real miner and a real gateway what nobody should get.
func TestFrontDoor(t *testing.T) {
	d := start(t, small())
	at, axon := d.MinerAxon(0)
	ping := func(c *caller) *http.Request {
		return c.request(t, at, axon, "Synapse", emptyHash, bytes.NewReader([]byte("{}")))
	}
	retrieveHash := hexSum(hexSum("1"), hexSum("2"), hexSum("None"), hexSum("None"))
	retrieve := func(c *caller) *http.Request {
		return c.request(t, at, axon, "Retrieve", retrieveHash, bytes.NewReader([]byte(`{"data_hash":"1","seed":"2"}`)))
	}
	stranger, member := newCaller(t, "//Stranger"), callerFor(d.ValidatorKey(0), 1)

	if got := status(t, ping(stranger)); got != http.StatusOK {
		t.Errorf("ping of anybody: %d", got)
	}
	if got := status(t, retrieve(stranger)); got != http.StatusForbidden {
		t.Errorf("unregistered hotkey: %d", got)
	}
	if got := status(t, retrieve(member)); got != http.StatusNotFound {
		t.Errorf("registered hotkey asking for what is not there: %d", got)
	}
	forged := retrieve(member)
	forged.Header["bt_header_dendrite_nonce"] = []string{strconv.FormatInt(member.nonce+1, 10)}
	if got := status(t, forged); got != http.StatusUnauthorized {
		t.Errorf("wrong signature: %d", got)
	}
	original := retrieve(member)
	again := original.Clone(t.Context())
	again.Body, _ = original.GetBody()
	if first, second := status(t, original), status(t, again); first != http.StatusNotFound || second != http.StatusUnauthorized {
		t.Errorf("replay: %d, then %d", first, second)
	}
	large := member.request(t, at, axon, "Retrieve", retrieveHash, bytes.NewReader(make([]byte, 4<<20)))
	if got := status(t, large); got != http.StatusRequestEntityTooLarge {
		t.Errorf("body over the limit: %d", got)
	}
	wrongHash := member.request(t, at, axon, "Retrieve", emptyHash, bytes.NewReader([]byte(`{"data_hash":"1","seed":"2"}`)))
	if got := status(t, wrongHash); got < 400 {
		t.Errorf("body that is not the signed one: %d", got)
	}
	unknown := member.request(t, at, axon, "Nonsense", emptyHash, bytes.NewReader([]byte("{}")))
	if got := status(t, unknown); got != http.StatusNotFound {
		t.Errorf("unknown message: %d", got)
	}
}

const randomBodies = 10_000 // over all endpoints; wire/synapse sends as many to every one

// TestRandomBodies sends rubbish to every endpoint of a miner and a gateway
// from a hotkey that is let in, and looks that both go on serving.
func TestRandomBodies(t *testing.T) {
	d := start(t, small())
	type endpoint struct {
		at   netip.AddrPort
		axon wallet.Address
		name string
		key  *wallet.Keypair
	}
	var all []endpoint
	at, axon := d.MinerAxon(0)
	for _, name := range []string{"Store", "Challenge", "Retrieve", "Delete"} {
		all = append(all, endpoint{at, axon, name, d.ValidatorKey(0)})
	}
	at, axon = d.GatewayAxon()
	for _, name := range []string{"StoreUser", "RetrieveUser", "DeleteUser"} {
		all = append(all, endpoint{at, axon, name, d.UserKey()})
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for i, e := range all {
		wg.Go(func() {
			rng, c := rand.New(rand.NewPCG(1, uint64(i))), callerFor(e.key, 100+i)
			for range randomBodies / len(all) {
				r := c.request(t, e.at, e.axon, e.name, hexSum(strconv.Itoa(rng.Int())), bytes.NewReader(rubbish(rng)))
				if got := status(t, r); got != http.StatusBadRequest && got != http.StatusInternalServerError && got != http.StatusUnprocessableEntity {
					t.Errorf("%s took rubbish with %d", e.name, got)
					return
				}
			}
		})
	}
	wg.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if r, err := d.Demo(t.Context(), file(t, 100), nil); err != nil || !r.OK {
		t.Fatalf("afterwards a file does not go round: %+v, %v", r, err)
	}
}

// rubbish is random bytes, or JSON that is nearly right.
func rubbish(rng *rand.Rand) []byte {
	nearly := []string{
		`{}`, `[]`, `null`, `{"encrypted_data":"====","seed":1}`, `{"encrypted_data":"QUJD","curve":"P-256","g":"00","h":"00","seed":"1"}`,
		`{"challenge_hash":"1","challenge_index":-1,"chunk_size":0,"g":"","h":"","curve":"","seed":""}`,
		`{"data_hash":{"data_hash":[[[[[[[[[[]]]]]]]]]]}}`, `{"ttl":99999999999999999999999999}`, `{"data_hash":"` + "\x00" + `"}`,
	}
	if rng.IntN(2) == 0 {
		return []byte(nearly[rng.IntN(len(nearly))])
	}
	b := make([]byte, rng.IntN(2048))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
