package manifest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
)

const alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"

func place(n int) manifest.Place {
	return manifest.Place{Number: n, Miner: alice, Root: erasure.Root{9, byte(n)}.String(), Addr: "[2001:db8::1]:8091"}
}

// exported is three, of which the second segment is held by nobody.
func exported() manifest.Export {
	return manifest.Export{
		V: manifest.ExportVersion, Manifest: three().Encode(), Signature: bytes.Repeat([]byte{7}, 64),
		Placement: manifest.Placement{Segments: [][]manifest.Place{{place(0), place(7), place(7)}, nil, {place(2)}}},
	}
}

func document(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExportRoundTrip(t *testing.T) {
	e := exported()
	got, err := manifest.ParseExport(document(t, e))
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Fatalf("%v: %+v", err, got)
	}
	m, err := got.Verify(func(owner [32]byte, text, sig []byte) error {
		if owner != three().Owner || !bytes.Equal(text, three().Text()) || !bytes.Equal(sig, e.Signature) {
			return errors.New("something else is verified")
		}
		return nil
	})
	if err != nil || !reflect.DeepEqual(m, three()) {
		t.Errorf("%v: %+v", err, m)
	}
}

func TestVerifyRefuses(t *testing.T) {
	errSignature := errors.New("signature")
	for _, c := range []struct {
		name   string
		want   error
		change func(*manifest.Export)
	}{
		{"no manifest", manifest.ErrManifest, func(e *manifest.Export) { e.Manifest = nil }},
		{"changed manifest", errSignature, func(e *manifest.Export) { e.Manifest[5] ^= 1 }},
		{"fewer segments", manifest.ErrPlacement, func(e *manifest.Export) { e.Placement.Segments = e.Placement.Segments[1:] }},
		{"more segments", manifest.ErrPlacement, func(e *manifest.Export) {
			e.Placement.Segments = append(e.Placement.Segments, []manifest.Place{place(0)})
		}},
		{"no shard 128", manifest.ErrPlacement, func(e *manifest.Export) { e.Placement.Segments[2][0].Number = 128 }},
		{"no shard -1", manifest.ErrPlacement, func(e *manifest.Export) { e.Placement.Segments[2][0].Number = -1 }},
	} {
		e := exported()
		c.change(&e)
		_, err := e.Verify(func(_ [32]byte, text, _ []byte) error {
			if !bytes.Equal(text, three().Text()) {
				return errSignature
			}
			return nil
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPlacementDocument(t *testing.T) {
	const golden = `{"segments":[[{"number":7,"miner":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY","root":"12","addr":"203.0.113.1:8091"}],[]]}`
	p, err := manifest.ParsePlacement([]byte(golden))
	want := manifest.Placement{Segments: [][]manifest.Place{{{Number: 7, Miner: alice, Root: "12", Addr: "203.0.113.1:8091"}}, nil}}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Fatalf("%+v, %v", p, err)
	}
	if got := string(document(t, p)); got != golden {
		t.Errorf("written as %s", got)
	}
	if got := string(document(t, manifest.Placement{})); got != `{"segments":[]}` {
		t.Errorf("none is written as %s", got)
	}
}

func badPlacements() map[string]string {
	good := `{"number":0,"miner":"5","root":"1","addr":""}`
	all := func(places string) string { return `{"segments":[[` + places + `]]}` }
	bad := map[string]string{
		"nothing": "", "null": "null", "a list": "[]", "an object": "{}", "no list": `{"segments":null}`, "text": `{"segments":"x"}`,
		"open": `{"segments":[`, "half": `{"segments":[]`, "more": `{"segments":[]}{}`, "twice": `{"segments":[],"segments":[]}`,
		"another member": `{"segments":[],"x":1}`, "upper case": `{"Segments":[]}`, "nulls": all("null"), "empty": all("{}"),
		"null segment": `{"segments":[null]}`, "number": `{"segments":[[1]]}`, "huge number": all(strings.Replace(good, "0", "1e99", 1)),
		"unknown member": all(`{"number":0,"miner":"5","root":"1","addr":"","x":1}`),
		"too many":       all(strings.Repeat(good+",", manifest.MaxPlaces) + good),
		"too many lists": `{"segments":[` + strings.Repeat("[],", manifest.MaxSegments) + "[]]}",
	}
	for member, values := range map[string][]string{
		`"number":0`:  {`"number":-1`, `"number":128`, `"number":0.5`, `"number":"0"`},
		`"miner":"5"`: {`"miner":""`, `"miner":"0"`, `"miner":"5 5"`, `"miner":"` + strings.Repeat("5", 65) + `"`},
		`"root":"1"`:  {`"root":""`, `"root":"01"`, `"root":1`, `"root":"-1"`, `"root":"` + strings.Repeat("9", 78) + `"`},
		`"addr":""`:   {`"addr":"a b"`, `"addr":"\n"`, `"addr":"` + strings.Repeat("x", 256) + `"`},
	} {
		for _, v := range values {
			bad[fmt.Sprintf("%.30s", v)] = all(strings.Replace(good, member, v, 1))
		}
	}
	return bad
}

func TestBadDocuments(t *testing.T) {
	for name, text := range badPlacements() {
		if _, err := manifest.ParsePlacement([]byte(text)); !errors.Is(err, manifest.ErrPlacement) {
			t.Errorf("%s: %v", name, err)
		}
		export := bytes.Replace(document(t, manifest.Export{V: 1, Signature: make([]byte, 64)}), []byte(`{"segments":[]}`), []byte(text), 1)
		if _, err := manifest.ParseExport(export); !errors.Is(err, manifest.ErrExport) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := string(document(t, exported()))
	for name, text := range map[string]string{
		"version 2":      strings.Replace(good, `"v":1`, `"v":2`, 1),
		"no version":     strings.Replace(good, `"v":1,`, ``, 1),
		"unknown member": strings.Replace(good, `"v":1`, `"v":1,"w":1`, 1),
		"no signature":   strings.Replace(good, `"signature"`, `"manifest"`, 1),
		"more":           good + "x",
		"manifest twice": strings.Replace(good, `"v":1`, `"v":1,"manifest":""`, 1),
		"places twice":   strings.Replace(good, `"v":1`, `"v":1,"placement":{"segments":[]}`, 1),
		"no base64":      strings.Replace(good, `"manifest":"`, `"manifest":"!`, 1),
	} {
		if _, err := manifest.ParseExport([]byte(text)); !errors.Is(err, manifest.ErrExport) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A long document of next to nothing takes little more memory than itself.
func TestDocumentsAreBounded(t *testing.T) {
	long := make([]byte, manifest.MaxDocument+1)
	if _, err := manifest.ParsePlacement(long); !errors.Is(err, manifest.ErrPlacement) {
		t.Error(err)
	}
	for _, item := range []string{"[],", "[{}],", "[null],", "null,"} {
		text := `{"segments":[` + strings.Repeat(item, (8<<20)/len(item)) + "[]]}"
		bounded(t, item, func() error {
			_, err := manifest.ParsePlacement([]byte(text))
			return err
		}, manifest.ErrPlacement)
		bounded(t, item, func() error { return readLong(`{"v":1,"placement":` + text + `}`) }, manifest.ErrExport)
	}
	const much = 64 << 20
	for name, c := range map[string][2]string{
		"miner":     {`{"v":1,"placement":{"segments":[[{"number":0,"miner":"`, "5"},
		"space":     {`{"v":1,"placement":{"segments":[[`, " "},
		"space 2":   {`{"v":1,"placement":{"segments":[`, " "},
		"member":    {`{"v":1,"`, "x"},
		"signature": {`{"v":1,"signature":"`, "A"},
		"manifest":  {`{"v":1,"manifest":"`, "A"},
	} {
		bounded(t, name, func() error {
			_, err := manifest.ReadExport(io.MultiReader(strings.NewReader(c[0]), io.LimitReader(endless(c[1][0]), much)))
			return err
		}, manifest.ErrExport)
	}
}

func readLong(text string) error {
	_, err := manifest.ReadExport(strings.NewReader(text))
	return err
}

// endless is a reader of one byte for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// bounded checks that something fails in little memory.
func bounded(t *testing.T, name string, do func() error, want error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := do(); !errors.Is(err, want) {
		t.Errorf("%s: %v", name, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 48<<20 {
		t.Errorf("%s: %d MiB allocated", name, used>>20)
	}
}

// What Write writes is the document that it always was.
func TestExportIsWritten(t *testing.T) {
	for _, e := range []manifest.Export{exported(), {V: 1, Signature: make([]byte, 64)}} {
		var out bytes.Buffer
		if err := e.Write(&out); err != nil || out.String() != string(document(t, e))+"\n" {
			t.Errorf("%v: %s", err, out.String())
		}
		if got, err := manifest.ReadExport(&out); err != nil || len(got.Placement.Segments) != len(e.Placement.Segments) {
			t.Errorf("%v: %+v", err, got)
		}
	}
}
