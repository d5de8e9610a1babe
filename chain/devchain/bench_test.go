package devchain

import (
	"testing"

	"github.com/filetao/filetao/chain"
)

// crowd is a chain on disk whose subnet is full: 256 neurons, 64 of them
// validators with a weight on everybody.
func crowd(b *testing.B) *Devchain {
	cfg := testConfig()
	cfg.Dir = b.TempDir()
	cfg.Hyperparameters.MaxUIDs = 256
	d := openTest(b, cfg)
	stakes := make([]chain.Rao, 256)
	all := make([]uint16, 256)
	for i := range stakes {
		all[i] = uint16(i + 1)
		if i < 64 {
			stakes[i] = 2000 * chain.TAO
		}
	}
	s := populated(&d.cfg, stakes...)
	s.Head = d.state.Load().Head
	for i := range 64 {
		s.Weights[i] = upscale(row(all...))
	}
	d.state.Store(s)
	return d
}

func BenchmarkStep(b *testing.B) {
	d := crowd(b)
	b.ResetTimer()
	for b.Loop() {
		step(b, d)
	}
}

func BenchmarkEpoch(b *testing.B) {
	d := crowd(b)
	s := d.state.Load()
	b.ResetTimer()
	for b.Loop() {
		d.cfg.epoch(s)
	}
}

func BenchmarkRemoteMetagraph(b *testing.B) {
	d := crowd(b)
	r := dial(b, RemoteConfig{Endpoint: serve(b, d, ServerConfig{}).URL()})
	b.ResetTimer()
	for b.Loop() {
		if _, err := r.Metagraph(b.Context(), net1); err != nil {
			b.Fatal(err)
		}
	}
}
