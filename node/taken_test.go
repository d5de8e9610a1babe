package node

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/wire/replay"
)

// TestTheTimesOfRequests: a node keeps them in its folder, and says so when they are
// why it refuses requests for long.
func TestTheTimesOfRequests(t *testing.T) {
	dev, key := newChain(t)
	dir := t.TempDir()
	path := filepath.Join(dir, takenFile)
	for _, ahead := range []bool{false, true} {
		if ahead { // an earlier process, whose clock was
			taken, err := replay.Open(path, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for at := time.Now(); at.Before(time.Now().Add(2 * time.Minute)); at = at.Add(4 * time.Second) {
				if err := taken.Add(at.UnixMilli()); err != nil {
					t.Fatal(err)
				}
			}
		}
		var heard said
		m, err := NewMiner(MinerConfig{Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Listen: "127.0.0.1:0", Dir: dir, Log: heard.log()}})
		if err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(heard.String(), "requests are refused"); warned != ahead {
			t.Errorf("ahead %t: warned %t", ahead, warned)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = m.Run(ctx)
	}
	if err := os.WriteFile(path, []byte("spoiled"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewMiner(MinerConfig{Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Listen: "127.0.0.1:0", Dir: dir}}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged file: %v", err)
	}
}
