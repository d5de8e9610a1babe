package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/commits"
)

// afterSending says of a transaction that may be in a block although its command
// has failed, by Ctrl-C or a lost connection, how to find out; look is the command.
func afterSending(err error, look string) error {
	if !commits.Unsure(err) {
		return err
	}
	next := "see `filetao " + look + "` before you do it again"
	var sent *chain.InFlightError
	switch {
	case !errors.As(err, &sent):
		next = "if it was sent, it may be in a block or come into one yet: " + next
	case errors.Is(err, context.Canceled): // whose text is not shown
		next = sentAs(sent) + "; " + next
	}
	return &unfinished{next, err}
}

// sentAs names a transaction, and the last block that can have it.
func sentAs(sent *chain.InFlightError) string {
	text := "sent as " + sent.Transaction.String()
	if sent.Until > 0 {
		text += fmt.Sprintf(", valid until block %d", sent.Until-1)
	}
	return text
}
