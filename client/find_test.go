package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

func uids(neurons []chain.Neuron) (list []int) {
	for _, n := range neurons {
		list = append(list, int(n.UID))
	}
	return list
}

func TestGatewaysAreTheTopByStakeThatAnswer(t *testing.T) {
	cases := []struct {
		name string
		cfg  client.Config
		edit func(*network)
		want []int
	}{
		{"a tenth of 41, rounded up", client.Config{Share: 0.1}, func(*network) {}, []int{40, 39, 38, 37, 36}},
		{"untrusted and unserved ones do not count", client.Config{Share: 0.1}, func(n *network) {
			n.graph.Neurons[40].ValidatorTrust = 0
			n.graph.Neurons[39].Axon = chain.Axon{}
		}, []int{38, 37, 36, 35, 34}},
		{"dead ones are left out", client.Config{Share: 0.1}, func(n *network) {
			n.at(40).instead = refuse("Synapse", 503)
			n.at(38).instead = hang("Synapse")
		}, []int{39, 37, 36}},
		{"when all are dead the next are pinged", client.Config{Share: 0.04}, func(n *network) {
			n.at(40).instead = refuse("Synapse", 503)
			n.at(39).instead = hang("Synapse")
		}, []int{38, 37}},
		{"at least one", client.Config{Share: 0.0001}, func(*network) {}, []int{40}},
		{"least stake", client.Config{Share: 1, MinStake: 40 * chain.TAO}, func(*network) {}, []int{40, 39}},
		{"a young network has permits only", client.Config{Share: 0.04}, func(n *network) {
			for i := range n.graph.Neurons {
				n.graph.Neurons[i].ValidatorTrust = 0
				n.graph.Neurons[i].ValidatorPermit = i < 3
			}
		}, []int{2, 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, 41)
				c.edit(n)
				start := time.Now()
				found, err := n.client(c.cfg).Gateways(t.Context())
				if err != nil || !slices.Equal(uids(found), c.want) {
					t.Fatalf("found %v, %v; want %v", uids(found), err, c.want)
				}
				if took := time.Since(start); took > 3*time.Second {
					t.Fatalf("took %v", took)
				}
			})
		})
	}
}

func TestNoGateway(t *testing.T) {
	n := newNetwork(t, 3)
	n.all(refuse("Synapse", 503))
	none := client.New(client.Config{}, client.Deps{Transport: n, Metagraph: func() *chain.Metagraph { return nil }})
	rich := n.client(client.Config{MinStake: 1000 * chain.TAO})
	for _, c := range []*client.Client{n.client(client.Config{}), none, rich} {
		if found, err := c.Gateways(t.Context()); !errors.Is(err, client.ErrNoGateway) {
			t.Fatalf("%v, %v", uids(found), err)
		}
	}
	named := client.PutOptions{Plain: true, Gateways: []wallet.Address{alice}}
	for _, c := range []*client.Client{n.client(client.Config{Attempts: 1}), none} {
		if _, err := c.Put(t.Context(), nil, named); !errors.Is(err, client.ErrNoGateway) {
			t.Fatal(err)
		}
	}
	if _, err := n.client(client.Config{Attempts: 1}).Put(t.Context(), nil, client.PutOptions{Plain: true, UIDs: []chain.UID{77}}); !errors.Is(err, client.ErrNoGateway) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.all(func(ctx context.Context, _ wire.Message) (bool, error) { return ctx.Err() != nil, nil })
	if _, err := n.client(client.Config{}).Gateways(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestNamedGatewaysAreAskedInOrder, unpinged, each once, and no others.
func TestNamedGatewaysAreAskedInOrder(t *testing.T) {
	n := newNetwork(t, 6)
	n.at(0).instead = refuse("StoreUser", 403)
	stored := put(t, n.client(client.Config{}), "x", client.PutOptions{
		Gateways: []wallet.Address{n.hotkey(0), n.hotkey(2)}, UIDs: []chain.UID{0, 3},
	})
	if !slices.Equal(stored.Gateways, []wallet.Address{n.hotkey(2)}) || n.asked("Synapse") != 0 || n.asked("StoreUser") != 2 {
		t.Fatalf("%+v after %d pings and %d requests", stored, n.asked("Synapse"), n.asked("StoreUser"))
	}
}

// TestDefaults are the reference's (3 gateways of the top tenth, pings of
// 3 s, 3 rounds, 2 s doubling, 100 s, 30 days): changing one is a decision.
func TestDefaults(t *testing.T) {
	got := fmt.Sprintf("%+v", client.DefaultConfig())
	want := "{Ask:3 Share:0.1 MinStake:0 TAO PingTimeout:3s Timeout:1m40s GetTimeout:10m0s Hedge:20s Attempts:3 Backoff:2s TTL:720h0m0s Segments:3 SegmentSize:67108864 Tries:5}"
	if got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}
