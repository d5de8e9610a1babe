package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"unicode/utf8"

	"github.com/filetao/filetao/wire"
)

// What a value is; each is followed by 4 bytes of its length, and it.
const (
	kindNull   = iota
	kindText   // UTF-8
	kindBytes  //
	kindNumber // 8 bytes, two's complement
	kindBig    // a byte for the sign, 1 below 0, and the magnitude without leading zeros
	kindTruth  // a byte, 0 or 1
)

const (
	maxTextField = 1 << 20
	maxBig       = 1 << 10 // bytes
	// largeValue is no longer copied to stand beside its neighbours.
	largeValue = 4 << 10
)

// errFields says that fields are not what they should be.
var errFields = errors.New("malformed fields")

// encoded is one half of a message's fields, ready to be sent. Large values stay
// where they are.
type encoded struct {
	parts [][]byte
	size  int64
	hash  [32]byte
}

// encodeFields writes the request fields, or the answer's.
func encodeFields(fields []wire.Field, answers bool) (encoded, error) {
	var e encoded
	var small []byte
	flush := func() {
		if len(small) > 0 {
			e.parts, small = append(e.parts, small), nil
		}
	}
	for _, f := range fields {
		if f.Answer != answers {
			continue
		}
		kind, value, err := valueOf(f)
		if err != nil {
			return encoded{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		small = append(small, kind)
		small = binary.BigEndian.AppendUint32(small, uint32(len(value)))
		if len(value) < largeValue {
			small = append(small, value...)
			continue
		}
		flush()
		e.parts = append(e.parts, value)
	}
	flush()
	h := sha256.New()
	for _, p := range e.parts {
		h.Write(p)
		e.size += int64(len(p))
	}
	e.hash = [32]byte(h.Sum(nil))
	return e, nil
}

func valueOf(f wire.Field) (kind byte, value []byte, err error) {
	switch v := f.Value.(type) {
	case *string:
		return textOf(*v)
	case **string:
		if *v != nil {
			return textOf(**v)
		}
	case *[]byte:
		if *v != nil || f.Required {
			kind, value = kindBytes, *v
		}
	case *int64:
		kind, value = kindNumber, binary.BigEndian.AppendUint64(nil, uint64(*v))
	case **int64:
		if *v != nil {
			kind, value = kindNumber, binary.BigEndian.AppendUint64(nil, uint64(**v))
		}
	case **big.Int:
		if *v != nil {
			kind, value = kindBig, append([]byte{byte((1 - (*v).Sign()) / 2)}, (*v).Bytes()...)
			if (*v).Sign() == 0 {
				value[0] = 0
			}
		}
	case *bool:
		kind, value = kindTruth, []byte{0}
		if *v {
			value[0] = 1
		}
	default:
		err = fmt.Errorf("a %T cannot be sent", f.Value)
	}
	if err == nil && (len(value) > math.MaxUint32 || kind == kindBig && len(value) > maxBig) {
		err = fmt.Errorf("%d bytes cannot be sent", len(value))
	}
	return kind, value, err
}

func textOf(s string) (byte, []byte, error) {
	if len(s) > maxTextField || !utf8.ValidString(s) {
		return 0, nil, errors.New("a text that is too long or not UTF-8 cannot be sent")
	}
	return kindText, []byte(s), nil
}

// decodeFields reads all of b into the request fields, or the answer's, of which
// each must be there. Bytes stay where they are.
func decodeFields(b []byte, fields []wire.Field, answers bool) error {
	for _, f := range fields {
		if f.Answer != answers {
			continue
		}
		if len(b) < 5 {
			return fmt.Errorf("%w: they end before %s", errFields, f.Name)
		}
		kind, n := b[0], uint64(binary.BigEndian.Uint32(b[1:]))
		if b = b[5:]; uint64(len(b)) < n {
			return fmt.Errorf("%w: they end in %s", errFields, f.Name)
		}
		if err := setValue(f, kind, b[:n:n]); err != nil {
			return fmt.Errorf("%w: %s: %w", errFields, f.Name, err)
		}
		b = b[n:]
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: %d bytes after their end", errFields, len(b))
	}
	return nil
}

func setValue(f wire.Field, kind byte, value []byte) (err error) {
	if kind == kindNull {
		return setNull(f, value)
	}
	want := byte(kindNull)
	switch v := f.Value.(type) {
	case *string:
		want, *v = kindText, string(value)
	case **string:
		s := string(value)
		want, *v = kindText, &s
	case *[]byte:
		want, *v = kindBytes, value
	case *int64:
		want = kindNumber
		*v, err = numberOf(value)
	case **int64:
		var n int64
		n, err = numberOf(value)
		want, *v = kindNumber, &n
	case **big.Int:
		want = kindBig
		*v, err = bigOf(value)
	case *bool:
		want = kindTruth
		if len(value) != 1 || value[0] > 1 {
			return errors.New("no truth value")
		}
		*v = value[0] == 1
	}
	switch {
	case kind != want:
		return fmt.Errorf("kind %d, not %d", kind, want)
	case kind == kindText && (len(value) > maxTextField || !utf8.Valid(value)):
		return errors.New("a text that is too long or not UTF-8")
	}
	return err
}

func setNull(f wire.Field, value []byte) error {
	if len(value) > 0 {
		return errors.New("null has no bytes")
	}
	switch v := f.Value.(type) {
	case **string:
		*v = nil
		return nil
	case *[]byte:
		if !f.Required {
			*v = nil
			return nil
		}
	case **int64:
		*v = nil
		return nil
	case **big.Int:
		*v = nil
		return nil
	}
	return errors.New("it may not be null")
}

func numberOf(value []byte) (int64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("a number of %d bytes", len(value))
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}

func bigOf(value []byte) (*big.Int, error) {
	switch {
	case len(value) < 1 || len(value) > maxBig || value[0] > 1:
		return nil, errors.New("no whole number")
	case len(value) > 1 && value[1] == 0, len(value) == 1 && value[0] == 1:
		return nil, errors.New("a whole number in another than its shortest form")
	}
	n := new(big.Int).SetBytes(value[1:])
	if value[0] == 1 {
		n.Neg(n)
	}
	return n, nil
}

// readFields reads n bytes of fields and holds them against their hash. It takes
// memory as they come: who says that there are many has to send them.
func readFields(r io.Reader, c content) ([]byte, error) {
	const step = 4 << 20
	b := make([]byte, 0, min(c.fields, step))
	for int64(len(b)) < c.fields {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(c.fields, 2*int64(cap(b)))), b...)
		}
		n, err := io.ReadFull(r, b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			return nil, err
		}
	}
	if sha256.Sum256(b) != c.hash {
		return nil, fmt.Errorf("%w: they are not those that were signed", errFields)
	}
	return b, nil
}
