package stream_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/wiretest"
)

// Nothing runs on when the tests have ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTransport(t *testing.T) {
	wiretest.Run(t, func(t *testing.T, s wiretest.Setup) (wire.Transport, wire.Peer) {
		return client(t, stream.ClientConfig{Key: s.Client}), serve(t, s)
	})
}

func TestStreams(t *testing.T) {
	wiretest.RunStreams(t, func(t *testing.T, s wiretest.Setup) (wire.Streamer, wire.Peer) {
		return client(t, stream.ClientConfig{Key: s.Client}), serve(t, s)
	})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve has an axon answer all routes, over streams too, until the test ends.
func serve(t testing.TB, s wiretest.Setup) wire.Peer {
	t.Helper()
	peer, _ := axon(t, s, "", true)
	return peer
}

func client(t testing.TB, cfg stream.ClientConfig) *stream.Client {
	t.Helper()
	c := stream.NewClient(cfg, stream.ClientDeps{})
	t.Cleanup(func() { check(t, c.Close()) })
	return c
}
