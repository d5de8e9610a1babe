package wire

import "testing"

// The message as docs/formats.md has it; see TestFields.
func TestDrainsFields(t *testing.T) {
	m := &Drain{Leave: true, Shards: 2, Bytes: 3, Exit: []byte("e"), Signature: []byte("s")}
	want := []Field{
		{Name: "leave", Required: true, Hashed: true}, {Name: "shards", Answer: true}, {Name: "bytes", Answer: true},
		{Name: "exit", Answer: true}, {Name: "signature", Answer: true},
	}
	got := m.Fields()
	if m.Name() != "Drain" || len(got) != len(want) {
		t.Fatalf("%s with %d fields", m.Name(), len(got))
	}
	values := []any{&m.Leave, &m.Shards, &m.Bytes, &m.Exit, &m.Signature}
	for i, f := range got {
		if f.Value != values[i] {
			t.Errorf("%s points elsewhere", f.Name)
		}
		if f.Value = nil; f != want[i] {
			t.Errorf("%+v, want %+v", f, want[i])
		}
	}
}
