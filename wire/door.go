package wire

import (
	"math"
	"sync"
	"time"

	"github.com/filetao/filetao/wallet"
)

// Defaults of DoorConfig.
const (
	DefaultRequestsPerWindow = 50
	DefaultWindowBlocks      = 25
	DefaultMaxCallers        = 1 << 14
)

// doubling is how long a caller waits for its importance to double.
const doubling = 10 * time.Minute

// Standing is what the chain says of a caller.
type Standing struct {
	Registered      bool
	UID             uint16
	Stake           uint64 // rao
	ValidatorPermit bool
}

// DoorConfig says who is let in. Its zero value lets registered hotkeys in, at
// the network's rate.
type DoorConfig struct {
	// Blacklist is refused whatever else holds. Whitelist needs no
	// registration, stake or permit; with OnlyWhitelisted nobody else is let in.
	Blacklist, Whitelist []wallet.Address
	OnlyWhitelisted      bool
	// AllowUnregistered lets hotkeys in that have no UID.
	AllowUnregistered bool
	// RequirePermit asks for a validator permit, MinStake for that many rao;
	// both of registered callers and, since they have neither, of others too.
	RequirePermit bool
	MinStake      uint64
	// RequestsPerWindow is how often a caller may ask in WindowBlocks blocks;
	// 0 means the default, less than 0 no limit.
	RequestsPerWindow int
	// PermitPerWindow is the same for callers with a validator permit; 0 means
	// RequestsPerWindow.
	PermitPerWindow int
	WindowBlocks    uint64
	// MaxCallers bounds the table of callers. When it is full, only
	// registered ones are added to it.
	MaxCallers int
}

// DoorDeps are the door's sources. Standing nil means that nobody is
// registered, Height nil that all time is one window, Now nil time.Now.
type DoorDeps struct {
	// Standing looks a hotkey up; on an error the caller is refused.
	Standing func(wallet.Address) (Standing, error)
	// Height is the number of the latest block.
	Height func() uint64
	Now    func() time.Time
}

// Door is the front door of a node that answers: given a caller whose
// signature is verified, it says whether and how soon it is served. The order
// is blacklist, rate limit, registration, priority. If a check itself fails
// the answer is no. It is safe for concurrent use.
type Door struct {
	cfg                  DoorConfig
	deps                 DoorDeps
	blacklist, whitelist map[wallet.Address]bool
	epoch                time.Time // of the priorities

	mu      sync.Mutex // guards what follows
	window  uint64
	callers map[wallet.Address]*caller
}

// caller is what the door remembers of one.
type caller struct {
	window  uint64    // the last one it asked in
	asked   int       // how often in that window
	waiting time.Time // since when it asks in vain; zero when it was served
}

