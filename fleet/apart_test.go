package fleet_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// locate gives miner i a coldkey and an address; without sockets nobody minds.
func locate(net *fleettest.Net, i int, coldkey, addr string) {
	net.Change(func(m *chain.Metagraph) {
		m.Neurons[i+1].Coldkey, m.Neurons[i+1].Axon.IP = wallet.Address(coldkey), netip.MustParseAddr(addr)
	})
}

// crowded is nine miners of which the first six have one coldkey and one
// network.
func crowded(t *testing.T) *fleettest.Net {
	net := fleettest.New(t, 9)
	for i := range 9 {
		if i < 6 {
			locate(net, i, "crowd", fmt.Sprintf("192.0.2.%d", i+1))
		} else {
			locate(net, i, fmt.Sprint("owner", i), fmt.Sprintf("198.51.%d.1", i))
		}
	}
	return net
}

// holders says which miners hold a datum.
func holders(t *testing.T, net *fleettest.Net, d *fleet.Datum) (at []int) {
	t.Helper()
	addresses, err := net.Index.Holders(t.Context(), d.Hash())
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range net.Miners {
		if slices.Contains(addresses, m.Hotkey()) {
			at = append(at, i)
		}
	}
	return at
}

func spreadOver(t *testing.T, f *fleet.Fleet, net *fleettest.Net, want int, data string) []int {
	t.Helper()
	d := fleet.NewDatum([]byte(data))
	if _, err := f.Spread(t.Context(), d, index.User, time.Hour, want, net.Neurons()); err != nil {
		t.Fatal(err)
	}
	return holders(t, net, d)
}

// crowd counts those of the first six.
func crowd(at []int) (n int) {
	for _, i := range at {
		if i < 6 {
			n++
		}
	}
	return n
}

func TestSpreadStandsApart(t *testing.T) {
	net := crowded(t)
	f := newFleet(net, fleet.Config{StoreTimeout: 300 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
	if at := spreadOver(t, f, net, 3, "one"); crowd(at) != 1 || len(at) != 3 {
		t.Errorf("held by %v", at)
	}
	// Those being asked count: four at a time are four owners.
	if at := spreadOver(t, f, net, 4, "two"); crowd(at) != 1 || len(at) != 4 {
		t.Errorf("held by %v", at)
	}
	net.Miners[7].Behave(fleettest.Failing, "Store")
	if at := spreadOver(t, f, net, 3, "three"); crowd(at) != 1 || len(at) != 3 {
		t.Errorf("one failed: held by %v", at)
	}
	// With two others left the crowd has to have it twice, and no more.
	if at := spreadOver(t, f, net, 4, "four"); crowd(at) != 2 || len(at) != 4 {
		t.Errorf("four, and one fails: held by %v", at)
	}
}

// What a failed candidate shared with others it shares no more.
func TestFailureFreesItsSite(t *testing.T) {
	net := fleettest.New(t, 4)
	locate(net, 0, "a", "192.0.2.1")
	locate(net, 1, "b", "192.0.3.1")
	locate(net, 2, "b", "192.0.3.2")
	locate(net, 3, "a", "192.0.2.2")
	net.Miners[1].Behave(fleettest.Failing, "Store")
	f := newFleet(net, fleet.Config{Parallel: 1})
	if at := spreadOver(t, f, net, 2, "data"); !slices.Equal(at, []int{0, 2}) {
		t.Errorf("held by %v", at)
	}
}

func TestHoldersCountAsTaken(t *testing.T) {
	net := crowded(t)
	f := newFleet(net, fleet.Config{})
	store(t, f, net, 2, []byte("data"))
	if at := spreadOver(t, f, net, 3, "data"); !slices.Equal(at, []int{2, 6, 7, 8}) {
		t.Errorf("held by %v", at)
	}
}

func TestOneOwnerIsBetterThanNoCopies(t *testing.T) {
	net := fleettest.New(t, 4)
	for i := range 4 {
		locate(net, i, "everybody", fmt.Sprintf("192.0.2.%d", i+1))
	}
	f := newFleet(net, fleet.Config{})
	if at := spreadOver(t, f, net, 3, "data"); !slices.Equal(at, []int{0, 1, 2}) {
		t.Errorf("held by %v", at)
	}
	if n := net.Miners[3].Asked("Store") + net.Miners[0].Asked("Synapse"); n != 0 {
		t.Errorf("among equals the order decides, without pings: %d", n)
	}
}

// A miner that stands apart but is dead costs a ping, not a store's timeout, and
// is still asked when nobody else is left.
func TestTheSilentAreNotPreferred(t *testing.T) {
	net := fleettest.New(t, 3)
	locate(net, 0, "a", "192.0.2.1")
	locate(net, 1, "a", "192.0.2.2")
	locate(net, 2, "b", "198.51.100.1")
	net.Miners[2].Behave(fleettest.Silent, "Synapse")
	f := newFleet(net, fleet.Config{PingTimeout: 50 * time.Millisecond})
	if at := spreadOver(t, f, net, 2, "data"); !slices.Equal(at, []int{0, 1}) || net.Miners[2].Asked("Store") != 0 {
		t.Errorf("held by %v", at)
	}
	net.Miners[1].Behave(fleettest.Failing, "Store")
	if at := spreadOver(t, f, net, 2, "more"); !slices.Equal(at, []int{0, 2}) {
		t.Errorf("nobody else left: held by %v", at)
	}
}
