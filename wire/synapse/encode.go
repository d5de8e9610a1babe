package synapse

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/filetao/filetao/wire"
)

// terminal is one end of an exchange as it stands in bodies.
type terminal struct {
	StatusCode    *int     `json:"status_code"`
	StatusMessage *string  `json:"status_message"`
	ProcessTime   *float64 `json:"process_time"`
	IP            *string  `json:"ip"`
	Port          *int     `json:"port"`
	Version       *uint64  `json:"version"`
	Nonce         *uint64  `json:"nonce"`
	UUID          *string  `json:"uuid"`
	Hotkey        *string  `json:"hotkey"`
	Signature     *string  `json:"signature"`
}

// body is a JSON body ready to be sent, any number of times. Bytes of the
// message stay where they are and become base64 on the way.
type body struct {
	parts []part
	size  int64
}

// part is a stretch of JSON text or bytes to be sent as base64.
type part struct {
	data []byte
	blob bool
}

func (p part) size() int64 {
	if p.blob {
		return int64(base64.StdEncoding.EncodedLen(len(p.data)))
	}
	return int64(len(p.data))
}

// encodeBody writes a message: the base class's fields first, then its own. In
// an answer the bytes of the request are left empty.
func encodeBody(msg wire.Message, timeout float64, dendrite, axon terminal, answer bool) (*body, error) {
	fields := msg.Fields()
	var e encoder
	e.raw(`{"name":`)
	e.json(msg.Name())
	e.raw(`,"timeout":` + pyFloat(timeout) + `,"total_size":0,"header_size":0,"dendrite":`)
	e.json(dendrite)
	e.raw(`,"axon":`)
	e.json(axon)
	e.raw(`,"computed_body_hash":"","required_hash_fields":`)
	hashed := []string{}
	for _, f := range fields {
		if f.Hashed {
			hashed = append(hashed, f.Name)
		}
	}
	e.json(hashed)
	for _, f := range fields {
		e.field(f, answer)
	}
	e.raw("}")
	return e.finish()
}

type encoder struct {
	text bytes.Buffer // since the last part
	body body
	err  error
}

func (e *encoder) raw(s string) { e.text.WriteString(s) }

func (e *encoder) json(v any) {
	data, err := json.Marshal(v)
	if err != nil && e.err == nil {
		e.err = err
	}
	e.text.Write(data)
}

func (e *encoder) field(f wire.Field, answer bool) {
	e.raw(`,"` + f.Name + `":`)
	data, isBlob := f.Value.(*[]byte)
	switch {
	case isBlob && answer && !f.Answer:
		e.raw(`""`)
	case isNull(f):
		e.raw("null")
	case isBlob:
		e.raw(`"`)
		e.cut()
		e.add(part{*data, true})
		e.raw(`"`)
	default:
		if s, ok := textOf(f); ok && !utf8.ValidString(s) && e.err == nil {
			e.err = fmt.Errorf("field %s is not UTF-8", f.Name)
		}
		e.json(f.Value)
	}
}

func textOf(f wire.Field) (string, bool) {
	switch v := f.Value.(type) {
	case *string:
		return *v, true
	case **string:
		return **v, true
	}
	return "", false
}

// cut makes a part of the text so far.
func (e *encoder) cut() {
	if e.text.Len() > 0 {
		e.add(part{data: bytes.Clone(e.text.Bytes())})
		e.text.Reset()
	}
}

func (e *encoder) add(p part) {
	e.body.parts = append(e.body.parts, p)
	e.body.size += p.size()
}

func (e *encoder) finish() (*body, error) {
	e.cut()
	return &e.body, e.err
}

// reader reads the body from its beginning.
func (b *body) reader() io.ReadCloser { return &bodyReader{parts: b.parts} }

// bodyReader turns the parts into JSON as it is read.
type bodyReader struct {
	parts []part
	off   int    // in the first part
	spill []byte // base64 for which the reader's buffer was too short
	four  [4]byte
}

func (r *bodyReader) Close() error { return nil }

func (r *bodyReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		switch {
		case len(r.spill) > 0:
			c := copy(p[n:], r.spill)
			r.spill, n = r.spill[c:], n+c
		case len(r.parts) == 0:
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		case r.off == len(r.parts[0].data):
			r.parts, r.off = r.parts[1:], 0
		case !r.parts[0].blob:
			c := copy(p[n:], r.parts[0].data[r.off:])
			r.off, n = r.off+c, n+c
		default:
			n += r.base64(p[n:])
		}
	}
	return n, nil
}

// base64 encodes as many groups of three bytes as have room in p.
func (r *bodyReader) base64(p []byte) int {
	rest := r.parts[0].data[r.off:]
	take := min(len(p)/4*3, len(rest))
	if take == 0 { // p is too short for one group
		take = min(3, len(rest))
		base64.StdEncoding.Encode(r.four[:], rest[:take])
		r.off += take
		r.spill = r.four[:]
		return 0
	}
	base64.StdEncoding.Encode(p, rest[:take])
	r.off += take
	return base64.StdEncoding.EncodedLen(take)
}
