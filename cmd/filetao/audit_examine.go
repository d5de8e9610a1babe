package main

import (
	"errors"
	"strings"
	"time"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

// examined is a dossier and what was found in it.
type examined struct {
	File    string          `json:"file"`
	Asker   wallet.Address  `json:"asker,omitempty"`
	Miner   wallet.Address  `json:"miner,omitempty"`
	Hash    string          `json:"hash,omitempty"`
	Size    int64           `json:"size,omitempty"`
	Block   *uint64         `json:"block,omitempty"`
	Asked   time.Time       `json:"asked,omitzero"`
	Settled time.Time       `json:"settled,omitzero"`
	Tries   int             `json:"tries"`
	Verdict receipt.Verdict `json:"verdict"` // the asker's, as is the reason
	Reason  string          `json:"reason"`
	Checks  []checkedPoint  `json:"checks"`
	Ruling  receipt.Ruling  `json:"ruling"`
	Meaning string          `json:"meaning"`
	// Defence is what the miner's data and tags show.
	Defence     defence `json:"defence,omitempty"`
	DefenceText string  `json:"defence_meaning,omitempty"`

	d receipt.Dossier
	p receipt.Pledge
}

// checkedPoint is one check: "ok", "not ok", "open", or "" for what was found on
// the way.
type checkedPoint struct {
	Result string `json:"result"`
	Text   string `json:"text"`
}

var pointResults = map[receipt.Ruling]string{receipt.Confirmed: "ok", receipt.Refuted: "not ok", receipt.Open: "open"}

// examine judges a dossier.
func examine(d receipt.Dossier) *examined {
	finding := d.Judge()
	a := &examined{
		d: d, Asked: d.Asked, Settled: d.Settled, Tries: d.Tries, Verdict: d.Verdict, Reason: d.Reason, Ruling: finding.Ruling,
	}
	for i, text := range finding.Reasons {
		a.Checks = append(a.Checks, checkedPoint{pointResults[finding.Rulings[i]], text})
	}
	if p, err := receipt.ParsePledge(d.Pledge); err == nil {
		a.p, a.Asker, a.Miner, a.Hash, a.Size = p, p.Asker, p.Miner, p.Hash.String(), p.Size
	}
	if q, err := receipt.ParseQuestion(d.Question); err == nil {
		a.Asker, a.Miner, a.Hash, a.Size, a.Block = q.Asker, q.Miner, q.Hash.String(), q.Size, &q.Epoch
	}
	a.Meaning = a.meaning()
	return a
}

// meaning is what the ruling means, and what one can do.
func (a *examined) meaning() string {
	silent, passed := len(a.d.Proof) == 0, a.Verdict == receipt.Passed
	switch {
	case a.Ruling == receipt.Refuted && !a.verdictAlone():
		return "it is not what it claims to be, and says nothing about the miner. If you have it from somebody else, ask the asker for the original."
	case a.Ruling == receipt.Refuted && silent:
		return "the asker let a miner pass that answered nothing."
	case a.Ruling == receipt.Refuted && passed:
		return "the miner answered wrongly and signed that, and was let pass all the same. Do not rely on the asker's verdicts about this miner."
	case a.Ruling == receipt.Refuted:
		return "the miner answered rightly and is accused all the same. Show this to whoever believes the accusation."
	case a.Ruling == receipt.Open && silent:
		return "all of it is genuine, but that the miner was silent is the asker's word, and silence cannot be proven. See whether others that ask this miner say the same."
	case a.Ruling == receipt.Open && passed:
		return "all of it is genuine. Whether the answer is right only the asker can tell, since keys of audits that were passed stay secret. Nobody is accused of anything."
	case a.Ruling == receipt.Open:
		return "all of it is genuine, but without the key the accusation is the asker's word. Ask the asker to reveal the key of this replica."
	case passed:
		return "the miner answered rightly. Who knows a revealed key can make such an answer without the data: rely on this only if the answer was there first."
	case len(a.d.Proof) != por.ProofSize:
		return "the miner signed an answer that is wrong under any key. There is nothing to be said for it."
	}
	return "the miner answered wrongly and signed that; anybody can check it. If it kept all that it was given, it can show so with --kept, or --data and --tags: wrong tags are the asker's doing."
}

// verdictAlone says that a refuted dossier is genuine but for its verdict.
func (a *examined) verdictAlone() bool {
	other := a.d
	other.Verdict = receipt.Passed
	if a.Verdict == receipt.Passed {
		other.Verdict = receipt.Failed
	}
	return other.Judge().Ruling != receipt.Refuted
}

// defence is what a miner's data and tags show.
type defence string

const (
	defenceCleared   defence = "cleared"    // the asker handed out wrong tags
	defenceFails     defence = "fails"      // data and tags fit: the answer could have been right
	defenceUnrelated defence = "unrelated"  // not what was pledged
	defenceKeyless   defence = "no key"     // nothing to check the tags with
	defenceNeedless  defence = "not needed" // there is no accusation that tags could answer
)

// defend lets the miner show what it keeps, where that can change anything.
func (a *examined) defend(show func(receipt.Pledge) (data, tags []byte, err error)) error {
	switch {
	case a.Ruling == receipt.Refuted || a.Verdict == receipt.Passed:
		a.defended(defenceNeedless, "Data and tags were not looked at: the miner is accused of nothing that holds.")
		return nil
	case len(a.d.Proof) != por.ProofSize:
		a.defended(defenceNeedless, "Data and tags were not looked at: they explain a wrong answer, but neither silence nor one of a wrong length.")
		return nil
	case a.d.Key == nil:
		a.defended(defenceKeyless, "Data and tags cannot be checked against each other without the key.")
		return nil
	}
	data, tags, err := show(a.p)
	if err != nil {
		return err
	}
	switch err := receipt.CheckTags(a.p, *a.d.Key, data, tags); {
	case errors.Is(err, receipt.ErrTags):
		a.defended(defenceCleared, "The miner is cleared: these are the pledged data and tags, and they do not belong to each other. "+
			"With such tags nobody can answer rightly: the asker cheated. Show this dossier and both files, which --kept with --save writes, to whoever believes it.")
	case errors.Is(err, receipt.ErrStatement):
		a.defended(defenceUnrelated, "This is no defence: "+strings.TrimPrefix(err.Error(), receipt.ErrStatement.Error()+": ")+
			". Show what was handed over, byte for byte.")
	case err != nil:
		return err
	default:
		a.defended(defenceFails, "This is no defence: these are the pledged data and tags, and they belong to each other. Who has them answers rightly; the miner did not.")
	}
	return nil
}

func (a *examined) defended(d defence, text string) { a.Defence, a.DefenceText = d, text }

// outcome is the ruling once the miner was heard.
func (a *examined) outcome() receipt.Ruling {
	if a.Defence == defenceCleared {
		return receipt.Refuted
	}
	return a.Ruling
}
