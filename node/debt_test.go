package node

import (
	"fmt"
	"testing"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// Who is in debt is told how many audits it has to pass, where debts count.
func TestDebtsAreSeen(t *testing.T) {
	ix, err := OpenIndex(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	key, self := wallet.KeypairFromSeed([32]byte{7}), address(t, "Self")
	if err := ix.UpdateStats(t.Context(), key.Address(), func(s *index.Stats) error { s.Capacity = 800; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		debt    string
		profile string
		want    int
	}{{"152.5", incentive.DefaultProfile, 153}, {"1e300", incentive.DefaultProfile, 2000}, {"0", incentive.DefaultProfile, 0}, {"-3", incentive.DefaultProfile, 0}, {"152.5", "v3-plain", 0}} {
		state := fmt.Appendf(nil, `{"v":3,"uids":[{"hotkey":%q,"possession":{"challenge":{"passed":9,"failed":0},"retrieve":{"passed":9,"failed":0},"debt":%s}}]}`, key.Address(), c.debt)
		if err := ix.PutState(t.Context(), "validator/"+string(self), state); err != nil {
			t.Fatal(err)
		}
		v := View{Index: ix, Self: self}
		if v.Config.Rules, err = incentive.Profile(c.profile); err != nil {
			t.Fatal(err)
		}
		x, err := v.Explain(t.Context(), Whom{Hotkey: key.Address(), UID: -1})
		if err != nil || x.Miner.Debt != c.want || x.Possession == nil || (*x.Possession == 0) != (c.want > 0) {
			t.Errorf("%s, %s: %+v, %v, %v", c.profile, c.debt, x.Miner, x.Possession, err)
		}
	}
}
