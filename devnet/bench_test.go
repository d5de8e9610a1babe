package devnet_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/filetao/filetao/client"
)

// BenchmarkPutGet sends a user's file through gateway and six miners, three
// replicas, everything on this machine, and gets it back.
func BenchmarkPutGet(b *testing.B) {
	cfg := small()
	cfg.Validator.UniformSize = 1 // challenges go on, but cost next to nothing
	d := start(b, cfg)
	user, err := d.User(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer user.Close()
	for _, size := range []int{4 << 10, 1 << 20, 64 << 20} {
		data := make([]byte, size)
		if _, err := rand.Read(data); err != nil {
			b.Fatal(err)
		}
		var cid string
		b.Run(fmt.Sprintf("put/%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				buf := append(make([]byte, 0, size+16), data...) // Put consumes it
				stored, err := user.Put(b.Context(), buf, client.PutOptions{Encrypt: d.UserEnvelope()})
				if err != nil {
					b.Fatal(err)
				}
				cid = stored.CID
			}
		})
		b.Run(fmt.Sprintf("get/%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := user.Get(b.Context(), cid, client.GetOptions{Key: d.UserEnvelope()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
