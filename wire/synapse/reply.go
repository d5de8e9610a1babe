package synapse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/filetao/filetao/wire"
)

// maxErrorBody bounds the body of an answer that is an error.
const maxErrorBody = 64 << 10

var (
	errNoStatus = errors.New("it names no status")
	errNotJSON  = errors.New("it is not declared as JSON")
	errTooLong  = errors.New("it is over its limit")
)

// readAnswer takes an answer: status 200 in both places and a JSON body fill
// msg, everything else is an error.
func readAnswer(resp *http.Response, body io.Reader, msg wire.Message, limit int64) error {
	headerStatus, numberErr := strconv.Atoi(resp.Header.Get(axonPrefix + "status_code"))
	switch {
	case resp.StatusCode != http.StatusOK:
		return refusal(resp, body, resp.StatusCode)
	case numberErr != nil:
		return errNoStatus
	case headerStatus != http.StatusOK:
		return refusal(resp, body, headerStatus)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errNotJSON
	}
	if resp.ContentLength > limit {
		return errTooLong
	}
	_, err := decodeBody(&limited{body, limit}, resp.ContentLength, msg.Fields(), asAnswer)
	return err
}

// refusal is the error that a peer answered.
func refusal(resp *http.Response, body io.Reader, status int) error {
	text := resp.Header.Get(axonPrefix + "status_message")
	var said struct{ Message string }
	if data, err := io.ReadAll(io.LimitReader(body, maxErrorBody)); err == nil && json.Unmarshal(data, &said) == nil && said.Message != "" {
		text = said.Message
	}
	if text = statusText(text); text == "" {
		text = http.StatusText(status)
	}
	return &wire.Error{Status: status, Text: text}
}

// callError gives a failed call the status that the Python client gives it.
func callError(to wire.Peer, msg wire.Message, timeout time.Duration, err error, answered bool) error {
	var said *wire.Error
	switch {
	case errors.As(err, &said):
		return err
	case errors.Is(err, context.Canceled):
		return &wire.Error{Status: wire.StatusCancelled, Text: "the call was given up", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &wire.Error{Status: wire.StatusTimeout, Text: fmt.Sprintf("Timedout after %s seconds.", pyFloat(timeout.Seconds())), Err: err}
	case answered && (errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*net.OpError))):
		return &wire.Error{Status: wire.StatusUnavailable, Text: "the connection broke in the midst of the answer", Err: err}
	case answered:
		return &wire.Error{Status: wire.StatusUnparsable, Text: "Failed to parse response object", Err: err}
	}
	return &wire.Error{Status: wire.StatusUnavailable, Text: fmt.Sprintf("Service at %s/%s unavailable.", to.Addr, msg.Name()), Err: err}
}

// limited fails when more than n bytes are read.
type limited struct {
	r io.Reader
	n int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.n+1 {
		p = p[:l.n+1]
	}
	n, err := l.r.Read(p)
	if l.n -= int64(n); l.n < 0 {
		return 0, errTooLong
	}
	return n, err
}
