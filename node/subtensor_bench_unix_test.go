//go:build unix

package node

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substrate"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/wallet"
)

// BenchmarkMetagraph is what a node pays for each block of a full subnet: 256
// neurons, all serving. The chain's part, in the same process, is counted in.
func BenchmarkMetagraph(b *testing.B) {
	for _, spec := range []uint32{185, 218, 300} {
		b.Run(fmt.Sprint(spec), func(b *testing.B) {
			g := substratetest.DefaultGenesis()
			g.Neurons = full()
			n := substratetest.Start(b, substratetest.Config{Runtime: spec, Genesis: &g, StateKept: 16})
			on, err := substrate.Dial(b.Context(), substrate.Config{Endpoints: []string{n.URL()}}, substrate.Deps{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = on.Close() })
			m, err := on.Metagraph(b.Context(), 1)
			if err != nil || len(m.Neurons) != 256 || !m.Neurons[255].Axon.Serving() {
				b.Fatal("the metagraph is not full", err)
			}
			b.ReportAllocs()
			before, cpu := heap(), processTime(b)
			b.ResetTimer()
			for b.Loop() {
				if m, err = on.Metagraph(b.Context(), 1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((processTime(b)-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(int64(heap())-int64(before))/(1<<20), "MiB-kept")
			runtime.KeepAlive(m)
		})
	}
}

func full() []substratetest.Neuron {
	list := make([]substratetest.Neuron, 256)
	for i := range list {
		list[i] = substratetest.Neuron{
			Hotkey: wallet.AddressOf(sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i)))), Coldkey: substratetest.Alice,
			Stake: chain.Rao(i+1) * chain.TAO, Permit: i%4 == 0,
			Axon: chain.Axon{Block: 1, Version: 302, IP: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), Port: 8091, Protocol: 4},
		}
	}
	return list
}

// heap is what lives after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
