package miner

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

func FuzzKept(f *testing.F) {
	k := Kept{
		Pledge: receipt.Pledge{
			Asker: wallet.AddressOf([32]byte{1}), Miner: wallet.AddressOf([32]byte{2}), Size: 5000, Made: time.Unix(9, 0).UTC(),
		},
		Asker: bytes.Repeat([]byte{3}, 64), Miner: bytes.Repeat([]byte{4}, 64), Tags: make([]byte, por.TagsSize(5000)),
	}
	good := k.encode()
	if len(good) != 362+34 {
		f.Fatalf("%d bytes", len(good))
	}
	f.Add(good)
	shard := k
	shard.Pledge.Shard = true
	f.Add(shard.encode())
	labelled := k
	labelled.Label = []byte("a label")
	long := labelled.encode()
	if len(long) != 362+2+7+34 {
		f.Fatalf("%d bytes with a label", len(long))
	}
	f.Add(long)
	for n := range long {
		if got, err := parseKept(long[:n]); !errors.Is(err, errKept) {
			f.Errorf("the first %d bytes: %+v, %v", n, got, err)
		}
	}
	if head, err := parseKeptHead(long[:362+2+7]); err != nil || string(head.Label) != "a label" || len(head.Tags) > 0 {
		f.Errorf("without the tags: %+v, %v", head, err)
	}
	for _, bad := range [][]byte{nil, {1}, good[:361], good[:362], good[:395], append(good[:396:396], 0), append([]byte{2}, good[1:]...), append([]byte{3}, good[1:]...), make([]byte, 396)} {
		if got, err := parseKept(bad); !errors.Is(err, errKept) {
			f.Errorf("%d bytes: %+v, %v", len(bad), got, err)
		}
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKept(b)
		if err != nil {
			if !errors.Is(err, errKept) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(k.encode(), b) {
			t.Fatalf("%x became %x", b, k.encode())
		}
	})
}
