package synapse

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// signedText is what a request's signature is over.
func signedText(nonce uint64, dendrite, axon wallet.Address, uuid, bodyHash string) string {
	return fmt.Sprintf("%d.%s.%s.%s.%s", nonce, dendrite, axon, uuid, bodyHash)
}

var errSignature = errors.New("a signature is 0x and 128 hex digits")

func parseSignature(s string) ([]byte, error) {
	if len(s) != 130 || s[:2] != "0x" {
		return nil, errSignature
	}
	return hex.DecodeString(s[2:])
}

// encode makes the body of the answer. Bytes that the handler has not reserved
// are reserved now: while they wait for that they keep their worker, so that
// no more than one answer a worker is in memory beyond the budget.
func (x *exchange) encode(ctx context.Context, msg wire.Message) (*body, error) {
	b, err := encodeBody(msg, x.head.timeout.Seconds(), x.dendrite(), x.axon(), true)
	if err != nil {
		return nil, fmt.Errorf("answer to %s: %w", msg.Name(), err)
	}
	if missing := b.size/4*3 - x.reserved; b.size > smallBody && missing > 0 {
		if err := x.reserve(ctx, min(missing, x.s.maxMemory)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// succeed sends the answered message.
func (x *exchange) succeed(msg wire.Message, b *body) {
	x.headers(wire.StatusOK, "Success", b.size)
	if _, ping := msg.(*wire.Ping); ping && x.s.mounts[wire.StreamPath] != nil {
		x.w.Header()[wire.StreamHeader] = []string{"1"}
	}
	for _, f := range msg.Fields() {
		if f.Required {
			x.w.Header()[inputPrefix+f.Name] = []string{placeholderOf(f)}
		}
	}
	x.w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(x.w, b.reader()); err != nil {
		x.s.log.Debug("answer cut off", "message", msg.Name(), "caller", x.head.hotkey, "err", err)
	}
}

// fail sends an error's status and text. What is not a wire.Error is told to
// the log and not to the caller.
func (x *exchange) fail(err error) {
	status, text := wire.StatusOf(err), "Internal Server Error"
	var e *wire.Error
	switch {
	case errors.As(err, &e):
		text = e.Text
	case status == wire.StatusTimeout:
		text = "Response timeout after: " + pyFloat(x.head.timeout.Seconds()) + "s"
	case status == wire.StatusCancelled:
		text = "The request was cancelled."
	default:
		x.s.log.Error("request failed", "message", x.head.name, "caller", x.head.hotkey, "err", err)
	}
	text = statusText(text)
	if status < 400 || status > 599 { // not a failure in HTTP
		status = wire.StatusInternal
	}
	x.s.log.Debug("request refused", "message", x.head.name, "caller", x.head.hotkey, "status", status, "why", text)
	body, err := json.Marshal(map[string]string{"message": text})
	if err != nil {
		body = []byte("{}")
	}
	x.headers(status, text, int64(len(body)))
	x.w.Header()[axonPrefix+"process_time"] = []string{pyFloat(time.Since(x.start).Seconds())}
	x.w.WriteHeader(status)
	if _, err := x.w.Write(body); err != nil {
		x.s.log.Debug("answer cut off", "message", x.head.name, "caller", x.head.hotkey, "err", err)
	}
}

// headers writes what every answer has. Names stay in lower case.
func (x *exchange) headers(status int, text string, size int64) {
	h := x.w.Header()
	set := func(key, value string) {
		if value != "" {
			h[key] = []string{value}
		}
	}
	nonce := uint64(x.s.now().UnixNano())
	set("Content-Type", "application/json")
	set("Content-Length", strconv.FormatInt(size, 10))
	set("name", x.head.name)
	set("header_size", "0")
	set("total_size", strconv.FormatInt(size, 10))
	set(bodyHashHeader, emptyHash)
	set(axonPrefix+"status_code", strconv.Itoa(status))
	set(axonPrefix+"status_message", text)
	set(axonPrefix+"version", strconv.Itoa(Version))
	set(axonPrefix+"nonce", strconv.FormatUint(nonce, 10))
	set(axonPrefix+"uuid", x.s.uuid)
	set(axonPrefix+"hotkey", string(x.s.cfg.Key.Address()))
	set(axonPrefix+"ip", statusText(x.head.axonIP))
	set(axonPrefix+"port", statusText(x.head.axonPort))
	if !x.verified {
		return // nothing is echoed to, or signed for, who has not signed
	}
	set("timeout", pyFloat(x.head.timeout.Seconds()))
	if status == wire.StatusOK { // nobody checks it: not worth its time on errors
		sig, err := x.s.cfg.Key.Sign(fmt.Appendf(nil, "%d.%s.%s.%s", nonce, x.head.hotkey, x.s.cfg.Key.Address(), x.s.uuid))
		if err == nil {
			set(axonPrefix+"signature", "0x"+hex.EncodeToString(sig))
		}
	}
	addr := x.caller().Addr
	set(dendritePrefix+"ip", addr.Addr().String())
	set(dendritePrefix+"port", strconv.Itoa(int(addr.Port())))
	if x.head.version > 0 {
		set(dendritePrefix+"version", strconv.FormatUint(x.head.version, 10))
	}
	set(dendritePrefix+"nonce", strconv.FormatUint(x.head.nonce, 10))
	set(dendritePrefix+"uuid", statusText(x.head.uuid))
	set(dendritePrefix+"hotkey", x.head.hotkey)
	set(dendritePrefix+"signature", x.head.signature)
}

// emptyHash is the body hash of a message without hashed fields.
const emptyHash = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"

// dendrite and axon are the two ends as they stand in the body of an answer:
// as the request gave them.
func (x *exchange) dendrite() terminal {
	t := terminal{Nonce: &x.head.nonce, UUID: &x.head.uuid, Hotkey: &x.head.hotkey, Signature: &x.head.signature}
	if x.head.version > 0 {
		t.Version = &x.head.version
	}
	return t
}

func (x *exchange) axon() terminal {
	var t terminal
	if port, err := strconv.Atoi(x.head.axonPort); err == nil {
		t.Port = &port
	}
	if x.head.axonIP != "" {
		t.IP = &x.head.axonIP
	}
	if x.head.axonHotkey != "" {
		t.Hotkey = &x.head.axonHotkey
	}
	return t
}
