package receipt

import (
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/wallet"
)

// Ruling is what Judge comes to.
type Ruling string

// The rulings.
const (
	Confirmed Ruling = "confirmed" // all of it is genuine and the verdict is right
	Refuted   Ruling = "refuted"   // the verdict is wrong, or something is not what it claims to be
	Open      Ruling = "open"      // genuine, but the verdict cannot be judged from what is there
)

// Finding is a ruling with its reasons: a sentence for every check, in the order
// in which they were made. Refuted weighs more than Open, and Open more than
// Confirmed.
type Finding struct {
	Ruling  Ruling
	Reasons []string
	// Rulings has for every one of the Reasons what that check alone comes to;
	// "" for what is no check but was found on the way.
	Rulings []Ruling
}

// skew is how long before the pledge was made a question may have been asked:
// validator and gateway of one operator have two clocks.
const skew = time.Minute

// Judge checks everything again, with nothing but what is in the dossier, and
// says whether its verdict is right. It takes a few milliseconds at most.
//
// The times, the number of tries and the reason are the asker's word alone.
// Whoever knows a revealed key can compute a proof that passes; who confirms such
// a pass relies on the order of events.
func (d Dossier) Judge() Finding {
	j := &judge{d: d, Finding: Finding{Ruling: Confirmed}}
	if err := d.check(); err != nil {
		return j.refute("The dossier is malformed: %v.", err)
	}
	if !j.pledge() || !j.question() {
		return j.Finding
	}
	j.time()
	j.answer()
	return j.Finding
}

// judge is Judge under way.
type judge struct {
	d Dossier
	p Pledge
	q Question
	Finding
}

func (j *judge) add(r Ruling, text string, args ...any) {
	j.Reasons = append(j.Reasons, fmt.Sprintf(text, args...))
	j.Rulings = append(j.Rulings, r)
}

func (j *judge) note(text string, args ...any) { j.add("", text, args...) }

func (j *judge) confirm(text string, args ...any) { j.add(Confirmed, text, args...) }

func (j *judge) refute(text string, args ...any) Finding {
	j.add(Refuted, text, args...)
	j.Ruling = Refuted
	return j.Finding
}

func (j *judge) open(text string, args ...any) {
	j.add(Open, text, args...)
	if j.Ruling == Confirmed {
		j.Ruling = Open
	}
}

// signed notes what became of checking somebody's signature over what.
func (j *judge) signed(err error, who, what string, by wallet.Address) {
	if err != nil {
		j.refute("The %s's signature over the %s is not one of %s: anybody may have written it.", who, what, by)
		return
	}
	j.confirm("The %s, %s, signed the %s.", who, by, what)
}

// pledge says whether there is a pledge to go on with.
func (j *judge) pledge() bool {
	var err error
	if j.p, err = ParsePledge(j.d.Pledge); err != nil {
		j.refute("The pledge cannot be read: %v.", err)
		return false
	}
	until := "for ever"
	if !j.p.Until.IsZero() {
		until = "until " + j.p.Until.Format(time.RFC3339)
	}
	name := "hash"
	if j.p.Shard {
		name = "shard root"
	}
	j.note("The pledge says that %s keeps the %d bytes with %s %s for %s, from %s %s.",
		j.p.Miner, j.p.Size, name, j.p.Hash, j.p.Asker, j.p.Made.Format(time.RFC3339), until)
	j.signed(j.p.VerifyAsker(j.d.PledgeAsker), "asker", "pledge", j.p.Asker)
	j.signed(j.p.VerifyMiner(j.d.PledgeMiner), "miner", "pledge", j.p.Miner)
	return true
}

// question says whether there is a question to go on with.
func (j *judge) question() bool {
	var err error
	if j.q, err = ParseQuestion(j.d.Question); err != nil {
		j.refute("The question cannot be read: %v.", err)
		return false
	}
	j.signed(j.q.Verify(j.d.QuestionAsker), "asker", "question", j.q.Asker)
	if err := j.q.About(j.p); err != nil {
		j.refute("The question is not about this pledge: %v.", err)
		return true
	}
	j.confirm("The question is about this pledge, at block %d.", j.q.Epoch)
	return true
}

func (j *judge) time() {
	asked, settled := j.d.Asked, j.d.Settled
	switch {
	case asked.IsZero():
		j.note("When it was asked is not said.")
	case asked.Before(j.p.Made.Add(-skew)):
		j.refute("It was asked at %s, before the pledge was made.", asked.UTC().Format(time.RFC3339))
	case !j.p.Until.IsZero() && !asked.Before(j.p.Until):
		j.refute("It was asked at %s, when the pledge had ended: the miner owed nothing.", asked.UTC().Format(time.RFC3339))
	case !settled.IsZero() && settled.Before(asked):
		j.refute("It was settled before it was asked.")
	default:
		j.confirm("By the asker's clock it was asked at %s, while the pledge held.", asked.UTC().Format(time.RFC3339))
	}
}

// answer judges proof and verdict.
func (j *judge) answer() {
	if len(j.d.Proof) == 0 {
		j.silence()
		return
	}
	answer := Answer{Question: j.q.Digest(), Proof: j.d.Proof}
	j.signed(answer.Verify(j.q.Miner, j.d.ProofMiner), "miner", "answer to this very question", j.q.Miner)
	key := j.key()
	switch {
	case len(j.d.Proof) != por.ProofSize:
		j.verdict(Failed, "The answer has %d bytes and not %d: it is wrong, whatever the key.", len(j.d.Proof), por.ProofSize)
	case key == nil:
		j.open("Without the key nobody but the asker can tell whether the answer is right.")
	default:
		j.proof(key.Check(j.q.Challenge(), j.q.Size, j.d.Proof))
	}
}

func (j *judge) silence() {
	j.key()
	if j.d.Verdict == Passed {
		j.refute("There is no answer, and without one nobody passes.")
		return
	}
	j.open("There is no answer. That the miner was silent is the asker's word: silence cannot be proven.")
}

// key is the revealed key, if it is the pledged one.
func (j *judge) key() *por.Key {
	switch key := j.d.Key; {
	case key == nil:
		j.note("The key is not revealed.")
		return nil
	case key.Commitment() != j.p.Key:
		j.refute("The revealed key is not the one that was pledged.")
		return nil
	default:
		j.confirm("The revealed key is the one that was pledged.")
		return key
	}
}

func (j *judge) proof(err error) {
	switch {
	case err == nil:
		j.verdict(Passed, "The answer is right: it shows all the blocks that were asked for.")
	case errors.Is(err, proof.ErrProof):
		j.verdict(Failed, "The answer is wrong: it cannot have been computed from the pledged data and tags, if they belong to each other.")
		j.note("If the miner shows the pledged data and the pledged tags, and they do not belong to each other under the key, the asker cheated (CheckTags).")
	default:
		j.open("The answer cannot be checked: %v.", err)
	}
}

// verdict compares the asker's with the right one.
func (j *judge) verdict(right Verdict, why string, args ...any) {
	j.note(why, args...)
	switch {
	case j.d.Verdict != right:
		j.refute("The asker's verdict is %q: that is wrong.", j.d.Verdict)
	case j.Ruling == Refuted:
		j.note("The asker's verdict is %q: that would be right if the rest were genuine.", j.d.Verdict)
	default:
		j.confirm("The asker's verdict is %q: that is right.", j.d.Verdict)
	}
}
