package synapse

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// TestMount has a server answer other things beside its messages. Only pings tell
// of streams, and only where there are some.
func TestMount(t *testing.T) {
	entered, released := make(chan struct{}), make(chan struct{})
	for _, prefix := range []string{wire.StreamPath, "/else/"} {
		server, stop := runServer(t, ServerConfig{}, ServerDeps{}, func(s *Server) {
			s.Handle(func() wire.Message { return &wire.Delete{} }, func(context.Context, wire.Caller, wire.Message) error { return nil }, 1<<10)
			s.Mount(prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == prefix+"slow" {
					entered <- struct{}{}
					<-released
				}
				if _, err := io.WriteString(w, "at "+r.URL.Path); err != nil {
					t.Error(err)
				}
			}))
		})
		get := func(path string) string {
			resp, err := http.Get("http://" + server.Addr().String() + path)
			check(t, err)
			data, err := io.ReadAll(resp.Body)
			check(t, err)
			check(t, resp.Body.Close())
			return string(data)
		}
		if got := get(prefix + "x"); got != "at "+prefix+"x" {
			t.Errorf("mounted at %s: %q", prefix, got)
		}
		client := testClient(t, ClientConfig{})
		peer := wire.Peer{Hotkey: wiretest.Key(t, "//Bob").Address(), Addr: server.Addr()}
		for _, msg := range []wire.Message{&wire.Ping{}, &wire.Delete{}} {
			_, ping := msg.(*wire.Ping)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			ex, err := client.Call(ctx, peer, msg)
			cancel()
			if err != nil || ex.Streams != (ping && prefix == wire.StreamPath) {
				t.Errorf("%s with %s mounted: streams %v, %v", msg.Name(), prefix, ex.Streams, err)
			}
		}
		// Run waits for what is mounted too.
		answered := make(chan string, 1)
		go func() { answered <- get(prefix + "slow") }()
		<-entered
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		select {
		case <-stopped:
			t.Error("the server did not wait")
		case <-time.After(50 * time.Millisecond):
		}
		released <- struct{}{}
		if got := <-answered; got != "at "+prefix+"slow" {
			t.Errorf("cut off: %q", got)
		}
		<-stopped
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	}
}
