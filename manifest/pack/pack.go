// Package pack is the form in which what a validator knows of its users' files is
// kept on the miners: records of objects, and of those that were removed, many in
// one pack, which only the hotkey that wrote it can name, find and open.
//
// A pack says how objects stood at its time. Of two packs that know the same object
// the later one is right. Which others there were at its time is said in it, so that
// who finds the latest knows whether one is missing. When packs are written and
// where they are kept is package backup's, what they bring back package recovery's.
// Enter at [KeyOf], [Key.Seal] and [Key.Open].
package pack

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/manifest"
)

const (
	// MaxSize is the length of the longest pack as it is sealed, in bytes.
	MaxSize = 32 << 20
	// MaxOthers is how many others a pack names at most.
	MaxOthers = 1 << 16

	version   = 1
	cidSize   = 59
	timeSize  = 12
	hasGone   = 1
	hasObject = 2
	maxTime   = 253402300799 // the end of the year 9999
	minTime   = -62135596800 // time.Time{}
)

// ErrPack is returned for what is no pack, or another one than it should be.
var ErrPack = errors.New("not a pack")

// Pack is how some objects stood at a time.
type Pack struct {
	Number  uint64   // its time in Unix nanoseconds, or a little later than the last one's
	Others  []uint64 // the packs that counted beside it, ascending, all before it
	Records []Record // ascending by Owner and CID, each once
}

// Record is all that is known of an object: that it is there, that it was removed,
// or both, when it was put again since.
type Record struct {
	Owner  [32]byte
	CID    string
	Gone   *Gone   // nil: no removal is known that matters still
	Object *Object // nil: it is not there
}

// Gone is a removal.
type Gone struct {
	At       time.Time
	Until    time.Time // when it does not matter any more; zero: never
	Manifest [32]byte  // SHA-256 of what was removed
}

// Object is a file as its owner signed it.
type Object struct {
	Stored    time.Time
	TTL       time.Duration // 0: for ever
	Signature [64]byte
	Manifest  []byte // encoded, up to manifest.MaxEncoded bytes
}

// Compare orders records as they are in a pack.
func (r Record) Compare(s Record) int {
	return cmp.Or(bytes.Compare(r.Owner[:], s.Owner[:]), cmp.Compare(r.CID, s.CID))
}

// Ends is when nothing about the record matters any more: the end of the object, and
// that of its removal. Zero: never.
func (r Record) Ends() time.Time {
	var end time.Time
	if r.Gone != nil {
		if end = r.Gone.Until; end.IsZero() {
			return end
		}
	}
	if o := r.Object; o != nil {
		if o.TTL <= 0 {
			return time.Time{}
		}
		if t := o.Stored.Add(o.TTL); t.After(end) {
			end = t
		}
	}
	return end
}

// Equal says whether two records say the same.
func (r Record) Equal(s Record) bool {
	return r.Size() == s.Size() && bytes.Equal(r.append(nil), s.append(nil))
}

// Size is the length of its encoding, in bytes.
func (r Record) Size() int {
	n := 32 + cidSize + 1
	if r.Gone != nil {
		n += 2*timeSize + 32
	}
	if r.Object != nil {
		n += timeSize + 8 + 64 + 4 + len(r.Object.Manifest)
	}
	return n
}

// Check is ErrPack for what the form cannot say.
func (r Record) Check() error {
	if cid.Parse(r.CID) != nil || len(r.CID) != cidSize {
		return fmt.Errorf("%w: cid %.80q", ErrPack, r.CID)
	}
	if r.Gone == nil && r.Object == nil {
		return fmt.Errorf("%w: nothing about %s", ErrPack, r.CID)
	}
	if g := r.Gone; g != nil && (!sayable(g.At) || !sayable(g.Until)) {
		return fmt.Errorf("%w: %s was removed at %v, until %v", ErrPack, r.CID, g.At, g.Until)
	}
	if o := r.Object; o != nil && (!sayable(o.Stored) || o.TTL < 0 || len(o.Manifest) == 0 || len(o.Manifest) > manifest.MaxEncoded) {
		return fmt.Errorf("%w: %s was stored at %v for %v, manifest of %d bytes", ErrPack, r.CID, o.Stored, o.TTL, len(o.Manifest))
	}
	return nil
}

