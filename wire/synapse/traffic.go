package synapse

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/filetao/filetao/wire"
)

// traffic is the bodies of one call: it counts and reports their bytes, and
// lends the request's to the HTTP transport, which may go on reading it after
// the answer has come. After end nobody touches the message any more.
type traffic struct {
	body   *body
	report func(wire.Progress)

	mu    sync.Mutex // guards what follows, the sending and the reports
	ended bool
	at    wire.Progress
}

var errEnded = errors.New("the call is over")

func newTraffic(b *body, report func(wire.Progress)) *traffic {
	return &traffic{body: b, report: report, at: wire.Progress{SendTotal: b.size}}
}

// end stops the sending and returns how far it all came.
func (f *traffic) end() wire.Progress {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	return f.at
}

// request reads the request's body from its beginning.
func (f *traffic) request() io.ReadCloser {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at.Sent = 0
	return &sending{f, f.body.reader()}
}

type sending struct {
	f *traffic
	io.ReadCloser
}

func (s *sending) Read(p []byte) (int, error) {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.f.ended {
		return 0, errEnded
	}
	n, err := s.ReadCloser.Read(p)
	s.f.at.Sent += int64(n)
	s.f.report(s.f.at)
	return n, err
}

// answer reads the answer's body.
func (f *traffic) answer(resp *http.Response) io.Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at.ReceivedTotal = max(resp.ContentLength, 0)
	return &receiving{f, resp.Body}
}

type receiving struct {
	f *traffic
	io.Reader
}

func (r *receiving) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	r.f.at.Received += int64(n)
	r.f.report(r.f.at)
	return n, err
}