// NewDoor makes a door.
func NewDoor(cfg DoorConfig, deps DoorDeps) *Door {
	if cfg.RequestsPerWindow == 0 {
		cfg.RequestsPerWindow = DefaultRequestsPerWindow
	}
	if cfg.PermitPerWindow == 0 {
		cfg.PermitPerWindow = cfg.RequestsPerWindow
	}
	if cfg.WindowBlocks == 0 {
		cfg.WindowBlocks = DefaultWindowBlocks
	}
	if cfg.MaxCallers <= 0 {
		cfg.MaxCallers = DefaultMaxCallers
	}
	if deps.Standing == nil {
		deps.Standing = func(wallet.Address) (Standing, error) { return Standing{}, nil }
	}
	if deps.Height == nil {
		deps.Height = func() uint64 { return 0 }
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Door{
		cfg: cfg, deps: deps, epoch: deps.Now(),
		blacklist: setOf(cfg.Blacklist), whitelist: setOf(cfg.Whitelist),
		callers: map[wallet.Address]*caller{},
	}
}

func setOf(list []wallet.Address) map[wallet.Address]bool {
	set := make(map[wallet.Address]bool, len(list))
	for _, a := range list {
		set[a] = true
	}
	return set
}

// Admission is the door's yes: who the caller is, and how important. It is
// also good, without a priority, when the door says no; Known tells whether
// the caller's standing could be looked up.
type Admission struct {
	Standing
	Known bool
	// Priority orders those who wait: the higher goes first. It is
	// log2(1 + stake) plus one for every 10 minutes since a fixed moment that
	// the caller did not have to wait, so that it needs no update as time passes.
	Priority float64
}

// Admit decides about a request by a, whose signature is verified. It fails
// with 403 (listed, not registered, too little stake, no permit), 429 (over
// the rate limit) or 503 (a's standing cannot be looked up).
func (d *Door) Admit(a wallet.Address) (Admission, error) {
	standing, standingErr := d.deps.Standing(a)
	adm := Admission{Standing: standing, Known: standingErr == nil}
	if standingErr != nil {
		adm.Standing = Standing{}
	}
	if err := d.listed(a); err != nil {
		return adm, err
	}
	c, err := d.count(a, adm.Standing)
	if err != nil {
		return adm, err
	}
	if standingErr != nil {
		return adm, &Error{Status: StatusUnavailable, Text: "the caller's registration cannot be looked up now", Err: standingErr}
	}
	if err := d.entitled(a, standing); err != nil {
		return adm, err
	}
	adm.Priority = d.priority(c, standing.Stake)
	return adm, nil
}

// Standing looks a up; what cannot be looked up is not registered.
func (d *Door) Standing(a wallet.Address) Standing {
	s, err := d.deps.Standing(a)
	if err != nil {
		return Standing{}
	}
	return s
}

func (d *Door) listed(a wallet.Address) error {
	switch {
	case d.blacklist[a]:
		return Forbidden("Forbidden. Key is blacklisted: hotkey %s is on the blacklist.", a)
	case d.cfg.OnlyWhitelisted && !d.whitelist[a]:
		return Forbidden("Forbidden. Key is blacklisted: hotkey %s is not on the whitelist.", a)
	}
	return nil
}

// count counts the request and refuses one too many, which does not count.
func (d *Door) count(a wallet.Address, s Standing) (*caller, error) {
	window := d.deps.Height() / d.cfg.WindowBlocks
	d.mu.Lock()
	defer d.mu.Unlock()
	if window != d.window {
		d.window = window
		d.forget(window)
	}
	c := d.callers[a]
	if c == nil {
		if len(d.callers) >= d.cfg.MaxCallers && !s.Registered {
			return nil, TooMany("Too many different callers at present.")
		}
		c = &caller{window: window}
		d.callers[a] = c
	}
	if c.window != window {
		c.window, c.asked = window, 0
	}
	if c.waiting.IsZero() {
		c.waiting = d.deps.Now()
	}
	limit := d.cfg.RequestsPerWindow
	if s.ValidatorPermit {
		limit = d.cfg.PermitPerWindow
	}
	if limit > 0 && c.asked >= limit {
		return nil, TooMany("Rate limit of %d requests in %d blocks exceeded.", limit, d.cfg.WindowBlocks)
	}
	c.asked++
	return c, nil
}

// forget drops callers that have not asked for two windows. Called with mu held.
func (d *Door) forget(window uint64) {
	for a, c := range d.callers {
		if c.window+1 < window || c.window > window {
			delete(d.callers, a)
		}
	}
}

func (d *Door) entitled(a wallet.Address, s Standing) error {
	switch {
	case d.whitelist[a]:
		return nil
	case !s.Registered && !d.cfg.AllowUnregistered:
		return Forbidden("Forbidden. Key is blacklisted: hotkey %s is not registered.", a)
	case s.Stake < d.cfg.MinStake:
		return Forbidden("Forbidden. Key is blacklisted: stake %d rao is below the minimum of %d rao.", s.Stake, d.cfg.MinStake)
	case d.cfg.RequirePermit && !s.ValidatorPermit:
		return Forbidden("Forbidden. Key is blacklisted: hotkey %s has no validator permit.", a)
	}
	return nil
}

// priority is log2 of (1+stake)·2^(waited/10 min), less what grows alike for
// all who wait.
func (d *Door) priority(c *caller, stake uint64) float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	since := c.waiting
	if since.IsZero() { // served meanwhile on another connection
		since = d.deps.Now()
	}
	return math.Log2(1+float64(stake)) - float64(since.Sub(d.epoch))/float64(doubling)
}

// Served tells the door that a's turn came: its waiting time starts anew.
func (d *Door) Served(a wallet.Address) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.callers[a]; c != nil {
		c.waiting = time.Time{}
	}
}