// Check is ErrPack unless the pack can be encoded.
func (p Pack) Check() error {
	size := headSize + 8*len(p.Others)
	before := append(slices.Clone(p.Others), p.Number)
	if len(p.Others) > MaxOthers || !slices.IsSorted(before) || len(slices.Compact(before)) <= len(p.Others) {
		return fmt.Errorf("%w: %d others", ErrPack, len(p.Others))
	}
	for i, r := range p.Records {
		if err := r.Check(); err != nil {
			return err
		}
		if i > 0 && p.Records[i-1].Compare(r) >= 0 {
			return fmt.Errorf("%w: %s is out of order", ErrPack, r.CID)
		}
		size += r.Size()
	}
	if size > MaxSize-sealSize {
		return fmt.Errorf("%w: %d bytes", ErrPack, size)
	}
	return nil
}

// headSize is the length of what comes before the others: number and two counts.
const headSize = 8 + 4 + 4

func sayable(t time.Time) bool { return t.Unix() >= minTime && t.Unix() <= maxTime }

// encode is the one encoding of a pack that Check takes, after room bytes.
func (p Pack) encode(room, extra int) []byte {
	size := room + headSize + 8*len(p.Others) + extra
	for _, r := range p.Records {
		size += r.Size()
	}
	b := make([]byte, room, size)
	b = binary.BigEndian.AppendUint64(b, p.Number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Others)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Records)))
	for _, n := range p.Others {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	for _, r := range p.Records {
		b = r.append(b)
	}
	return b
}

func (r Record) append(b []byte) []byte {
	b = append(append(b, r.Owner[:]...), r.CID...)
	at, has := len(b), byte(0)
	b = append(b, 0)
	if g := r.Gone; g != nil {
		has |= hasGone
		b = append(appendTime(appendTime(b, g.At), g.Until), g.Manifest[:]...)
	}
	if o := r.Object; o != nil {
		has |= hasObject
		b = binary.BigEndian.AppendUint64(appendTime(b, o.Stored), uint64(o.TTL))
		b = append(b, o.Signature[:]...)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(o.Manifest))), o.Manifest...)
	}
	b[at] = has
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, uint64(t.Unix())), uint32(t.Nanosecond()))
}

// decode reads what encode has written, and nothing else. The manifests are parts of
// b.
func decode(b []byte) (Pack, error) {
	in := reader{b: b}
	p := Pack{Number: in.u64()}
	others, records := in.u32(), in.u32()
	if others > MaxOthers || int(others)*8 > len(in.b) || int64(records)*(32+cidSize+1) > int64(len(in.b)) {
		return Pack{}, fmt.Errorf("%w: %d others and %d records in %d bytes", ErrPack, others, records, len(b))
	}
	for range others {
		p.Others = append(p.Others, in.u64())
	}
	for range records {
		r := in.record()
		if in.bad {
			break
		}
		p.Records = append(p.Records, r)
	}
	if in.bad || len(in.b) > 0 {
		return Pack{}, fmt.Errorf("%w: %d bytes are left after %d of %d records", ErrPack, len(in.b), len(p.Records), records)
	}
	return p, p.Check()
}

// reader takes a text apart; bad once it was too short or has what encode would not
// write.
type reader struct {
	b   []byte
	bad bool
}

func (in *reader) take(n int) []byte {
	if n > len(in.b) {
		in.bad = true
		return make([]byte, min(n, 64))
	}
	var taken []byte
	taken, in.b = in.b[:n:n], in.b[n:]
	return taken
}

func (in *reader) u32() uint32 { return binary.BigEndian.Uint32(in.take(4)) }
func (in *reader) u64() uint64 { return binary.BigEndian.Uint64(in.take(8)) }

func (in *reader) time() time.Time {
	sec, nsec := int64(in.u64()), in.u32()
	if nsec >= 1e9 {
		in.bad = true
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

func (in *reader) record() Record {
	r := Record{Owner: [32]byte(in.take(32)), CID: string(in.take(cidSize))}
	has := in.take(1)[0]
	in.bad = in.bad || has > hasGone|hasObject
	if has&hasGone != 0 {
		r.Gone = &Gone{At: in.time(), Until: in.time(), Manifest: [32]byte(in.take(32))}
	}
	if has&hasObject != 0 {
		r.Object = &Object{Stored: in.time(), TTL: time.Duration(in.u64()), Signature: [64]byte(in.take(64))}
		r.Object.Manifest = in.take(int(in.u32()))
	}
	return r
}
