package substrate

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// commitNode is a pool whose subnet has commit-reveal on; it keeps the calls it
// is sent and then drops them.
func commitNode(t *testing.T, r *recording) (*Client, *string) {
	n := newNode(t, r)
	n.blocks[n.head].storage[r.storageOf("CommitRevealWeightsEnabled", r.net)] = &hexBytes{1}
	var sent string
	n.before = func(p *peer, q query) bool {
		switch q.Method {
		case "system_accountNextIndex":
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":0}`, q.ID))
		case "author_submitAndWatchExtrinsic":
			var raw hexBytes
			q.param(0, &raw)
			x, err := r.types.DecodeExtrinsic(raw)
			if err != nil {
				t.Error(err)
			}
			sent = hex.EncodeToString(x.CallBytes)
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":1010,"message":"Invalid Transaction","data":"Custom error: 17"}}`, q.ID))
		default:
			return false
		}
		return true
	}
	return connect(t, Config{}, n), &sent
}

func TestCommitAndReveal(t *testing.T) {
	eachRecording(t, func(t *testing.T, r *recording) {
		c, sent := commitNode(t, r)
		key, hash := devKey(t, "Bob"), chain.Hash{0: 0xaa, 31: 0xbb}
		weights := []chain.Weight{{UID: 3, Value: 7}, {UID: 1, Value: 0}}
		h, err := c.Hyperparameters(t.Context(), r.net)
		if err != nil || !h.CommitReveal {
			t.Fatalf("%+v, %v", h, err)
		}
		commitErr := c.CommitWeights(t.Context(), key, r.net, hash)
		committed := *sent
		revealErr := c.RevealWeights(t.Context(), key, r.net, weights, []uint16{9}, 302)
		for _, err := range []error{commitErr, revealErr} {
			if !errors.Is(err, chain.ErrReveal) {
				t.Errorf("got %v", err)
			}
		}
		wantCommit, wantReveal := "07600200aa"+strings.Repeat("00", 30)+"bb", "07610200080300010008070000000409002e01000000000000"
		if r.dir == "spec185" { // no salt: nothing is sent
			wantCommit, wantReveal = "", ""
		}
		if committed != wantCommit || *sent != wantReveal {
			t.Errorf("sent %s and %s, want %s and %s", committed, *sent, wantCommit, wantReveal)
		}
	})
}

func TestCommitmentsThatAreNoHashes(t *testing.T) {
	for _, c := range []struct {
		h      chain.Hyperparameters
		salted bool
		want   error
	}{
		{chain.Hyperparameters{CommitReveal: true}, true, nil},
		{chain.Hyperparameters{CommitReveal: true, CommitRevealVersion: 2}, true, nil},
		{chain.Hyperparameters{CommitReveal: true, CommitRevealVersion: 3}, true, chain.ErrTimelock},
		{chain.Hyperparameters{CommitReveal: true, CommitRevealVersion: 4}, true, chain.ErrTimelock},
		{chain.Hyperparameters{CommitReveal: true}, false, chain.ErrReveal},
		{chain.Hyperparameters{}, true, chain.ErrReveal},
	} {
		err := hashed(c.h, c.salted, 300)
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.h, err, c.want)
		}
		if c.want == chain.ErrTimelock && !strings.Contains(err.Error(), fmt.Sprint(c.h.CommitRevealVersion)) {
			t.Errorf("%v does not name the version", err)
		}
	}
}

func TestAxons(t *testing.T) {
	for text, want := range map[string]string{
		"198.51.100.7": "198.51.100.7", "0.0.0.1": "0.0.0.1", "255.255.255.255": "255.255.255.255",
		"::ffff:198.51.100.7": "198.51.100.7", "2001:db8::7": "2001:db8::7", "::7": "::7", "ffff::": "ffff::",
	} {
		a := chain.Axon{Version: 302, IP: netip.MustParseAddr(text), Port: 8091, Protocol: 4}
		args, err := axonArguments(21, a)
		if err != nil {
			t.Fatal(err)
		}
		args["block"] = scale.Uint(uint8(9))
		got, err := axonOf(scale.Record(args))
		if err != nil {
			t.Fatal(err)
		}
		if a.Block, a.IP = 9, netip.MustParseAddr(want); got != a {
			t.Errorf("%s comes back as %+v", text, got)
		}
	}
	for _, bad := range []chain.Axon{
		{Port: 1}, {IP: netip.MustParseAddr("8.8.8.8")}, {IP: netip.MustParseAddr("fe80::1%eth0"), Port: 1},
	} {
		if _, err := axonArguments(21, bad); !errors.Is(err, chain.ErrAxon) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for kind, ip := range map[uint8]uint64{4: 1 << 32, 0: 7, 5: 7} {
		got, err := axonOf(scale.Record(arguments{"block": scale.Uint(kind), "version": scale.Uint(kind), "ip": scale.Uint(ip),
			"port": scale.Uint(kind), "ip_type": scale.Uint(kind), "protocol": scale.Uint(kind)}))
		if err != nil || got.Serving() {
			t.Errorf("kind %d: %+v, %v", kind, got, err)
		}
	}
}
