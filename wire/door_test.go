package wire

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/wallet"
)

// world is what a door looks at, and can be changed.
type world struct {
	standings map[wallet.Address]Standing
	err       error
	height    uint64
	now       time.Time
}

func newWorld() *world {
	return &world{standings: map[wallet.Address]Standing{}, now: time.Unix(1e9, 0)}
}

func (w *world) door(cfg DoorConfig) *Door {
	return NewDoor(cfg, DoorDeps{
		Standing: func(a wallet.Address) (Standing, error) { return w.standings[a], w.err },
		Height:   func() uint64 { return w.height },
		Now:      func() time.Time { return w.now },
	})
}

func expect(t *testing.T, d *Door, a wallet.Address, status int, what string) Admission {
	t.Helper()
	adm, err := d.Admit(a)
	if StatusOf(err) != status {
		t.Errorf("%s: %v, want %d", what, err, status)
	}
	return adm
}

func TestDoorChecks(t *testing.T) {
	w := newWorld()
	w.standings["rich"] = Standing{Registered: true, UID: 3, Stake: 100, ValidatorPermit: true}
	w.standings["poor"] = Standing{Registered: true, UID: 4, Stake: 1}
	list := func(a ...wallet.Address) []wallet.Address { return a }
	for _, c := range []struct {
		what                string
		cfg                 DoorConfig
		rich, poor, unknown int
	}{
		{"by default", DoorConfig{}, 200, 200, 403},
		{"unregistered allowed", DoorConfig{AllowUnregistered: true}, 200, 200, 200},
		{"stake", DoorConfig{MinStake: 100}, 200, 403, 403},
		{"stake, unregistered allowed", DoorConfig{MinStake: 100, AllowUnregistered: true}, 200, 403, 403},
		{"permit", DoorConfig{RequirePermit: true}, 200, 403, 403},
		{"blacklist", DoorConfig{Blacklist: list("rich")}, 403, 200, 403},
		{"whitelist opens", DoorConfig{Whitelist: list("unknown", "poor"), MinStake: 50, RequirePermit: true}, 200, 200, 200},
		{"blacklist over whitelist", DoorConfig{Whitelist: list("unknown"), Blacklist: list("unknown")}, 200, 200, 403},
		{"only whitelisted", DoorConfig{Whitelist: list("poor"), OnlyWhitelisted: true}, 403, 200, 403},
		{"only whitelisted, nobody is", DoorConfig{OnlyWhitelisted: true, AllowUnregistered: true}, 403, 403, 403},
	} {
		d := w.door(c.cfg)
		expect(t, d, "rich", c.rich, c.what+": rich")
		expect(t, d, "poor", c.poor, c.what+": poor")
		expect(t, d, "unknown", c.unknown, c.what+": unknown")
	}
	if adm := expect(t, w.door(DoorConfig{}), "rich", 200, "rich"); !adm.Known || adm.UID != 3 || adm.Stake != 100 {
		t.Errorf("admission %+v", adm)
	}
}

// If a check itself fails, the answer is no.
func TestDoorInDoubt(t *testing.T) {
	w := newWorld()
	w.standings["rich"] = Standing{Registered: true, Stake: 100}
	w.err = errors.New("no chain")
	d := w.door(DoorConfig{AllowUnregistered: true, Whitelist: []wallet.Address{"rich"}, Blacklist: []wallet.Address{"bad"}})
	for _, a := range []wallet.Address{"rich", "unknown"} {
		if adm := expect(t, d, a, 503, "standing not known"); adm.Known || adm.Registered {
			t.Errorf("admission %+v", adm)
		}
	}
	expect(t, d, "bad", 403, "blacklisted, standing not known")
	if s := d.Standing("rich"); s.Registered {
		t.Errorf("standing %+v", s)
	}
}

