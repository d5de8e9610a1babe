package devchain

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
)

func calls() map[string]call {
	return map[string]call{
		"00" + "1500" + "0200" + "0300ffff" + "04000100" + "2e01000000000000":                  setWeights{21, []chain.Weight{{UID: 3, Value: 65535}, {UID: 4, Value: 1}}, 302},
		"00" + "1500" + "0000" + "0000000000000000":                                            setWeights{net: 21},
		"02" + "1500" + bobHex + "00ca9a3b00000000":                                            addStake{21, bob, chain.TAO},
		"04" + "1500" + "62bc5b00" + "00000000000000000000ffffc6336407" + "04" + "9b1f" + "04": serveAxon{21, chain.Axon{Version: 6012002, IP: netip.MustParseAddr("198.51.100.7"), Port: 8091, Protocol: 4}},
		"04" + "1500" + "00000000" + "20010db8000000000000000000000001" + "06" + "0100" + "00": serveAxon{21, chain.Axon{IP: netip.MustParseAddr("2001:db8::1"), Port: 1}},
		"07" + "1500" + bobHex: register{21, bob},
		"60" + "1500" + bobHex: commitWeights{21, chain.Hash(must(hex.DecodeString(bobHex)))},
		"61" + "1500" + "0100" + "0300ffff" + "0200" + "0700ffff" + "2e01000000000000": revealWeights{21, []chain.Weight{{UID: 3, Value: 65535}}, []uint16{7, 65535}, 302},
		"61" + "1500" + "0000" + "0000" + "0000000000000000":                           revealWeights{net: 21},
		"c8" + bobHex + "0100000000000000":                                             transfer{bob, 1},
	}
}

const bobHex = "8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48"

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// The encoding is written to disk and signed by other processes: it does not
// change by accident.
func TestTransactionEncoding(t *testing.T) {
	alice := key(t, "//Alice")
	genesis := chain.Hash{0: 0xaa, 31: 0xbb}
	head := hex.EncodeToString(genesis[:]) + "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d" + "0700000000000000"
	for want, c := range calls() {
		raw, err := sign(alice, genesis, 7, c)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(raw[:len(raw)-signatureSize]); got != head+want {
			t.Errorf("%T is\n%s, want\n%s", c, got, head+want)
		}
		tx, err := decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if tx.genesis != genesis || tx.signer != alice.Address() || tx.nonce != 7 || !bytes.Equal(tx.raw(), raw) {
			t.Errorf("%T came back as %+v", c, tx)
		}
		if err := tx.verify(genesis); err != nil {
			t.Errorf("%T: %v", c, err)
		}
		if err := tx.verify(chain.Hash{}); !errors.Is(err, chain.ErrTransaction) {
			t.Errorf("%T passes on another chain: %v", c, err)
		}
	}
}

// Any changed bit of a transaction makes it another one, or none.
func TestTransactionIsSignedWhole(t *testing.T) {
	raw, err := sign(key(t, "//Alice"), chain.Hash{}, 7, transfer{bob, 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		forged := bytes.Clone(raw)
		forged[i] ^= 1
		if tx, err := decode(forged); err == nil && tx.verify(chain.Hash{}) == nil {
			t.Errorf("with byte %d changed it passes", i)
		}
	}
	if _, err := decode(raw[:len(raw)-1]); !errors.Is(err, chain.ErrTransaction) {
		t.Errorf("a short one: %v", err)
	}
	if _, err := decode(append(bytes.Clone(raw), 0)); !errors.Is(err, chain.ErrTransaction) {
		t.Errorf("a long one: %v", err)
	}
}

func TestTransactionsThatCannotBe(t *testing.T) {
	alice := key(t, "//Alice")
	for name, c := range map[string]call{
		"no address": transfer{"5GrwvaEF", 1},
		"no ip":      serveAxon{21, chain.Axon{Port: 1}},
		"a zone":     serveAxon{21, chain.Axon{IP: netip.MustParseAddr("fe80::1%eth0"), Port: 1}},
		"too long":   setWeights{weights: make([]chain.Weight, 1<<16)},
		"too salty":  revealWeights{salt: make([]uint16, 1<<16)},
	} {
		if _, err := sign(alice, chain.Hash{}, 0, c); err == nil {
			t.Errorf("%s was signed", name)
		}
	}
	mapped, err := sign(alice, chain.Hash{}, 0, serveAxon{21, chain.Axon{IP: netip.MustParseAddr("::ffff:1.2.3.4"), Port: 1}})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := decode(mapped)
	if err != nil || !tx.call.(serveAxon).axon.IP.Is4() {
		t.Errorf("a mapped address came back as %+v, %v", tx, err)
	}
	longest, err := encodeBody(chain.Hash{}, [32]byte{}, 0, revealWeights{weights: make([]chain.Weight, 1<<16-1), salt: make([]uint16, 1<<16-1)})
	if err != nil || len(longest)+signatureSize > maxTransaction {
		t.Errorf("the longest has %d bytes, %v", len(longest), err)
	}
}

func FuzzDecodeTransaction(f *testing.F) {
	head := strings.Repeat("00", 32) + bobHex + "0100000000000000"
	for text := range calls() {
		raw, err := hex.DecodeString(head + text + strings.Repeat("11", signatureSize))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tx, err := decode(raw)
		if err != nil {
			if !errors.Is(err, chain.ErrTransaction) {
				t.Errorf("got %v", err)
			}
			return
		}
		pub, err := tx.signer.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		body, err := encodeBody(tx.genesis, pub, tx.nonce, tx.call)
		if err != nil || !bytes.Equal(append(body, tx.signature...), raw) {
			t.Errorf("%x is encoded as %x, %v", raw, body, err)
		}
	})
}
