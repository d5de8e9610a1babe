package envelope_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/filetao/filetao/envelope"
)

// TestTagsAndVouchersAreAsWrittenDown: HKDF-Expand by hand, and the values of
// docs/formats.md.
func TestTagsAndVouchersAreAsWrittenDown(t *testing.T) {
	filled := func(b byte) [32]byte { return [32]byte(slices.Repeat([]byte{b}, 32)) }
	secret, segment, miner, root := envelope.ShardSecret(filled(1)), filled(2), filled(3), filled(4)
	expand := func(info ...[]byte) string {
		mac := hmac.New(sha256.New, secret[:])
		mac.Write(slices.Concat(append(info, []byte{1})...))
		return hex.EncodeToString(mac.Sum(nil))
	}
	tag, voucher := secret.Tag(segment, miner), secret.Vouch(segment, miner, 7, root)
	for _, c := range []struct{ name, got, hand, written string }{
		{"tag", hex.EncodeToString(tag[:]), expand([]byte("filetao shard tag v1"), segment[:], miner[:]), "81b0038239862d6aa0d079a3c3db31a16ca2438e9ef23f424b4567c4397c4f2b"},
		{"voucher", hex.EncodeToString(voucher[:]), expand([]byte("filetao shard root v1"), segment[:], miner[:], []byte{0, 0, 0, 7}, root[:]), "a49b17eb097f6b0b9ff61bbb4e19673b5ce870358759bbabac791c8d77a7f21a"},
	} {
		if c.got != c.hand || c.got != c.written {
			t.Errorf("%s %s, want %s and %s", c.name, c.got, c.hand, c.written)
		}
	}
}

// TestTagsDiffer in whatever goes into them.
func TestTagsDiffer(t *testing.T) {
	type from struct {
		secret, segment, miner, root byte
		number                       int
	}
	tags, vouchers := map[[32]byte]string{}, map[[32]byte]string{}
	for _, c := range []from{{}, {secret: 1}, {segment: 1}, {miner: 1}, {root: 1}, {number: 1}, {number: 256}} {
		s := envelope.ShardSecret{c.secret}
		voucher := s.Vouch([32]byte{c.segment}, [32]byte{c.miner}, c.number, [32]byte{c.root})
		if other, ok := vouchers[voucher]; ok {
			t.Errorf("%+v has the voucher of %s", c, other)
		}
		vouchers[voucher] = fmt.Sprint(c)
		tags[s.Tag([32]byte{c.segment}, [32]byte{c.miner})] = fmt.Sprint(c)
	}
	if len(tags) != 4 { // number and root are the miner's to tell
		t.Errorf("tags %v", tags)
	}
}
