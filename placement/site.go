package placement

import "net/netip"

// Site is where a miner stands: what it shares with miners that may fail, or
// cheat, together with it.
type Site struct {
	// Coldkey is who owns it; "" is not known, and shared with nobody.
	Coldkey string
	// Network is NetworkOf its address; an invalid one is shared with nobody.
	Network netip.Prefix
}

// NetworkOf is the network that an address counts to: the /24 of an IPv4
// address, also of one that is mapped into IPv6, and the /48 of an IPv6 one.
// Loopback, link-local and unspecified addresses say nothing about where a
// miner stands, and have none: the prefix is invalid.
func NetworkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() {
		return netip.Prefix{}
	}
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // cannot fail: the address is valid and so long
	return p
}

// Apart is the index of the candidate that stands most apart from those taken:
// the first one with the fewest of them under its coldkey, and among these with
// the fewest in its network. A coldkey weighs more, because one owner may rent
// in many networks, while neighbours seldom know each other. It is -1 without
// candidates.
func Apart(taken, candidates []Site) int {
	best, least := -1, [2]int{}
	for i, c := range candidates {
		if s := c.shared(taken); best < 0 || s[0] < least[0] || s[0] == least[0] && s[1] < least[1] {
			best, least = i, s
		}
	}
	return best
}

// shared counts who of the taken has the site's coldkey, and its network.
func (s Site) shared(taken []Site) (n [2]int) {
	for _, t := range taken {
		if s.Coldkey != "" && s.Coldkey == t.Coldkey {
			n[0]++
		}
		if s.Network.IsValid() && s.Network == t.Network {
			n[1]++
		}
	}
	return n
}
