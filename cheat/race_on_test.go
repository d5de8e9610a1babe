//go:build race

package cheat_test

import "github.com/filetao/filetao/cheat"

// protocols is what is played: one takes long enough under the race detector, and the
// code is the same.
var protocols = []cheat.Protocol{cheat.Native}
