package devchain

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/filetao/filetao/chain"
)

func TestSpeaks(t *testing.T) {
	s := serve(t, openTest(t, testConfig()), ServerConfig{})
	if dev, err := Speaks(t.Context(), s.URL()); err != nil || !dev {
		t.Errorf("a development chain: %v, %v", dev, err)
	}
	// What a subtensor says to a method it does not have.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		if _, _, err := conn.Read(r.Context()); err == nil {
			_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}`))
			_, _, _ = conn.Read(r.Context())
		}
	}))
	defer other.Close()
	if dev, err := Speaks(t.Context(), strings.Replace(other.URL, "http", "ws", 1)); err != nil || dev {
		t.Errorf("another chain: %v, %v", dev, err)
	}
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	for _, nobody := range []string{"ws://127.0.0.1:1", strings.Replace(page.URL, "http", "ws", 1)} {
		if _, err := Speaks(t.Context(), nobody); !errors.Is(err, chain.ErrUnavailable) {
			t.Errorf("%s: %v", nobody, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Speaks(ended, s.URL()); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}
