package fleet

import "github.com/filetao/filetao/wallet"

// Exclude has the fleet give no new data to the miners that excluded says, for
// instance those that are about to leave. They are asked about what they hold as
// ever. It replaces what was said before; nil excludes nobody.
func (f *Fleet) Exclude(excluded func(wallet.Address) bool) { f.exclusion.Store(&excluded) }

// excluded says whether a miner is to be given nothing new.
func (f *Fleet) excluded(a wallet.Address) bool {
	excluded := f.exclusion.Load()
	return excluded != nil && *excluded != nil && (*excluded)(a)
}
