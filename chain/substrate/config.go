package substrate

import (
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/filetao/filetao/chain"
)

// Config says which chain, how patiently and at what price; zero values are the
// defaults.
type Config struct {
	// Endpoints are ws:// or wss:// addresses of nodes of one chain, the
	// preferred one first. At least one.
	Endpoints []string
	// Genesis is the chain's block 0; zero is any, and then that of the first
	// node. Endpoints with another one are passed over.
	Genesis chain.Hash
	// RequestTimeout is for one request, and for a connection to come up before
	// a call gives up; 0 is 30 s.
	RequestTimeout time.Duration
	// TransactionTimeout is how long to wait for a transaction's block; 0 is
	// 5 minutes.
	TransactionTimeout time.Duration
	// PingEvery is how often a connection is tested; 0 is 15 s.
	PingEvery time.Duration
	// StallTimeout is how long a node may show no new block before the next
	// endpoint is tried, if there is one; 0 is 2 minutes.
	StallTimeout time.Duration
	// MinBackoff and MaxBackoff bound the pause after all endpoints failed,
	// doubling from one to the other; 0 are 500 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration
	// MaxMessage bounds one message of a node in bytes; 0 is 64 MiB.
	MaxMessage int64
	// Finalized follows finalised blocks instead of the best ones; transactions
	// return when their block is final.
	Finalized bool
	// Mortality is how many blocks a transaction stays valid, a power of two
	// from 4 to 65536; 0 is 16.
	Mortality uint64
	// Tip is paid to the block's author with every transaction.
	Tip chain.Rao
}

// Deps are what a Client works with.
type Deps struct {
	Log *slog.Logger // nil discards
}

// complete checks a configuration and fills in the defaults.
func (c Config) complete() (Config, error) {
	if len(c.Endpoints) == 0 {
		return c, fmt.Errorf("chain: no endpoint")
	}
	for _, e := range c.Endpoints {
		u, err := url.Parse(e)
		if err != nil {
			return c, fmt.Errorf("chain endpoint: %w", err)
		}
		if u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
			return c, fmt.Errorf("chain endpoint %.80q: want ws://host:port or wss://host:port", e)
		}
	}
	for _, d := range []struct {
		value   *time.Duration
		initial time.Duration
	}{
		{&c.RequestTimeout, 30 * time.Second}, {&c.TransactionTimeout, 5 * time.Minute},
		{&c.PingEvery, 15 * time.Second}, {&c.StallTimeout, 2 * time.Minute},
		{&c.MinBackoff, 500 * time.Millisecond}, {&c.MaxBackoff, 30 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.initial
		}
	}
	if c.MaxMessage <= 0 {
		c.MaxMessage = 64 << 20
	}
	if c.Mortality == 0 {
		c.Mortality = 16
	}
	if c.Mortality < 4 || c.Mortality > 1<<16 || c.Mortality&(c.Mortality-1) != 0 {
		return c, fmt.Errorf("chain: mortality of %d blocks: want a power of two from 4 to 65536", c.Mortality)
	}
	return c, nil
}
