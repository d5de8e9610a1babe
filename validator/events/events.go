// Package events keeps a validator's events on disk, one line of JSON each, with
// the field names of the reference's event log, and reads them back. The log is
// a file and the full ones before it; it is bounded, and writing it never holds
// a validator up. It is no source of truth: scores and statistics are in the
// index. Enter at New to write and at Open to read; package plots draws them.
package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/filetao/filetao/validator"
)

// FileName is the event log's name in a validator's folder.
const FileName = "events.jsonl"

// MaxLine is how long a line may be, in bytes. Longer ones are neither written
// nor read.
const MaxLine = 1 << 20

// maxUIDs bounds the lists by UID; a subnet has at most as many.
const maxUIDs = 1 << 16

// maxBlock bounds block numbers: JSON readers of other languages are exact up
// to there.
const maxBlock = 1 << 53

// Line is one line of the log.
type Line struct {
	validator.Event
	// Tiers are the tiers by UID when the line was written, "" where a UID has no
	// statistics. They stand on some lines only: see Config.TierBlocks.
	Tiers []string `json:"tiers,omitempty"`
}

// errLine says that a line is no event.
var errLine = errors.New("not an event")

// parse reads a line. The lists that belong together have one length each.
func parse(text []byte) (l Line, err error) {
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("%w: %w", errLine, err)
	}
	if l.Task == "" || l.Block >= maxBlock || max(len(l.Scores), len(l.Tiers), len(l.UIDs)) > maxUIDs {
		return l, errLine
	}
	for _, n := range []int{
		len(l.Successful), len(l.CompletionTimes), len(l.StatusMessages), len(l.StatusCodes), len(l.Rewards), len(l.SetWeights),
	} {
		if n != 0 && n != len(l.UIDs) {
			return l, errLine
		}
	}
	return l, nil
}

// full is the name of the n-th full file of a log: events-000012.jsonl.
func full(path string, n uint64) string {
	ext := filepath.Ext(path)
	return fmt.Sprintf("%s-%06d%s", strings.TrimSuffix(path, ext), n, ext)
}

// fullFiles are the numbers of a log's full files, ascending, which is the order
// in which they were written.
func fullFiles(path string) ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		name, ext := e.Name(), filepath.Ext(path)
		digits, ok := strings.CutPrefix(strings.TrimSuffix(name, ext), strings.TrimSuffix(filepath.Base(path), ext)+"-")
		n, err := strconv.ParseUint(digits, 10, 63)
		if ok && err == nil && e.Type().IsRegular() && name == filepath.Base(full(path, n)) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
