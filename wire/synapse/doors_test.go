package synapse

import (
	"context"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

// TestAMessageWithADoorOfItsOwn has a server for listed users tell registered
// miners of themselves: neither door lets the other's callers in, and each has
// its own rate.
func TestAMessageWithADoorOfItsOwn(t *testing.T) {
	user, miner := wiretest.Key(t, "//User"), wiretest.Key(t, "//Miner")
	deps := wire.DoorDeps{Standing: func(a wallet.Address) (wire.Standing, error) {
		return wire.Standing{Registered: a == miner.Address(), UID: 7}, nil
	}}
	users := wire.NewDoor(wire.DoorConfig{Whitelist: []wallet.Address{user.Address()}, OnlyWhitelisted: true}, deps)
	miners := wire.NewDoor(wire.DoorConfig{RequestsPerWindow: 2}, deps)
	server := startServer(t, ServerConfig{}, ServerDeps{Door: users}, func(s *Server) {
		s.Handle(func() wire.Message { return &wire.RetrieveUser{} }, func(context.Context, wire.Caller, wire.Message) error {
			return nil
		}, 1<<20)
		s.HandleBehind(miners, func() wire.Message { return &wire.Explain{} }, func(_ context.Context, c wire.Caller, m wire.Message) error {
			m.(*wire.Explain).Explanation = []byte(string(c.Hotkey))
			return nil
		}, 1<<16)
	})
	peer := wire.Peer{Hotkey: wiretest.Key(t, "//Bob").Address(), Addr: server.Addr()}
	ask := func(key *wallet.Keypair, msg wire.Message) int {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := testClient(t, ClientConfig{Key: key}).Call(ctx, peer, msg)
		return wire.StatusOf(err)
	}
	own := &wire.Explain{Last: 3}
	for i, c := range []struct {
		key  *wallet.Keypair
		msg  wire.Message
		want int
	}{
		{user, &wire.RetrieveUser{}, 200}, {user, &wire.Explain{}, 403}, {miner, &wire.RetrieveUser{}, 403},
		{miner, own, 200}, {miner, &wire.Explain{}, 200}, {miner, &wire.Explain{}, 429}, {user, &wire.RetrieveUser{}, 200},
	} {
		if got := ask(c.key, c.msg); got != c.want {
			t.Errorf("call %d: status %d, want %d", i, got, c.want)
		}
	}
	if string(own.Explanation) != string(miner.Address()) {
		t.Errorf("the miner is told %q", own.Explanation)
	}
}