func TestDoorRate(t *testing.T) {
	w := newWorld()
	w.standings["a"], w.standings["b"] = Standing{Registered: true}, Standing{Registered: true}
	w.height = 99
	d := w.door(DoorConfig{})
	for i := range DefaultRequestsPerWindow {
		expect(t, d, "a", 200, fmt.Sprint("request ", i))
	}
	expect(t, d, "a", 429, "one too many")
	expect(t, d, "b", 200, "another caller")
	w.height = 100 // the next window begins
	expect(t, d, "a", 200, "in the next window")
	w.height = 124
	for range DefaultRequestsPerWindow - 1 {
		expect(t, d, "a", 200, "in the next window")
	}
	expect(t, d, "a", 429, "at the end of the window")
	unlimited := w.door(DoorConfig{RequestsPerWindow: -1})
	for range 1000 {
		expect(t, unlimited, "a", 200, "without a limit")
	}
	two := w.door(DoorConfig{RequestsPerWindow: 2, WindowBlocks: 1})
	for ; w.height < 130; w.height++ {
		expect(t, two, "a", 200, "first of a block")
		expect(t, two, "a", 200, "second of a block")
		expect(t, two, "a", 429, "third of a block")
	}
}

// Strangers cannot fill the memory, nor keep the registered out by trying.
func TestDoorTableIsBounded(t *testing.T) {
	w := newWorld()
	w.standings["registered"] = Standing{Registered: true}
	d := w.door(DoorConfig{MaxCallers: 100, AllowUnregistered: true})
	for i := range 100 {
		expect(t, d, wallet.Address(fmt.Sprint(i)), 200, "stranger")
	}
	expect(t, d, "one more", 429, "a stranger too many")
	expect(t, d, "99", 200, "a known stranger")
	expect(t, d, "registered", 200, "a registered caller")
	if len(d.callers) != 101 {
		t.Errorf("%d callers are remembered", len(d.callers))
	}
	w.height += 2 * DefaultWindowBlocks
	expect(t, d, "one more", 200, "a stranger, later")
	if len(d.callers) != 1 {
		t.Errorf("%d callers are remembered after two windows", len(d.callers))
	}
}

func TestDoorPriority(t *testing.T) {
	w := newWorld()
	w.standings["rich"], w.standings["poor"] = Standing{Registered: true, Stake: 1023}, Standing{Registered: true, Stake: 511}
	d := w.door(DoorConfig{AllowUnregistered: true})
	priority := func(a wallet.Address) float64 { return expect(t, d, a, 200, string(a)).Priority }
	rich, poor, unknown := priority("rich"), priority("poor"), priority("unknown")
	if rich-poor != 1 || poor-unknown != 9 {
		t.Errorf("priorities %v %v %v: one apart is twice the stake", rich, poor, unknown)
	}
	w.now = w.now.Add(10 * time.Minute) // all have waited: nothing between them changes
	if priority("rich") != rich || priority("poor") != poor {
		t.Error("priorities of those who wait move")
	}
	d.Served("rich")
	if got := priority("rich"); math.Abs(got-poor) > 1e-9 {
		t.Errorf("half the stake after 10 minutes weighs %v, the served one %v", poor, got)
	}
	d.Served("nobody")
}

func TestDoorTogether(t *testing.T) {
	d := NewDoor(DoorConfig{AllowUnregistered: true, RequestsPerWindow: 100}, DoorDeps{})
	var group sync.WaitGroup
	var mu sync.Mutex
	admitted := 0
	for range 10 {
		group.Go(func() {
			for range 50 {
				if _, err := d.Admit("a"); err == nil {
					mu.Lock()
					admitted++
					mu.Unlock()
					d.Served("a")
				}
			}
		})
	}
	group.Wait()
	if admitted != 100 {
		t.Errorf("%d of 500 were admitted, want 100", admitted)
	}
}

func TestPermitsHaveARateOfTheirOwn(t *testing.T) {
	validator := wallet.AddressOf([32]byte{1})
	d := NewDoor(DoorConfig{AllowUnregistered: true, RequestsPerWindow: 1, PermitPerWindow: 3}, DoorDeps{
		Standing: func(a wallet.Address) (Standing, error) {
			return Standing{Registered: true, ValidatorPermit: a == validator}, nil
		},
	})
	for a, most := range map[wallet.Address]int{validator: 3, wallet.AddressOf([32]byte{2}): 1} {
		for i := range most + 1 {
			if _, err := d.Admit(a); (err == nil) != (i < most) {
				t.Errorf("request %d of %d: %v", i+1, most, err)
			}
		}
	}
}
