//go:build unix

package devchain

import (
	"os"
	"syscall"
)

// lock keeps other processes from opening the file as long as it is open.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
