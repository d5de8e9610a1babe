package client_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/netip"
	"sync"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// network is a subnet of gateways without sockets: a wire.Transport.
type network struct {
	graph    chain.Metagraph
	gateways map[wallet.Address]*gateway
}

// gateway keeps files in memory and answers like the product's, unless a test
// has it do something else.
type gateway struct {
	// instead, if set, is asked first; done says that it has answered.
	instead func(ctx context.Context, msg wire.Message) (done bool, err error)

	mu    sync.Mutex // guards what follows
	files map[string]wire.StoreUser
	asked map[string]int
}

func newNetwork(t testing.TB, n int) *network {
	t.Helper()
	net, err := makeNetwork(n)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// exampleNetwork is one for examples, which have no test to fail.
func exampleNetwork() *network {
	net, err := makeNetwork(1)
	if err != nil {
		log.Fatal(err)
	}
	return net
}

// makeNetwork makes n trusted neurons, the higher the UID the more stake.
func makeNetwork(n int) (*network, error) {
	net := &network{graph: chain.Metagraph{NetUID: 21}, gateways: map[wallet.Address]*gateway{}}
	for i := range n {
		key, err := wallet.KeypairFromURI(fmt.Sprintf("//gateway%d", i))
		if err != nil {
			return nil, err
		}
		net.graph.Neurons = append(net.graph.Neurons, chain.Neuron{
			UID: chain.UID(i), Hotkey: key.Address(), Stake: chain.Rao(i+1) * chain.TAO, ValidatorTrust: 65535, ValidatorPermit: true,
			Axon: chain.Axon{Block: 1, IP: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Port: uint16(9000 + i)},
		})
		net.gateways[key.Address()] = &gateway{files: map[string]wire.StoreUser{}, asked: map[string]int{}}
	}
	return net, nil
}

// Metagraph is the subnet.
func (n *network) Metagraph() *chain.Metagraph { return &n.graph }

func (n *network) at(uid int) *gateway           { return n.gateways[n.graph.Neurons[uid].Hotkey] }
func (n *network) hotkey(uid int) wallet.Address { return n.graph.Neurons[uid].Hotkey }

// all has every gateway do something else.
func (n *network) all(instead func(context.Context, wire.Message) (bool, error)) {
	for _, g := range n.gateways {
		g.instead = instead
	}
}

// asked sums how often gateways got a message of that name.
func (n *network) asked(name string) (sum int) {
	for _, g := range n.gateways {
		g.mu.Lock()
		sum += g.asked[name]
		g.mu.Unlock()
	}
	return sum
}

// client makes one whose share of the subnet is all of it.
func (n *network) client(cfg client.Config) *client.Client {
	if cfg.Share == 0 {
		cfg.Share = 1
	}
	return client.New(cfg, client.Deps{Transport: n, Metagraph: n.Metagraph})
}

// Call implements wire.Transport.
func (n *network) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	g := n.gateways[to.Hotkey]
	g.mu.Lock()
	g.asked[msg.Name()]++
	g.mu.Unlock()
	if g.instead != nil {
		if done, err := g.instead(ctx, msg); done {
			if ctx.Err() != nil {
				err = wire.Timeout("gave up: %w", ctx.Err())
			}
			return wire.Exchange{}, err
		}
	}
	return wire.Exchange{}, g.answer(ctx, wire.Caller{}, msg)
}

func (g *gateway) answer(_ context.Context, _ wire.Caller, msg wire.Message) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch m := msg.(type) {
	case *wire.StoreUser:
		m.DataHash = cid.Sum(m.EncryptedData)
		g.files[m.DataHash] = wire.StoreUser{EncryptedData: bytes.Clone(m.EncryptedData), EncryptionPayload: m.EncryptionPayload, TTL: m.TTL}
		m.EncryptedData = nil
	case *wire.RetrieveUser:
		f, ok := g.files[m.DataHash]
		if !ok {
			return wire.NotFound("no such file")
		}
		m.EncryptedData, m.EncryptionPayload = bytes.Clone(f.EncryptedData), f.EncryptionPayload
	case *wire.DeleteUser:
		if _, m.Deleted = g.files[m.DataHash]; !m.Deleted {
			return wire.NotFound("no such file")
		}
		delete(g.files, m.DataHash)
	}
	return nil
}

// refuse answers a kind of message with a status.
func refuse(name string, status int) func(context.Context, wire.Message) (bool, error) {
	return func(_ context.Context, msg wire.Message) (bool, error) {
		return msg.Name() == name, wire.Errorf(status, "refused by the test")
	}
}

// hang answers a kind of message never.
func hang(name string) func(context.Context, wire.Message) (bool, error) {
	return func(ctx context.Context, msg wire.Message) (bool, error) {
		if msg.Name() == name {
			<-ctx.Done()
		}
		return msg.Name() == name, nil
	}
}

// key is a user's, without the seconds of its derivation.
func key() *envelope.Key { return &envelope.Key{1, 2, 3} }

func put(t *testing.T, c *client.Client, data string, o client.PutOptions) client.Stored {
	t.Helper()
	if !o.Plain && o.Encrypt == nil {
		o.Encrypt = key()
	}
	stored, err := c.Put(t.Context(), []byte(data), o)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}
