package fleet_test

import (
	"testing"
	"time"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
)

const benchSize = 64 << 20

// What storing 64 MiB at one miner costs the asker, beside hashing the datum once
// for all of them (hash, which before there were replicas was all there was, with
// one record): mask, hash and record; and of a miner of ours root and tags.
func BenchmarkReplica(b *testing.B) {
	data := make([]byte, benchSize)
	state := proof.NewState()
	state.Write(data)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"mask", func() { envelope.MaskSecret{}.Mask([32]byte{1}, [32]byte{2}, data) }},
		{"hash", func() { proof.Sum(data) }},
		{"record", func() {
			if _, err := (audit.Secret{}).Record(data, state); err != nil {
				b.Fatal(err)
			}
		}},
		{"root", func() { blocktree.Sum(data) }},
		{"tags", func() { por.Key{}.Tags(data) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(benchSize)
			for range b.N {
				c.run()
			}
		})
	}
}

// Storing 64 MiB at three miners, their own hashing included.
func BenchmarkSpread(b *testing.B) {
	for _, name := range []string{"reference", "native"} {
		b.Run(name, func(b *testing.B) {
			net := fleettest.New(b, 3)
			if name == "native" {
				native(net)
			}
			f := newFleet(net, fleet.Config{})
			data := make([]byte, benchSize)
			b.SetBytes(benchSize)
			for i := range b.N {
				data[0], data[1] = byte(i), byte(i>>8)
				d := fleet.NewDatum(data)
				if _, err := f.Spread(b.Context(), d, index.User, time.Hour, 3, net.Neurons()); err != nil {
					b.Fatal(err)
				}
				for j := range net.Miners {
					f.Delete(b.Context(), net.Neuron(j), d.Hash())
				}
			}
		})
	}
}
