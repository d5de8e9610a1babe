package placement_test

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/placement"
)

func TestNetworks(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.77":            "192.0.2.0/24",
		"::ffff:192.0.2.1":      "192.0.2.0/24",
		"10.1.2.3":              "10.1.2.0/24",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1::/48",
		"2001:db8:1:ffff::":     "2001:db8:1::/48",
		"fc00::1":               "fc00::/48",
		"127.0.0.1":             "",
		"127.3.2.1":             "",
		"::1":                   "",
		"::ffff:127.0.0.1":      "",
		"0.0.0.0":               "",
		"::":                    "",
		"169.254.1.1":           "",
		"fe80::1":               "",
		"fe80::1%eth0":          "",
		"2001:db8:1:2::1%eth0":  "2001:db8:1::/48",
		"::ffff:169.254.10.200": "",
	} {
		got := placement.NetworkOf(netip.MustParseAddr(addr))
		if want == "" && got.IsValid() || want != "" && got.String() != want {
			t.Errorf("network of %s: %v, want %q", addr, got, want)
		}
	}
	if placement.NetworkOf(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}

func site(coldkey, addr string) placement.Site {
	return placement.Site{Coldkey: coldkey, Network: placement.NetworkOf(netip.MustParseAddr(addr))}
}

func TestApart(t *testing.T) {
	taken := []placement.Site{site("a", "192.0.2.1"), site("b", "198.51.100.1")}
	for _, c := range []struct {
		name       string
		candidates []placement.Site
		want       int
	}{
		{"nobody", nil, -1},
		{"the order decides", []placement.Site{site("c", "203.0.113.1"), site("d", "203.0.113.2")}, 0},
		{"another coldkey", []placement.Site{site("a", "203.0.113.1"), site("c", "203.0.113.1")}, 1},
		{"another network", []placement.Site{site("c", "192.0.2.9"), site("c", "203.0.113.1")}, 1},
		{"a coldkey weighs more", []placement.Site{site("a", "203.0.113.1"), site("c", "192.0.2.9")}, 1},
		{"nobody else", []placement.Site{site("a", "192.0.2.2"), site("b", "198.51.100.7")}, 0},
		{"loopback is no network", []placement.Site{site("c", "192.0.2.9"), site("d", "127.0.0.1")}, 1},
		{"unknown is shared with nobody", []placement.Site{site("a", "203.0.113.1"), {}}, 1},
	} {
		if got := placement.Apart(taken, c.candidates); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	loop := site("", "127.0.0.1")
	if got := placement.Apart([]placement.Site{loop, loop}, []placement.Site{loop, site("x", "192.0.2.1")}); got != 0 {
		t.Errorf("a devnet on one loopback: %d", got)
	}
}

var sites = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) placement.Site {
	return site(rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(t, "coldkey"),
		rapid.SampledFrom([]string{"127.0.0.1", "192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "2001:db8::2"}).Draw(t, "address"))
}), 0, 12)

// shares counts what a site has in common with others.
func shares(s placement.Site, with []placement.Site) (coldkeys, networks int) {
	for _, o := range with {
		if s.Coldkey != "" && s.Coldkey == o.Coldkey {
			coldkeys++
		}
		if s.Network.IsValid() && s.Network == o.Network {
			networks++
		}
	}
	return coldkeys, networks
}

func TestApartIsTheFirstOfTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		taken, candidates := sites.Draw(t, "taken"), sites.Draw(t, "candidates")
		got := placement.Apart(taken, candidates)
		if len(candidates) == 0 {
			if got != -1 {
				t.Fatalf("%d of none", got)
			}
			return
		}
		ck, nk := shares(candidates[got], taken)
		for i, c := range candidates {
			ci, ni := shares(c, taken)
			if ci < ck || ci == ck && ni < nk || i < got && ci == ck && ni == nk {
				t.Fatalf("%d was chosen, %d is better", got, i)
			}
		}
	})
}

// Choosing one after the other, nobody's coldkey comes again before everybody's
// has come.
func TestChoosingByApartSpreadsOverColdkeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rest := sites.Draw(t, "candidates")
		var taken []placement.Site
		for len(rest) > 0 {
			at := placement.Apart(taken, rest)
			if again, _ := shares(rest[at], taken); again > 0 {
				for _, c := range rest {
					if n, _ := shares(c, taken); n == 0 {
						t.Fatalf("%v was taken again before %v", rest[at], c)
					}
				}
			}
			taken, rest = append(taken, rest[at]), slices.Delete(rest, at, at+1)
		}
	})
}
