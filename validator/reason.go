package validator

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// reason says in plain words, to the one who runs the miner, why an audit was
// settled as it was: what was asked, what came, and what to do about it.
func reason(t index.Trial, q fleet.Question, o fleet.Outcome) string {
	switch {
	case t.Passed:
		return "passed: " + passed(q, o) + asked(t)
	case !o.Came && busy(o.Status()):
		return fmt.Sprintf("failed: gave no answer to the same question%s. The last time: %s. "+
			"See that the miner runs, that its axon can be reached from outside, and that the machine keeps up", asked(t), told(o.Err))
	case o.Came:
		return "failed: " + wrong(q, o.Err) + asked(t)
	default:
		return "failed: " + refused(o) + asked(t)
	}
}

// passed says what was proven.
func passed(q fleet.Question, o fleet.Outcome) string {
	switch {
	case q.Native():
		return fmt.Sprintf("%s proven in %s", blocks(q.Size), seconds(o.Elapsed))
	case q.Task == fleet.TaskRetrieve:
		return fmt.Sprintf("all %s bytes came back as they were stored, in %s", grouped(q.Size), seconds(o.Elapsed))
	default:
		return fmt.Sprintf("a piece of %s bytes and the hash of all proven in %s", grouped(q.Size), seconds(o.Elapsed))
	}
}

// wrong says what is wrong with an answer that came.
func wrong(q fleet.Question, err error) string {
	const lost = "the disk or the database lost or changed it. Check the disk, and restore the data if there is a copy"
	switch {
	case errors.Is(err, wallet.ErrSignature), errors.Is(err, receipt.ErrStatement):
		return "the proof does not bear a signature of the miner's hotkey. Does something else answer in its place?"
	case errors.Is(err, por.ErrProof):
		return fmt.Sprintf("the proof over %s is wrong: a block or its tag is not as it was stored; %s", blocks(q.Size), lost)
	case errors.Is(err, audit.ErrPiece):
		return "the piece is not the one that was stored; " + lost
	case errors.Is(err, audit.ErrSeed):
		return "the answer is over a seed that the miner was never sent: its database is not the one it last had. " +
			"Was a backup restored, or do two miners run under one hotkey?"
	case q.Task == fleet.TaskRetrieve && errors.Is(err, proof.ErrProof):
		return fmt.Sprintf("what came back is not what was stored (%s); %s", told(err), lost)
	default:
		return fmt.Sprintf("the proof does not verify (%s). Is the miner's software up to date?", told(err))
	}
}

// refused says what came in the place of an answer.
func refused(o fleet.Outcome) string {
	said := fmt.Sprintf("(status %d: %s)", o.Status(), told(o.Err))
	switch o.Status() {
	case wire.StatusNotFound:
		return "the miner does not have the data, or does not know the question any more " + said +
			". Does it run on the folder that it stored the data in?"
	case wire.StatusUnauthorized, wire.StatusForbidden:
		return "the miner turned the validator away " + said + ". See its clock and its lists of who is let in"
	case wire.StatusUnparsable:
		return "the answer cannot be read " + said + ". Is the miner's software up to date?"
	default:
		return "an error came in the place of an answer " + said + ". The miner's log says more"
	}
}

// asked says how often a question was put, unless it was once.
func asked(t index.Trial) string {
	if t.Tries <= 1 {
		return ""
	}
	return fmt.Sprintf(", asked %d times over %s", t.Tries, spell(t.Settled.Sub(t.Asked)))
}

// maxTold bounds what is quoted of somebody else's words, in bytes.
const maxTold = 160

// told is what an error says beside what we know, in one line of printable
// letters: part of it is the miner's own text.
func told(err error) string {
	text := ""
	var e *wire.Error
	if errors.As(err, &e) {
		text = e.Text
	} else if inner := errors.Unwrap(err); inner != nil {
		text = inner.Error() // without "challenge at 5F…"
	} else if err != nil {
		text = err.Error()
	}
	text = strings.TrimPrefix(text, proof.ErrProof.Error()+": ")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > maxTold {
		text = strings.ToValidUTF8(text[:maxTold], "") + "…"
	}
	return strconv.Quote(text)
}

// blocks says how many blocks a native audit of so many bytes asks for.
func blocks(size int64) string {
	all := por.Blocks(size)
	if all == 1 {
		return "the only block"
	}
	return fmt.Sprintf("%s of %s blocks", grouped(min(por.Sample, all)), grouped(all))
}

// grouped is a number with commas between its thousands.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// spell is a duration in words, of minutes if there are some.
func spell(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "a second"
	case d < 90*time.Second:
		return fmt.Sprintf("%d seconds", int(d.Round(time.Second).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
	default:
		return fmt.Sprintf("%d hours", int(d.Round(time.Hour).Hours()))
	}
}

// busy says of a status that nobody answered, or had no time to. Who turns us away
// is silent too (fleet.Outcome.Silent), and has words of its own in refused.
func busy(status int) bool {
	return status == wire.StatusTimeout || status == wire.StatusTooMany || status == wire.StatusUnavailable
}
