package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

// Of those that hold others up the slowest gives way, and none that is brisk or has
// only begun.
func TestWhoGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mib = 1 << 20
		w := newWindows(Config{Gets: 3, GetMemory: 16 * mib, GetPatience: 10 * time.Second}, time.Now)
		ended := make(chan string, 3)
		take := func(name string) *window {
			t.Helper()
			one, err := w.take(t.Context(), mib, 4*mib, false, func() { ended <- name })
			if err != nil {
				t.Fatal(err)
			}
			return one
		}
		brisk, slow, slower := take("brisk"), take("slow"), take("slower")
		if a, b, c := slow.begin(), brisk.begin(), slower.begin(); a != 4*mib || b != 3*mib || c != mib || slow.ahead() != 0 || w.used != 8*mib {
			t.Errorf("they have %d, %d and %d of %d", a, b, c, w.used)
		}
		go func() {
			for name := range ended {
				if name != "slower" {
					t.Errorf("%s gives way", name)
				}
				slower.done()
				slower.close()
			}
		}()
		done := make(chan struct{})
		go func() {
			last := take("last")
			if last.size != mib {
				t.Errorf("%d", last.size)
			}
			last.close()
			close(done)
		}()
		for range 12 {
			<-time.After(time.Second)
			brisk.reading()
			brisk.gave(2 * mib)
			slow.reading()
			slow.gave(20)
			slower.reading()
			slower.gave(10)
		}
		<-done
		close(ended)
		for _, one := range []*window{brisk, slow} {
			one.done()
			one.close()
		}
		if w.used != 0 || len(w.gets) != 0 {
			t.Errorf("%d bytes, %d gets are left", w.used, len(w.gets))
		}
	})
}
