package synapse

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/filetao/filetao/wire"
)

// Names of headers. They are written to header maps as they are here: the
// Python client knows answers by lower-case names only.
const (
	axonPrefix     = "bt_header_axon_"
	dendritePrefix = "bt_header_dendrite_"
	inputPrefix    = "bt_header_input_obj_"
	bodyHashHeader = "computed_body_hash"
)

const (
	defaultTimeout = 12 * time.Second // of a request that names none
	maxHeaderText  = 256              // bytes of one header's value
)

// head is what a request's headers say. Nothing in it is verified.
type head struct {
	name       string
	timeout    time.Duration
	axonIP     string
	axonPort   string
	axonHotkey string
	version    uint64 // 0: not told
	nonce      uint64
	hasNonce   bool
	uuid       string
	hotkey     string
	signature  string
	bodyHash   string
}

// parseHead reads a request's headers as SDK 6.12 does: every number must
// parse, and every required field must have its placeholder.
func parseHead(name string, h http.Header, fields []wire.Field) (head, error) {
	p := headParser{h: h, name: name}
	hd := head{name: name}
	hd.timeout = p.timeout("timeout")
	for _, key := range []string{"header_size", "total_size"} {
		p.number(key)
	}
	for _, prefix := range []string{axonPrefix, dendritePrefix} {
		p.number(prefix + "status_code")
		p.number(prefix + "port")
		p.float(prefix + "process_time")
	}
	p.number(axonPrefix + "version")
	p.number(axonPrefix + "nonce")
	hd.axonIP, hd.axonPort, hd.axonHotkey = p.text(axonPrefix+"ip"), p.text(axonPrefix+"port"), p.text(axonPrefix+"hotkey")
	hd.version, _ = p.unsigned(dendritePrefix + "version")
	hd.nonce, hd.hasNonce = p.unsigned(dendritePrefix + "nonce")
	hd.uuid, hd.hotkey = p.text(dendritePrefix+"uuid"), p.text(dendritePrefix+"hotkey")
	hd.signature, hd.bodyHash = p.text(dendritePrefix+"signature"), p.text(bodyHashHeader)
	for _, f := range fields {
		if f.Required {
			p.placeholder(inputPrefix + f.Name)
		}
	}
	return hd, p.err
}

// headParser keeps the first error.
type headParser struct {
	h    http.Header
	name string
	err  error
}

func (p *headParser) fail(key string) {
	if p.err == nil {
		p.err = wire.BadRequest("Improperly formatted request. Could not parse header %s into synapse of type %s.", key, p.name)
	}
}

func (p *headParser) text(key string) string {
	s := p.h.Get(key)
	if len(s) > maxHeaderText {
		p.fail(key)
		return ""
	}
	return s
}

func (p *headParser) number(key string) *big.Int {
	s := p.text(key)
	if s == "" {
		return nil
	}
	n, err := pyInt(s)
	if err != nil {
		p.fail(key)
	}
	return n
}

func (p *headParser) unsigned(key string) (uint64, bool) {
	n := p.number(key)
	if n == nil {
		return 0, false
	}
	if !n.IsUint64() {
		p.fail(key)
		return 0, false
	}
	return n.Uint64(), true
}

func (p *headParser) float(key string) (float64, bool) {
	s := strings.TrimSpace(p.text(key))
	if s == "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		p.fail(key)
	}
	return f, err == nil
}

func (p *headParser) timeout(key string) time.Duration {
	seconds, ok := p.float(key)
	switch {
	case !ok:
		return defaultTimeout
	case !(seconds > 0): // NaN too
		p.fail(key)
		return 0
	case seconds > math.MaxInt32:
		return math.MaxInt32 * time.Second
	}
	return time.Duration(seconds * float64(time.Second))
}

// placeholder checks that a required field has been announced: base64 of JSON
// that is not null.
func (p *headParser) placeholder(key string) {
	raw, err := base64.StdEncoding.DecodeString(p.text(key))
	if err != nil || !json.Valid(raw) || strings.TrimSpace(string(raw)) == "null" {
		p.fail(key)
	}
}

// placeholderOf is the empty value of a field's type, as it is announced.
func placeholderOf(f wire.Field) string {
	empty := `""`
	switch f.Value.(type) {
	case *int64, **int64, **big.Int:
		empty = "0"
	case *bool:
		empty = "false"
	}
	return base64.StdEncoding.EncodeToString([]byte(empty))
}

// maxStatusText bounds a status message: Python refuses header lines over
// 8190 bytes.
const maxStatusText = 900

// statusText makes a text fit for a header: one line, ASCII, short. Python's
// server would take Latin-1, but its client reads UTF-8.
func statusText(s string) string {
	var out strings.Builder
	for _, r := range s {
		if out.Len() >= maxStatusText {
			break
		}
		switch {
		case r == '\r' || r == '\n' || r == '\t':
			out.WriteByte(' ')
		case r >= ' ' && r < 0x7f:
			out.WriteRune(r)
		case r > 0x7f:
			out.WriteByte('?')
		}
	}
	return strings.TrimSpace(out.String())
}
