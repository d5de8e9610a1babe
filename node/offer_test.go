package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// What a miner has signed is seen in the table and in its explanation, with the
// signature; an old offer is shown and counts no more.
func TestOffersAreSeen(t *testing.T) {
	ix, err := OpenIndex(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	key, self := wallet.KeypairFromSeed([32]byte{7}), address(t, "Self")
	said := receipt.Offer{Miner: key.Address(), Asker: self, Capacity: 1000, Used: 950, Made: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	sig, err := said.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := json.Marshal(validator.Claim{Offer: said, Signature: sig, Block: 100, Most: 800})
	if err != nil {
		t.Fatal(err)
	}
	if err := ix.PutState(t.Context(), "validator/"+string(self), fmt.Appendf(nil, `{"v":3,"uids":[{"hotkey":%q,"claim":%s}]}`, key.Address(), claim)); err != nil {
		t.Fatal(err)
	}
	if err := ix.UpdateStats(t.Context(), key.Address(), func(s *index.Stats) error { s.Capacity = 800; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := ix.PutHolding(t.Context(), index.Holding{
		Holder: key.Address(), Hash: "7", Kind: index.Random, Size: 790, Seed: "8", Stored: said.Made, TTL: time.Hour,
	}); err != nil {
		t.Fatal(err)
	}
	for block, want := range map[uint64]int64{0: 800, 101: 800, 399: 800, 400: 0} {
		v := View{Index: ix, Self: self, Block: block}
		rows, err := v.Miners(t.Context())
		if err != nil || len(rows) != 1 || rows[0].Offer == nil {
			t.Fatalf("%+v, %v", rows, err)
		}
		o := rows[0].Offer
		if o.Claim != want || o.Capacity != 1000 || o.Used != 950 || !o.Signed.Equal(said.Made) || !bytes.Equal(o.Statement, said.Encode()) || said.Verify(o.Signature) != nil {
			t.Errorf("block %d: %+v", block, o)
		}
		alerts := rows[0].Alerts
		if full := len(alerts) == 1 && strings.Contains(alerts[0].Text, "all that it has said it has room for"); full != (want > 0) {
			t.Errorf("block %d: %+v", block, alerts)
		}
		x, err := v.Explain(t.Context(), Whom{Hotkey: key.Address(), UID: -1})
		if err != nil || x.Miner.Offer == nil || x.Miner.Offer.Claim != want {
			t.Errorf("block %d: %+v, %v", block, x.Miner, err)
		}
	}
	rows, err := View{Index: ix, Self: key.Address()}.Miners(t.Context())
	if err != nil || rows[0].Offer != nil {
		t.Errorf("in another validator's eyes: %+v, %v", rows, err)
	}
}
