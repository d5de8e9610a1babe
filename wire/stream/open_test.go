package stream_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/wiretest"
)

func openDoor() *wire.Door {
	return wire.NewDoor(wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1}, wire.DoorDeps{})
}

func TestABodyEachWay(t *testing.T) {
	setup := wiretest.Setup{Server: wiretest.Key(t, "//Bob"), Client: wiretest.Key(t, "//Alice"), Door: openDoor()}
	setup.Streams = []wiretest.StreamRoute{{New: func() wire.Message { return &wire.PutShard{} }, MaxBody: 1 << 20, Handle: func(_ context.Context, _ wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		data, err := io.ReadAll(in.Reader)
		msg.(*wire.PutShard).Receipt = []byte("yes")
		return wire.Body{Size: in.Size, Reader: bytes.NewReader(data)}, err
	}}}
	peer := serve(t, setup)
	msg, data := &wire.PutShard{Size: 7}, bytes.Repeat([]byte("0123456789"), 100_000)
	a, err := client(t, stream.ClientConfig{Key: setup.Client}).Open(t.Context(), peer, msg, wire.Body{Size: int64(len(data)), Reader: bytes.NewReader(data)})
	check(t, err)
	back, err := io.ReadAll(a)
	check(t, err)
	check(t, a.Close())
	if !bytes.Equal(back, data) || a.Size != int64(len(data)) || string(msg.Receipt) != "yes" {
		t.Errorf("%d of %d bytes came back, receipt %q", len(back), a.Size, msg.Receipt)
	}
}
