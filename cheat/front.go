package cheat

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"time"
)

// front stands before an axon and may break the wire.
type front struct {
	addr     netip.AddrPort
	listener net.Listener
	server   *http.Server
}

func newFront(handle func(http.ResponseWriter, *http.Request, http.Handler), axon netip.AddrPort) (*front, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	quiet := log.New(io.Discard, "", 0)
	transport := &http.Transport{DisableKeepAlives: true}
	next := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: axon.String()}) },
		Transport: transport, ErrorLog: quiet,
	}
	return &front{addr: addr, listener: l, server: &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, next) }),
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet,
	}}, nil
}

// run serves until ctx ends; what is under way is cut off and waited for.
func (f *front) run(ctx context.Context) error {
	handler := f.server.Handler
	var working inflight
	f.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if working.enter() {
			defer working.leave()
			handler.ServeHTTP(w, r)
		}
	})
	f.server.BaseContext = func(net.Listener) context.Context { return ctx }
	stop := context.AfterFunc(ctx, func() { _ = f.server.Close() }) // Serve reports the end
	defer stop()
	err := f.server.Serve(f.listener)
	working.end()
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// hijacked hands the bare connection to do and closes it afterwards.
func hijacked(w http.ResponseWriter, do func(io.Writer)) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := h.Hijack()
	if err != nil {
		return
	}
	do(conn)
	_ = conn.Close() // the asker may have closed it
}

// forever writes text until the asker has enough or 10 s have passed: its
// limits are to end it long before.
func forever(w io.Writer, text []byte) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if _, err := w.Write(text); err != nil {
			return
		}
	}
}

// declareJSON writes the headers of a good answer.
func declareJSON(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("bt_header_axon_status_code", "200")
	w.Header().Set("bt_header_axon_status_message", "Success")
}
