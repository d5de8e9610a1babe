//go:build !race

package cheat_test

import "github.com/filetao/filetao/cheat"

// protocols is what is played.
var protocols = cheat.Protocols()
