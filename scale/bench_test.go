package scale_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/filetao/filetao/scale"
)

const neurons = 256

// answers are encoded answers of a full subnet, made from the recorded ones of
// a small one by repeating every list that is as long as the subnet.
func answers(tb testing.TB, m *scale.Metadata) map[string][]byte {
	tb.Helper()
	out := make(map[string][]byte)
	for _, c := range apiCalls(tb, "spec300") {
		if _, have := out[c.Method]; have {
			continue
		}
		api, err := m.RuntimeAPI(c.Method)
		if err != nil {
			tb.Fatal(err)
		}
		v, err := api.Decode(c.Result)
		if err != nil {
			tb.Fatal(err)
		}
		if out[c.Method], err = m.Encode(api.Output, grow(v)); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

// grow repeats every list of seven elements, the recorded subnet's size.
func grow(v scale.Value) scale.Value {
	if items, err := v.Items(); err == nil && len(items) > 0 {
		n := len(items)
		if n == 7 {
			n = neurons
		}
		more := make([]scale.Value, n)
		for i := range more {
			more[i] = grow(items[i%len(items)])
		}
		return scale.List(more...)
	}
	if f, err := v.Record(); err == nil {
		fields := make(map[string]scale.Value)
		for i, name := range f.Names {
			fields[name] = grow(f.Values[i])
		}
		return scale.Record(fields)
	}
	if inner, some, err := v.Option(); err == nil && some {
		return scale.Some(grow(inner))
	}
	return v
}

type stored struct {
	entry scale.Entry
	keys  []scale.Value
	value []byte
}

// storage is a full subnet's state: the vectors, the keys and axons of all
// neurons, and the weights of a quarter of them on all.
func storage(tb testing.TB, m *scale.Metadata) []stored {
	tb.Helper()
	var all []stored
	put := func(item string, v scale.Value, keys ...scale.Value) {
		e, err := m.Storage("SubtensorModule", item)
		if err != nil {
			tb.Fatal(err)
		}
		value, err := e.Encode(v)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, stored{e, append([]scale.Value{scale.Uint(uint16(2))}, keys...), value})
	}
	short, long, flags := make([]scale.Value, neurons), make([]scale.Value, neurons), make([]scale.Value, neurons)
	row := make([]scale.Value, neurons)
	for i := range row {
		short[i], long[i], flags[i] = scale.Uint(uint16(i*251)), scale.Uint(uint64(i)<<40), scale.Bool(i%4 == 0)
		row[i] = scale.List(scale.Uint(uint16(i)), scale.Uint(uint16(65535-i)))
	}
	for _, item := range []string{"Rank", "Trust", "Incentive", "Consensus", "Dividends", "ValidatorTrust", "PruningScores"} {
		put(item, scale.List(short...))
	}
	put("Emission", scale.List(long...))
	put("LastUpdate", scale.List(long...))
	put("Active", scale.List(flags...))
	put("ValidatorPermit", scale.List(flags...))
	axon := map[string]scale.Value{"ip": scale.Uint(uint32(0xc6336407))}
	for _, name := range []string{"block", "version", "port", "ip_type", "protocol", "placeholder1", "placeholder2"} {
		axon[name] = scale.Uint(uint8(4))
	}
	for i := range neurons {
		hotkey := binary.LittleEndian.AppendUint64(make([]byte, 24), uint64(i))
		put("Keys", scale.Bytes(hotkey), scale.Uint(uint16(i)))
		put("Axons", scale.Record(axon), scale.Bytes(hotkey))
		if i%4 == 0 {
			put("Weights", scale.List(row...), scale.Uint(uint16(i)))
		}
	}
	return all
}

func readStorage(tb testing.TB, all []stored) {
	for _, s := range all {
		if _, err := s.entry.Key(s.keys...); err != nil {
			tb.Fatal(err)
		}
		if _, _, err := s.entry.Decode(s.value); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkAnswers(b *testing.B) {
	m := parse(b, "spec300/metadata_v15.json")
	all := answers(b, m)
	for _, name := range []string{"NeuronInfoRuntimeApi_get_neurons_lite", "SubnetInfoRuntimeApi_get_metagraph"} {
		api, err := m.RuntimeAPI(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(all[name])))
			for b.Loop() {
				if _, err := api.Decode(all[name]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStorage(b *testing.B) {
	all := storage(b, parse(b, "spec300/metadata.json"))
	b.ReportAllocs()
	for b.Loop() {
		readStorage(b, all)
	}
}

func BenchmarkParseMetadata(b *testing.B) {
	raw := rawMetadata(b, "spec300/metadata_v15.json")
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := scale.ParseMetadata(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// TestFullSubnet reads a subnet of 256 neurons in every way and counts what
// that allocates, so that a metagraph stays within 30 MiB even if nothing of it
// were ever collected.
func TestFullSubnet(t *testing.T) {
	m := parse(t, "spec300/metadata_v15.json")
	all, state := answers(t, m), storage(t, m)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	readStorage(t, state)
	for _, name := range []string{"NeuronInfoRuntimeApi_get_neurons_lite", "SubnetInfoRuntimeApi_get_metagraph"} {
		api, err := m.RuntimeAPI(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := api.Decode(all[name])
		if err != nil {
			t.Fatal(err)
		}
		if items, err := v.Items(); err == nil && len(items) != neurons {
			t.Errorf("%s: %d neurons", name, len(items))
		}
	}
	runtime.ReadMemStats(&after)
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 15 {
		t.Errorf("%d MiB allocated", mib)
	}
}
