package chain_test

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/chain"
)

func TestRao(t *testing.T) {
	for text, want := range map[string]chain.Rao{
		"0 TAO": 0, "0.000000001 TAO": 1, "1 TAO": chain.TAO, "1.5 TAO": 1_500_000_000,
		"1000 TAO": 1000 * chain.TAO, "18446744073.709551615 TAO": 1<<64 - 1,
	} {
		if got := want.String(); got != text {
			t.Errorf("%d rao prints %q, want %q", want, got, text)
		}
	}
	for text, want := range map[string]chain.Rao{"1.5": 1_500_000_000, " 2 ": 2 * chain.TAO, "0.10TAO": chain.TAO / 10} {
		if got, err := chain.ParseRao(text); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "TAO", ".", "1.", ".5", "-1", "+1", "1.0000000001", "1e3", "1_000", "1.-5", "18446744073.709551616", "99999999999999999999"} {
		if got, err := chain.ParseRao(bad); err == nil {
			t.Errorf("%q is taken for %d", bad, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := chain.Rao(rapid.Uint64().Draw(t, "rao"))
		if got, err := chain.ParseRao(want.String()); err != nil || got != want {
			t.Fatalf("%s is %d, %v, want %d", want, got, err, want)
		}
	})
}

func TestHash(t *testing.T) {
	h := chain.Hash{0: 0x80, 31: 0xff}
	const text = "0x80000000000000000000000000000000000000000000000000000000000000ff"
	if h.String() != text {
		t.Errorf("prints %s", h)
	}
	want, ok := new(big.Int).SetString(text[2:], 16)
	if !ok || h.Big().Cmp(want) != 0 {
		t.Errorf("is %x as a number", h.Big())
	}
	var back chain.Hash
	if err := back.UnmarshalText([]byte(text)); err != nil || back != h {
		t.Errorf("reads as %s, %v", back, err)
	}
	for _, bad := range []string{"", "0x", text[2:], text + "00", "0x" + text, text[:65] + "g"} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a hash", bad)
		}
	}
}

func TestMetagraphTravelsAsJSON(t *testing.T) {
	want := chain.Metagraph{NetUID: 21, Block: chain.Block{Number: 7, Hash: chain.Hash{1}, Time: time.Unix(1, 5e6).UTC()},
		Neurons: []chain.Neuron{{UID: 0, Hotkey: "a", Stake: 1<<64 - 1}, {UID: 1, Hotkey: "b", ValidatorPermit: true,
			Axon: chain.Axon{Block: 3, IP: netip.MustParseAddr("2001:db8::1"), Port: 8091}}}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got chain.Metagraph
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	b, found := got.ByHotkey("b")
	if !found || b != want.Neurons[1] || got.Block != want.Block {
		t.Errorf("came back as %+v", got)
	}
	if a, found := got.ByUID(0); !found || a != want.Neurons[0] {
		t.Errorf("UID 0 is %+v", a)
	}
	if _, found := got.ByUID(2); found {
		t.Error("there is a UID 2")
	}
	if _, found := got.ByHotkey("c"); found {
		t.Error("there is a hotkey c")
	}
}

func TestAxonServing(t *testing.T) {
	for _, c := range []struct {
		ip   string
		port uint16
		want bool
	}{{"1.2.3.4", 1, true}, {"1.2.3.4", 0, false}, {"0.0.0.0", 8091, false}, {"::", 8091, false}, {"::1", 8091, true}} {
		if got := (chain.Axon{IP: netip.MustParseAddr(c.ip), Port: c.port}).Serving(); got != c.want {
			t.Errorf("%s port %d serves: %v", c.ip, c.port, got)
		}
	}
	if (chain.Axon{Port: 8091}).Serving() {
		t.Error("an axon without an address serves")
	}
}
