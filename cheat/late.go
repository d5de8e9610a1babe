package cheat

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/filetao/filetao/wire"
)

// late has everything and answers rightly: by turns only when the asker's time
// is over, and a byte at a time. Every third time it hangs up.
func late(x *axon) trick {
	var turn atomic.Int64
	return trick{
		challenge: func(ctx context.Context, from wire.Caller, msg *wire.Challenge) (float64, error) {
			return 1, x.honest[msg.Name()](ctx, from, msg)
		},
		audit: func(ctx context.Context, from wire.Caller, msg *wire.Audit) (float64, error) {
			return 1, x.honest[msg.Name()](ctx, from, msg)
		},
		front: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if !asks(r) && r.URL.Path != "/Retrieve" {
				next.ServeHTTP(w, r)
				return
			}
			answer := &held{header: http.Header{}, code: http.StatusOK}
			next.ServeHTTP(answer, r)
			switch turn.Add(1) % 3 {
			case 0:
				hijacked(w, func(io.Writer) {})
				return
			case 1:
				<-r.Context().Done() // the asker gave up
			}
			for name, values := range answer.header {
				w.Header()[name] = values
			}
			w.WriteHeader(answer.code)
			drip(w, r, answer.body.Bytes())
		},
	}
}

// drip writes data a byte at a time until the asker has it or gave up.
func drip(w http.ResponseWriter, r *http.Request, data []byte) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	rc := http.NewResponseController(w)
	for i := range data {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		if _, err := w.Write(data[i : i+1]); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
	}
}

// held is an answer that is not sent yet.
type held struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(code int)        { h.code = code }
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }
