package stream

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

func aRequest() request {
	return request{
		name: "PutShard", caller: [32]byte{1}, server: [32]byte{2}, time: 1_700_000_000_123, nonce: [16]byte{3}, timeout: 12_000,
		software: Version, content: content{body: 1 << 26, fields: 31, hash: [32]byte{4}},
	}
}

func anAnswer() answer {
	return answer{request: [32]byte{5}, status: 507, text: "no room", software: Version, content: content{fields: 1, hash: [32]byte{6}}}
}

func FuzzRequest(f *testing.F) {
	f.Add(aRequest().encode())
	f.Add(request{name: "x"}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRequest(b)
		if err == nil && (!bytes.Equal(q.encode(), b) || !validName(q.name) || q.body < 0 || q.fields < 0 || q.body+q.fields < 0) {
			t.Errorf("%+v is not what it was read from", q)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(anAnswer().encode())
	f.Add(answer{}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnswer(b)
		if err == nil && (!bytes.Equal(a.encode(), b) || len(a.text) > maxText || strings.ContainsAny(a.text, "\r\n\x1b") || a.body+a.fields < 0) {
			t.Errorf("%+v is not what it was read from", a)
		}
	})
}

// all has a field of every type.
type all struct {
	text    string
	textOr  *string
	data    []byte
	dataOr  []byte
	number  int64
	orNone  *int64
	big     *big.Int
	truth   bool
	answer  []byte
	another string
}

func (*all) Name() string { return "All" }

func (m *all) Fields() []wire.Field {
	return []wire.Field{
		{Name: "text", Value: &m.text}, {Name: "textOr", Value: &m.textOr}, {Name: "data", Value: &m.data, Required: true},
		{Name: "answer", Value: &m.answer, Answer: true}, {Name: "dataOr", Value: &m.dataOr}, {Name: "number", Value: &m.number},
		{Name: "orNone", Value: &m.orNone}, {Name: "big", Value: &m.big}, {Name: "truth", Value: &m.truth},
		{Name: "another", Value: &m.another, Answer: true},
	}
}

func samples() []*all {
	word, n := "é\x00", int64(-1)
	return []*all{
		{}, {data: []byte{}, dataOr: []byte{}, big: big.NewInt(0), another: "x"},
		{text: "text", textOr: &word, data: bytes.Repeat([]byte("d"), largeValue), dataOr: []byte{0}, number: 1 << 62, orNone: &n, big: big.NewInt(-256), truth: true, answer: []byte("a")},
	}
}

func encodeAll(t testing.TB, m *all, answers bool) []byte {
	e, err := encodeFields(m.Fields(), answers)
	check(t, err)
	b := bytes.Join(e.parts, nil)
	if int64(len(b)) != e.size {
		t.Errorf("%d bytes, not %d", len(b), e.size)
	}
	return b
}

func FuzzFields(f *testing.F) {
	for _, m := range samples() {
		f.Add(encodeAll(f, m, false))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m all
		if decodeFields(b, m.Fields(), false) == nil && !bytes.Equal(encodeAll(t, &m, false), b) {
			t.Errorf("%+v is not what it was read from", m)
		}
	})
}

func TestFieldsComeBack(t *testing.T) {
	for i, m := range samples() {
		var got all
		check(t, decodeFields(encodeAll(t, m, false), got.Fields(), false))
		check(t, decodeFields(encodeAll(t, m, true), got.Fields(), true))
		if m.data == nil {
			m.data = []byte{} // required ones are never null
		}
		if !reflect.DeepEqual(&got, m) {
			t.Errorf("case %d: %+v, want %+v", i, got, *m)
		}
	}
	for _, bad := range []*all{{text: "\xff"}, {text: strings.Repeat("x", maxTextField+1)}, {big: new(big.Int).Lsh(big.NewInt(1), 8*maxBig)}} {
		if _, err := encodeFields(bad.Fields(), false); err == nil {
			t.Error("what nobody reads is sent")
		}
	}
}

// vector is a case of testdata/vectors/stream; bytes are in hex.
type vector struct {
	Kind       string `json:"kind"` // request or answer
	Key        string `json:"key"`  // of the signer, as a URI
	Statement  string `json:"statement"`
	Head       string `json:"head"` // with its length and signature
	Digest     string `json:"digest"`
	Name       string `json:"name,omitempty"`
	Text       string `json:"text,omitempty"`
	Status     uint16 `json:"status,omitempty"`
	Time       int64  `json:"time,omitempty"`
	Timeout    int64  `json:"timeout,omitempty"`
	Body       int64  `json:"body"`
	Fields     int64  `json:"fields"`
	FieldsHex  string `json:"fields_hex"`
	FieldsHash string `json:"fields_hash"`
}

// TestVectors: what was sent once is understood for ever.
func TestVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "stream", "heads.json"))
	check(t, err)
	var cases []vector
	check(t, json.Unmarshal(data, &cases))
	if len(cases) < 2 {
		t.Fatal("no vectors")
	}
	for _, v := range cases {
		head, err := hex.DecodeString(v.Head)
		check(t, err)
		sealed, err := unseal(head[4:])
		check(t, err)
		domain, got := requestDomain, vector{Kind: v.Kind, Key: v.Key, Head: v.Head, FieldsHex: v.FieldsHex}
		if v.Kind == "answer" {
			a, err := parseAnswer(sealed.statement)
			check(t, err)
			domain, got.Status, got.Text = answerDomain, a.status, a.text
			got.Body, got.Fields, got.FieldsHash = a.body, a.fields, hex.EncodeToString(a.hash[:])
		} else {
			q, err := parseRequest(sealed.statement)
			check(t, err)
			got.Name, got.Time, got.Timeout = q.name, q.time, int64(q.timeout)
			got.Body, got.Fields, got.FieldsHash = q.body, q.fields, hex.EncodeToString(q.hash[:])
		}
		digest := digestOf(domain, sealed.statement)
		got.Statement, got.Digest = hex.EncodeToString(sealed.statement), hex.EncodeToString(digest[:])
		if got != v {
			t.Errorf("%+v, want %+v", got, v)
		}
		check(t, wallet.Verify(wiretest.Key(t, v.Key).Address(), signed(domain, digest), sealed.signature))
		fields, err := hex.DecodeString(v.FieldsHex)
		check(t, err)
		if _, err := readFields(bytes.NewReader(fields), content{fields: v.Fields, hash: [32]byte(unhex(t, v.FieldsHash))}); err != nil {
			t.Error(err)
		}
		var m wire.PutShard
		check(t, decodeFields(fields, m.Fields(), v.Kind == "answer"))
	}
}

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	check(t, err)
	return b
}
