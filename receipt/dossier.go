package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/filetao/filetao/proof/por"
)

const (
	// MaxDossier bounds the JSON of a dossier in bytes.
	MaxDossier = 16 << 10
	// MaxReason is the length of a reason in bytes, at which its encoding cuts it.
	MaxReason = 1024
	// maxTries bounds how often a question can have been asked.
	maxTries = 255
)

// Verdict is what an asker says became of an audit.
type Verdict string

// The verdicts.
const (
	Passed Verdict = "passed"
	Failed Verdict = "failed"
)

// Dossier is all there is about one settled native audit. Nothing in it is
// checked before Judge is called.
type Dossier struct {
	Pledge        []byte // encoded
	PledgeAsker   []byte // the asker's signature over it
	PledgeMiner   []byte // the miner's signature over it
	Question      []byte // encoded
	QuestionAsker []byte // the asker's signature over it
	// Proof and ProofMiner are the proof and the miner's signature over the
	// Answer; none if the miner was silent. An answer whose signature does not
	// verify is nobody's: it has no place here, and Reason says what came.
	Proof      []byte
	ProofMiner []byte
	Key        *por.Key // of this one replica, when revealed

	// What the asker says.
	Verdict Verdict
	Reason  string    // in words; cut at MaxReason bytes when encoded
	Asked   time.Time // for the first time, 1970 to 9999; zero if not known
	Settled time.Time // zero if not known
	Tries   int       // how often it was asked, 0 to 255; 0 if not known
}

// dossierJSON is the file. Texts of bytes are base64.
type dossierJSON struct {
	Version       int       `json:"version"`
	Pledge        []byte    `json:"pledge"`
	PledgeAsker   []byte    `json:"pledge_asker_signature"`
	PledgeMiner   []byte    `json:"pledge_miner_signature"`
	Question      []byte    `json:"question"`
	QuestionAsker []byte    `json:"question_signature"`
	Proof         []byte    `json:"proof,omitempty"`
	ProofMiner    []byte    `json:"proof_signature,omitempty"`
	Key           []byte    `json:"key,omitempty"`
	Verdict       Verdict   `json:"verdict"`
	Reason        string    `json:"reason"`
	Asked         time.Time `json:"asked,omitzero"`
	Settled       time.Time `json:"settled,omitzero"`
	Tries         int       `json:"tries"`
}

// check holds what the JSON form demands beside its syntax.
func (d Dossier) check() error {
	switch {
	case d.Verdict != Passed && d.Verdict != Failed:
		return fmt.Errorf("%w: a verdict that is neither %q nor %q", ErrStatement, Passed, Failed)
	case (len(d.Proof) == 0) != (len(d.ProofMiner) == 0):
		return fmt.Errorf("%w: proof and signature belong together", ErrStatement)
	case d.Tries < 0 || d.Tries > maxTries:
		return fmt.Errorf("%w: asked %d times", ErrStatement, d.Tries)
	}
	for _, t := range []time.Time{d.Asked, d.Settled} {
		if !t.IsZero() && (t.Unix() < 1 || t.Unix() > maxTime) {
			return fmt.Errorf("%w: a time before 1970 or after 9999", ErrStatement)
		}
	}
	return nil
}

// MarshalJSON writes the dossier as docs/formats.md has it. It fails with
// ErrStatement for what ParseDossier would refuse.
func (d Dossier) MarshalJSON() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	j := dossierJSON{
		Version: version,
		Pledge:  d.Pledge, PledgeAsker: d.PledgeAsker, PledgeMiner: d.PledgeMiner,
		Question: d.Question, QuestionAsker: d.QuestionAsker,
		Proof: d.Proof, ProofMiner: d.ProofMiner,
		Verdict: d.Verdict, Reason: cut(d.Reason),
		Asked: d.Asked.UTC(), Settled: d.Settled.UTC(), Tries: d.Tries,
	}
	if d.Key != nil {
		j.Key = d.Key[:]
	}
	b, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if len(b) > MaxDossier {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrStatement, len(b), MaxDossier)
	}
	return b, nil
}

// cut makes a reason valid UTF-8 of at most MaxReason bytes.
func cut(reason string) string {
	reason = strings.ToValidUTF8(reason, "?")
	if len(reason) <= MaxReason {
		return reason
	}
	end := MaxReason
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}

// ParseDossier reads a dossier's JSON: at most MaxDossier bytes, one object,
// no unknown members, nothing after it. It fails with ErrStatement. Whether the
// statements in it are well-formed and true is for Judge to say.
func ParseDossier(b []byte) (Dossier, error) {
	if len(b) > MaxDossier {
		return Dossier{}, fmt.Errorf("%w: %d bytes, at most %d", ErrStatement, len(b), MaxDossier)
	}
	var j dossierJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return Dossier{}, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Dossier{}, fmt.Errorf("%w: something after the dossier", ErrStatement)
	}
	if j.Version != version {
		return Dossier{}, fmt.Errorf("%w: version %d, want %d", ErrStatement, j.Version, version)
	}
	d := Dossier{
		Pledge: j.Pledge, PledgeAsker: j.PledgeAsker, PledgeMiner: j.PledgeMiner,
		Question: j.Question, QuestionAsker: j.QuestionAsker,
		Proof: j.Proof, ProofMiner: j.ProofMiner,
		Verdict: j.Verdict, Reason: j.Reason, Asked: j.Asked.UTC(), Settled: j.Settled.UTC(), Tries: j.Tries,
	}
	if len(j.Key) != 0 {
		if len(j.Key) != len(por.Key{}) {
			return Dossier{}, fmt.Errorf("%w: key of %d bytes", ErrStatement, len(j.Key))
		}
		key := por.Key(j.Key)
		d.Key = &key
	}
	if len(j.Reason) > MaxReason {
		return Dossier{}, fmt.Errorf("%w: a reason of %d bytes", ErrStatement, len(j.Reason))
	}
	if err := d.check(); err != nil {
		return Dossier{}, err
	}
	return d, nil
}

// UnmarshalJSON is ParseDossier.
func (d *Dossier) UnmarshalJSON(b []byte) error {
	parsed, err := ParseDossier(b)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
