package synapse

import (
	"bytes"
	"crypto/sha3"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/filetao/filetao/wire"
)

// field reads the value of one of the message's own fields. One that is not
// kept is still hashed if a request's hash covers it.
func (p *parser) field(f wire.Field, d direction) error {
	if _, twice := p.hashes[f.Name]; twice {
		return fmt.Errorf("%w: %s is there twice", errBody, f.Name)
	}
	p.hashes[f.Name] = ""
	keep := f.Answer == (d == asAnswer)
	hashed := f.Hashed && d == asRequest
	if !keep && !hashed {
		return p.skip()
	}
	if data, ok := f.Value.(*[]byte); ok && keep {
		return p.bytesField(f, data, hashed)
	}
	raw, err := p.raw()
	if err != nil {
		return err
	}
	text, err := setField(f, raw, keep)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errBody, f.Name, err)
	}
	if hashed {
		p.hashes[f.Name] = hexSum([]byte(text))
	}
	return nil
}

func (p *parser) bytesField(f wire.Field, data *[]byte, hashed bool) error {
	c, err := p.next()
	if err != nil {
		return err
	}
	if c != '"' {
		if err := p.br.UnreadByte(); err != nil {
			return err
		}
		raw, err := p.raw()
		if err != nil {
			return err
		}
		if string(raw) != "null" || f.Required {
			return fmt.Errorf("%w: %s is not base64", errBody, f.Name)
		}
		p.hashes[f.Name] = hexSum([]byte(pyNone))
		return nil
	}
	b := blob{expect: p.size / 4 * 3}
	if hashed {
		b.hash = sha3.New256()
	}
	if err := p.blob(&b); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	*data = b.data
	if hashed {
		p.hashes[f.Name] = hex.EncodeToString(b.hash.Sum(nil))
	}
	return nil
}

// blob decodes base64 as it arrives.
type blob struct {
	expect int64     // bytes, at most; not more than 0 if not known
	hash   hash.Hash // of the base64 text; may be nil
	data   []byte
	group  [4]byte // an unfinished group
	n      int     // its length
	padded bool
}

// blob reads the rest of a string of base64.
func (p *parser) blob(b *blob) error {
	b.data = []byte{}
	for {
		if _, err := p.br.Peek(1); err != nil {
			return err
		}
		text, err := p.br.Peek(p.br.Buffered())
		if err != nil {
			return err
		}
		end := bytes.IndexByte(text, '"')
		if end >= 0 {
			text = text[:end]
		}
		escape := bytes.IndexByte(text, '\\')
		if escape >= 0 {
			text = text[:escape]
		}
		if err := b.write(text); err != nil {
			return err
		}
		if _, err := p.br.Discard(len(text)); err != nil {
			return err
		}
		switch {
		case escape >= 0: // some encoders write \/ for /
			if err := p.slash(); err != nil {
				return err
			}
			if err := b.write([]byte{'/'}); err != nil {
				return err
			}
		case end >= 0:
			if b.n != 0 {
				return fmt.Errorf("%w: base64 of a wrong length", errBody)
			}
			_, err := p.br.Discard(1)
			return err
		}
	}
}

func (p *parser) slash() error {
	for _, want := range []byte(`\/`) {
		c, err := p.br.ReadByte()
		if err != nil {
			return err
		}
		if c != want {
			return fmt.Errorf("%w: %q in base64", errBody, c)
		}
	}
	return nil
}

func (b *blob) write(text []byte) error {
	if b.hash != nil {
		b.hash.Write(text)
	}
	if b.n > 0 {
		c := copy(b.group[b.n:], text)
		b.n, text = b.n+c, text[c:]
		if b.n < 4 {
			return nil
		}
		b.n = 0
		if err := b.decode(b.group[:]); err != nil {
			return err
		}
	}
	whole := len(text) / 4 * 4
	if err := b.decode(text[:whole]); err != nil {
		return err
	}
	b.n = copy(b.group[:], text[whole:])
	return nil
}

// decode takes whole groups.
func (b *blob) decode(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if b.padded || bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return fmt.Errorf("%w: not base64", errBody)
	}
	want := len(text) / 4 * 3
	b.grow(want)
	n, err := base64.StdEncoding.Decode(b.data[len(b.data):cap(b.data)], text)
	if err != nil {
		return fmt.Errorf("%w: %w", errBody, err)
	}
	b.data = b.data[:len(b.data)+n]
	b.padded = n < want
	return nil
}

// grow makes room for n more bytes. The announced length is believed once a
// quarter of it is there, so that an empty promise costs nothing and a kept one
// a quarter more than the data for a moment.
func (b *blob) grow(n int) {
	need := len(b.data) + n
	if need <= cap(b.data) {
		return
	}
	size := max(need, 2*cap(b.data), 4<<10)
	if expect := int(b.expect); expect >= need && size >= expect/4 {
		size = expect
	}
	data := make([]byte, len(b.data), size)
	copy(data, b.data)
	b.data = data
}

// setField parses a value that is not bytes, stores it if keep says so and
// returns its Python text.
func setField(f wire.Field, raw []byte, keep bool) (string, error) {
	if string(raw) == "null" {
		if f.Required && keep {
			return "", fmt.Errorf("null")
		}
		return pyNone, nil
	}
	switch v := f.Value.(type) {
	case *string:
		s, err := parseText(raw)
		return store(v, s, s, keep, err)
	case **string:
		s, err := parseText(raw)
		return store(v, &s, s, keep, err)
	case *int64:
		n, err := parseInt64(raw)
		return store(v, n, strconv.FormatInt(n, 10), keep, err)
	case **int64:
		n, err := parseInt64(raw)
		return store(v, &n, strconv.FormatInt(n, 10), keep, err)
	case **big.Int:
		n, err := parseInt(raw)
		if err != nil {
			return "", err
		}
		return store(v, n, n.String(), keep, nil)
	case *[]byte: // an answer's, in a request: only its text counts
		s, err := parseText(raw)
		return s, err
	case *bool:
		var b bool
		err := json.Unmarshal(raw, &b)
		return store(v, b, pyBool(b), keep, err)
	}
	return "", fmt.Errorf("fields of type %T are not known", f.Value)
}

func store[T any](to *T, value T, text string, keep bool, err error) (string, error) {
	if err == nil && keep {
		*to = value
	}
	return text, err
}

// parseText reads a text, or a whole number as its digits: a seed may be both.
func parseText(raw []byte) (string, error) {
	if raw[0] != '"' {
		n, err := pyInt(string(raw))
		if err != nil {
			return "", err
		}
		return n.String(), nil
	}
	if !utf8.Valid(raw) {
		return "", fmt.Errorf("not UTF-8")
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

// parseInt reads a whole number, or a text of one.
func parseInt(raw []byte) (*big.Int, error) {
	s, err := parseText(raw)
	if err != nil {
		return nil, err
	}
	return pyInt(s)
}

func parseInt64(raw []byte) (int64, error) {
	n, err := parseInt(raw)
	if err != nil {
		return 0, err
	}
	if !n.IsInt64() {
		return 0, fmt.Errorf("a number of over 64 bits")
	}
	return n.Int64(), nil
}
