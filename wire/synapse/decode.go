package synapse

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/filetao/filetao/wire"
)

// Limits of what is not bytes.
const (
	maxText  = 1 << 20 // one value
	maxKey   = 256     // one key
	maxDepth = 32      // of nested values
)

// errBody says that a body is not what it should be. What the reader failed
// with (a deadline, a limit) is passed on as it is.
var errBody = errors.New("malformed body")

// direction is which half of a message is read.
type direction int

const (
	asRequest direction = iota // request fields are kept, all hashed ones hashed
	asAnswer                   // answer fields are kept, all others skipped
)

// decodeBody reads a JSON body of size bytes (-1: not known) into a message's
// fields, bytes straight into their buffer, and returns the body hash of what
// it read. Unknown keys are ignored, and so is the sender's list of what is
// hashed.
func decodeBody(r io.Reader, size int64, fields []wire.Field, d direction) (string, error) {
	buffer := int64(64 << 10)
	if size >= 0 {
		buffer = min(max(size, 512), buffer)
	}
	p := &parser{br: bufio.NewReaderSize(r, int(buffer)), size: size, hashes: map[string]string{}}
	err := p.object(func(key string) error {
		for _, f := range fields {
			if f.Name == key {
				return p.field(f, d)
			}
		}
		return p.skip()
	})
	if err == nil {
		err = p.end()
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: it ends too early", errBody)
	} else if errors.Is(err, io.ErrUnexpectedEOF) { // the connection's end, not the body's
		err = fmt.Errorf("%w: it ends too early: %w", errBody, err)
	}
	if err != nil {
		return "", err
	}
	return p.finish(fields, d)
}

// parser reads one JSON object from a stream.
type parser struct {
	br     *bufio.Reader
	size   int64             // of the whole body, -1 if not known
	hashes map[string]string // field that was read → hash of its text, "" if not hashed
}

// object reads an object and calls value at each value, which must consume it.
func (p *parser) object(value func(key string) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	c, err := p.next()
	if err != nil || c == '}' {
		return err
	}
	for {
		if c != '"' {
			return fmt.Errorf("%w: %q where a key should be", errBody, c)
		}
		key, err := p.key()
		if err != nil {
			return err
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if c, err = p.next(); err != nil {
			return err
		}
		if c == '}' {
			return nil
		}
		if c != ',' {
			return fmt.Errorf("%w: %q after the value of %q", errBody, c, key)
		}
		if c, err = p.next(); err != nil {
			return err
		}
	}
}

// end checks that nothing but space follows.
func (p *parser) end() error {
	c, err := p.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: %q after its end", errBody, c)
}

// finish checks that what is required was there, and sums the hashes up.
func (p *parser) finish(fields []wire.Field, d direction) (string, error) {
	var b bodyHash
	for _, f := range fields {
		sum, read := p.hashes[f.Name]
		if !read && f.Required && d == asRequest {
			return "", fmt.Errorf("%w: %s is missing", errBody, f.Name)
		}
		switch {
		case !f.Hashed:
		case read:
			b.sums = append(b.sums, sum)
		default:
			b.text(absentText(f))
		}
	}
	return b.sum(), nil
}

// next returns the next byte that is not space.
func (p *parser) next() (byte, error) {
	for {
		c, err := p.br.ReadByte()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}

func (p *parser) expect(want byte) error {
	c, err := p.next()
	if err == nil && c != want {
		err = fmt.Errorf("%w: %q where %q should be", errBody, c, want)
	}
	return err
}

// key reads the rest of a key, whose first quote has been read.
func (p *parser) key() (string, error) {
	raw, err := p.text([]byte{'"'}, maxKey)
	if err != nil {
		return "", err
	}
	var key string
	if err := json.Unmarshal(raw, &key); err != nil {
		return "", fmt.Errorf("%w: %w", errBody, err)
	}
	return key, nil
}

// text appends the rest of a string, whose first quote is in raw already.
func (p *parser) text(raw []byte, limit int) ([]byte, error) {
	for escaped := false; ; {
		c, err := p.br.ReadByte()
		if err != nil {
			return nil, err
		}
		if len(raw) >= limit {
			return nil, fmt.Errorf("%w: a text over %d bytes", errBody, limit)
		}
		raw = append(raw, c)
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			return raw, nil
		}
	}
}

// raw reads any value as it stands, with limits on length and depth.
func (p *parser) raw() ([]byte, error) {
	c, err := p.next()
	if err != nil {
		return nil, err
	}
	raw := []byte{c}
	switch c {
	case '"':
		raw, err = p.text(raw, maxText)
	case '{', '[':
		raw, err = p.nested(raw)
	default:
		raw, err = p.literal(raw)
	}
	if err == nil && !json.Valid(raw) {
		err = fmt.Errorf("%w: %.40q is not a value", errBody, raw)
	}
	return raw, err
}

func (p *parser) nested(raw []byte) ([]byte, error) {
	for depth := 1; depth > 0; {
		c, err := p.br.ReadByte()
		if err != nil {
			return nil, err
		}
		raw = append(raw, c)
		switch c {
		case '"':
			if raw, err = p.text(raw, maxText); err != nil {
				return nil, err
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth > maxDepth || len(raw) >= maxText {
			return nil, fmt.Errorf("%w: a value too deep or too long", errBody)
		}
	}
	return raw, nil
}

func (p *parser) literal(raw []byte) ([]byte, error) {
	for {
		c, err := p.br.ReadByte()
		if errors.Is(err, io.EOF) {
			return raw, nil
		}
		if err != nil {
			return nil, err
		}
		switch c {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return raw, p.br.UnreadByte()
		}
		if raw = append(raw, c); len(raw) > maxDigits {
			return nil, fmt.Errorf("%w: a number or word too long", errBody)
		}
	}
}

// skip reads over a value; texts of any length pass without being kept.
func (p *parser) skip() error {
	c, err := p.next()
	if err != nil {
		return err
	}
	if c == '"' {
		return p.skipText()
	}
	if err := p.br.UnreadByte(); err != nil {
		return err
	}
	_, err = p.raw()
	return err
}

// skipText reads over the rest of a text.
func (p *parser) skipText() error {
	for {
		c, err := p.br.ReadByte()
		switch {
		case err != nil:
			return err
		case c == '"':
			return nil
		case c < ' ':
			return fmt.Errorf("%w: a control character in a text", errBody)
		case c == '\\':
			if err := p.skipEscape(); err != nil {
				return err
			}
		}
	}
}

func (p *parser) skipEscape() error {
	c, err := p.br.ReadByte()
	if err != nil {
		return err
	}
	escape := []byte{'"', '\\', c}
	if c == 'u' {
		digits, err := p.br.Peek(4) // its error is the reader's, which io.ReadFull's need not be
		if err != nil {
			return err
		}
		escape = append(escape, digits...)
		if _, err := p.br.Discard(len(digits)); err != nil {
			return err
		}
	}
	if !json.Valid(append(escape, '"')) {
		return fmt.Errorf("%w: %q in a text", errBody, escape[1:])
	}
	return nil
}
