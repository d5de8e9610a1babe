package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/filetao/filetao/wallet"
)

// The domains of the signatures. Neither begins the other, nor any text that is
// signed elsewhere: those of wire/synapse begin with a digit.
const (
	requestDomain = "filetao stream request v1"
	answerDomain  = "filetao stream answer v1"
)

const (
	headVersion = 1
	maxName     = 64 // bytes of a message's name
	maxText     = 1 << 10
	// maxHead bounds a statement with its signature.
	maxHead = 2 << 10
)

// errHead says that a head is not what it should be.
var errHead = errors.New("malformed head")

// content is what follows a head: the fields, which it names by their hash, and
// the raw body.
type content struct {
	body, fields int64 // bytes
	hash         [32]byte
}

// request is what an asker signs.
type request struct {
	name           string
	caller, server [32]byte // public keys
	time           int64    // Unix milliseconds
	nonce          [16]byte
	timeout        uint32 // milliseconds
	software       uint64
	content
}

// answer is what an answerer signs.
type answer struct {
	request  [32]byte // digest of the request's statement
	status   uint16
	text     string
	software uint64
	content
}

func (q request) encode() []byte {
	b := append(make([]byte, 0, 256), headVersion, byte(len(q.name)))
	b = append(b, q.name...)
	b = append(append(b, q.caller[:]...), q.server[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(q.time))
	b = append(b, q.nonce[:]...)
	b = binary.BigEndian.AppendUint32(b, q.timeout)
	b = binary.BigEndian.AppendUint64(b, q.software)
	return q.content.append(b)
}

func (a answer) encode() []byte {
	b := append(make([]byte, 0, 256), headVersion)
	b = append(b, a.request[:]...)
	b = binary.BigEndian.AppendUint16(b, a.status)
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.text)))
	b = append(b, a.text...)
	b = binary.BigEndian.AppendUint64(b, a.software)
	return a.content.append(b)
}

func (c content) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(c.body))
	b = binary.BigEndian.AppendUint64(b, uint64(c.fields))
	return append(b, c.hash[:]...)
}

// parseRequest reads a request's statement: all of b, in the one form that encode
// writes.
func parseRequest(b []byte) (request, error) {
	p := cursor{b: b}
	p.version()
	q := request{name: string(p.take(int(p.take(1)[0])))}
	q.caller, q.server = [32]byte(p.take(32)), [32]byte(p.take(32))
	q.time = p.count()
	q.nonce = [16]byte(p.take(16))
	q.timeout = binary.BigEndian.Uint32(p.take(4))
	q.software = binary.BigEndian.Uint64(p.take(8))
	q.content = p.content()
	if !validName(q.name) {
		p.fail("no valid name of a message")
	}
	return q, p.end()
}

// parseAnswer reads an answer's statement as parseRequest does a request's.
func parseAnswer(b []byte) (answer, error) {
	p := cursor{b: b}
	p.version()
	a := answer{request: [32]byte(p.take(32)), status: binary.BigEndian.Uint16(p.take(2))}
	n := int(binary.BigEndian.Uint16(p.take(2)))
	a.text = string(p.take(n))
	a.software = binary.BigEndian.Uint64(p.take(8))
	a.content = p.content()
	if n > maxText || a.text != plainText(a.text) {
		p.fail("a text that is too long or not plain")
	}
	return a, p.end()
}

// cursor takes a statement apart. After a failure it gives zeros.
type cursor struct {
	b   []byte
	err error
}

func (p *cursor) fail(why string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s", errHead, why)
	}
}

func (p *cursor) take(n int) []byte {
	if p.err != nil || len(p.b) < n {
		p.fail("it ends too early")
		return make([]byte, n)
	}
	taken := p.b[:n]
	p.b = p.b[n:]
	return taken
}

func (p *cursor) version() {
	if v := p.take(1)[0]; v != headVersion {
		p.fail(fmt.Sprintf("version %d, not %d", v, headVersion))
	}
}

// count reads a number that is no less than 0 and, with others, does not overflow.
func (p *cursor) count() int64 {
	n := binary.BigEndian.Uint64(p.take(8))
	if n > math.MaxInt64/4 {
		p.fail("a number that is too large")
		return 0
	}
	return int64(n)
}

func (p *cursor) content() content {
	return content{body: p.count(), fields: p.count(), hash: [32]byte(p.take(32))}
}

func (p *cursor) end() error {
	if len(p.b) > 0 {
		p.fail("bytes after its end")
	}
	return p.err
}

// validName says whether a message's name may stand in a path.
func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// plainText is what of a text may travel in a status: printable ASCII, bounded.
func plainText(s string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r < ' ':
			return ' '
		case r >= 0x7f:
			return '?'
		}
		return r
	}, s[:min(len(s), maxText)])
	return strings.TrimSpace(plain)
}

// digestOf is what a statement is known by.
func digestOf(domain string, statement []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(domain))
	h.Write(statement)
	return [32]byte(h.Sum(nil))
}

func signed(domain string, digest [32]byte) []byte { return append([]byte(domain), digest[:]...) }

// seal signs a statement and returns it as it travels: the length of what
// follows, the statement, the signature.
func seal(key *wallet.Keypair, domain string, statement []byte) (head []byte, digest [32]byte, err error) {
	digest = digestOf(domain, statement)
	sig, err := key.Sign(signed(domain, digest))
	if err != nil {
		return nil, digest, err
	}
	head = binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(statement)+len(sig)), uint32(len(statement)+len(sig)))
	return append(append(head, statement...), sig...), digest, nil
}

// sealed is a head that came, its signature not verified yet.
type sealed struct{ statement, signature []byte }

// unseal parts a head, without its length, into statement and signature.
func unseal(head []byte) (sealed, error) {
	at := len(head) - wallet.SignatureSize
	if at < 1 {
		return sealed{}, fmt.Errorf("%w: %d bytes are too few", errHead, len(head))
	}
	return sealed{head[:at], head[at:]}, nil
}
