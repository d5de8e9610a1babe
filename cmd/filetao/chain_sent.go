package main

import (
	"github.com/filetao/filetao/chain/commits"
)

// afterSending says of a transaction that may be in a block although its command
// has failed, by Ctrl-C or a lost connection, how to find out; look is the command.
func afterSending(err error, look string) error {
	if !commits.Unsure(err) {
		return err
	}
	return &unfinished{"if it was sent, it may be in a block or come into one yet: see `filetao " + look + "` before you do it again", err}
}
