package synapse

import (
	"crypto/sha3"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"math/big"
	"strconv"

	"github.com/filetao/filetao/wire"
)

// bodyHash collects the hash over a message's hashed fields: SHA3-256 over the
// hex SHA3-256 of each one's Python text, in the order of the wire.
type bodyHash struct{ sums []string }

// text adds a field's text.
func (b *bodyHash) text(s string) { b.sums = append(b.sums, hexSum([]byte(s))) }

// stream adds a field whose text went through h.
func (b *bodyHash) stream(h hash.Hash) { b.sums = append(b.sums, hex.EncodeToString(h.Sum(nil))) }

func (b *bodyHash) sum() string {
	h := sha3.New256()
	for _, s := range b.sums {
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hexSum(data []byte) string {
	sum := sha3.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// hashFields is the body hash of a message in memory.
func hashFields(fields []wire.Field) string {
	var b bodyHash
	for _, f := range fields {
		if !f.Hashed {
			continue
		}
		if data, ok := f.Value.(*[]byte); ok && !isNull(f) {
			h := sha3.New256()
			writeBase64(h, *data)
			b.stream(h)
			continue
		}
		b.text(pyText(f))
	}
	return b.sum()
}

// base64Step is how many bytes are turned into base64 at a time.
const base64Step = 24 << 10

func writeBase64(h hash.Hash, data []byte) {
	text := make([]byte, 0, base64.StdEncoding.EncodedLen(min(len(data), base64Step)))
	for len(data) > 0 {
		n := min(len(data), base64Step)
		text = base64.StdEncoding.AppendEncode(text[:0], data[:n])
		h.Write(text)
		data = data[n:]
	}
}

// isNull says whether a field is null on the wire.
func isNull(f wire.Field) bool {
	needed := f.Required || f.Sent
	switch v := f.Value.(type) {
	case *string:
		return *v == "" && !needed
	case **string:
		return *v == nil
	case *[]byte:
		return *v == nil && !needed
	case **int64:
		return *v == nil
	case **big.Int:
		return *v == nil
	}
	return false
}

// pyText is Python's str() of a field that is not bytes.
func pyText(f wire.Field) string {
	if isNull(f) {
		return pyNone
	}
	switch v := f.Value.(type) {
	case *string:
		return *v
	case **string:
		return **v
	case *int64:
		return strconv.FormatInt(*v, 10)
	case **int64:
		return strconv.FormatInt(**v, 10)
	case **big.Int:
		return (*v).String()
	case *bool:
		return pyBool(*v)
	}
	return pyNone
}

// absentText is the text of a field that a body leaves out.
func absentText(f wire.Field) string {
	if _, ok := f.Value.(*bool); ok {
		return pyBool(false)
	}
	return pyNone
}
