package substrate

import (
	"context"

	"github.com/filetao/filetao/chain"
)

// network is a public chain that goes by a name.
type network struct {
	name      string
	endpoints []string
	genesis   chain.Hash // zero: any
}

// networks are those known. The first genesis is the one that subtensor's own
// code takes for its mainnet's, where a migration is for that alone; the second
// is what the test network's nodes answer to chain_getBlockHash of 0.
func networks() []network {
	return []network{
		{"finney", []string{"wss://entrypoint-finney.opentensor.ai:443"}, chain.Hash{
			0x2f, 0x05, 0x55, 0xcc, 0x76, 0xfc, 0x28, 0x40, 0xa2, 0x5a, 0x6e, 0xa3, 0xb9, 0x63, 0x71, 0x46,
			0x80, 0x6f, 0x1f, 0x44, 0xb0, 0x90, 0xc1, 0x75, 0xff, 0xde, 0x2a, 0x7e, 0x5a, 0xb3, 0x6c, 0x03,
		}},
		{"test", []string{"wss://test.finney.opentensor.ai:443"}, chain.Hash{
			0x8f, 0x9c, 0xf8, 0x56, 0xbf, 0x55, 0x8a, 0x14, 0x44, 0x0e, 0x75, 0x56, 0x9c, 0x9e, 0x58, 0x59,
			0x47, 0x57, 0x04, 0x8d, 0x7b, 0x3a, 0x84, 0xb5, 0xd2, 0x5f, 0x6b, 0xd9, 0x78, 0x26, 0x31, 0x05,
		}},
		{"local", []string{"ws://127.0.0.1:9944"}, chain.Hash{}},
	}
}

// Endpoints are the public addresses of a network known by name: finney, test,
// local.
func Endpoints(name string) ([]string, bool) {
	for _, n := range networks() {
		if n.name == name {
			return n.endpoints, true
		}
	}
	return nil, false
}

// Genesis is block 0 of a public network, finney or test: what Config.Genesis
// is for it. It is zero for all others, which may be any chain.
func Genesis(name string) chain.Hash {
	for _, n := range networks() {
		if n.name == name {
			return n.genesis
		}
	}
	return chain.Hash{}
}

// NetworkOf names the public network that a genesis is of, however its
// endpoint was found; "" for any other chain.
func NetworkOf(genesis chain.Hash) string {
	for _, n := range networks() {
		if n.genesis == genesis && genesis != (chain.Hash{}) {
			return n.name
		}
	}
	return ""
}

// called is a chain in words.
func called(genesis chain.Hash) string {
	if name := NetworkOf(genesis); name != "" {
		return name + " (genesis " + genesis.String() + ")"
	}
	return "a chain with genesis " + genesis.String()
}

// Genesis is block 0 of the chain that the client is connected to. NetworkOf
// names it.
func (c *Client) Genesis(ctx context.Context) (chain.Hash, error) {
	s, err := c.ready(ctx, nil)
	if err != nil {
		return chain.Hash{}, err
	}
	return s.genesis, nil
}
