package substrate

import (
	"errors"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
)

// The constants, as written in public.
func TestNetworks(t *testing.T) {
	for name, want := range map[string]string{
		"finney": "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03",
		"test":   "0x8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105",
	} {
		if got := Genesis(name); got.String() != want || NetworkOf(got) != name {
			t.Errorf("%s: %s, which is %q", name, got, NetworkOf(got))
		}
	}
	for _, name := range []string{"local", "mainnet", ""} {
		if got := Genesis(name); got != (chain.Hash{}) {
			t.Errorf("%s has genesis %s", name, got)
		}
	}
	for _, hash := range []chain.Hash{{}, {1}} {
		if name := NetworkOf(hash); name != "" {
			t.Errorf("%s is %s", hash, name)
		}
	}
}

// An endpoint of another chain than the one asked for is passed over, be it the
// first; alone, it is an error that says so.
func TestGenesisIsPinned(t *testing.T) {
	other := substratetest.Start(t, substratetest.Config{Runtime: 300})
	right := substratetest.Start(t, substratetest.Config{Runtime: 300, Recorded: true})
	block, err := client(t, right, nil).BlockAt(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, Config{Endpoints: []string{other.URL(), right.URL()}, Genesis: block.Hash})
	if got, err := c.Genesis(t.Context()); err != nil || got != block.Hash {
		t.Errorf("%s, %v", got, err)
	}
	_, err = Dial(t.Context(), Config{Endpoints: []string{other.URL()}, Genesis: Genesis("finney")}, Deps{})
	if !errors.Is(err, chain.ErrUnavailable) || !strings.Contains(err.Error(), "not finney") {
		t.Errorf("dialled: %v", err)
	}
	// Nobody named a network: the node says what it is.
	c = connect(t, Config{Endpoints: []string{other.URL()}})
	if got, err := c.Genesis(t.Context()); err != nil || got == block.Hash || NetworkOf(got) != "" {
		t.Errorf("%s, %v", got, err)
	}
}
