package synapse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"sync"

	"github.com/filetao/filetao/internal/durable"
)

// nonceMagic is the first line of a nonce file. Records of recordSize bytes
// follow: session (24), 1 if registered (1), nonce (8, big-endian), CRC-32
// (IEEE) of the 33 bytes before it (4, big-endian). Of several records of a
// session the highest nonce counts.
const nonceMagic = "filetao nonces 1\n"

const recordSize = 37

type record struct {
	session    session
	nonce      uint64
	registered bool
}

func (r record) appendTo(b []byte) []byte {
	from := len(b)
	b = append(b, r.session[:]...)
	flag := byte(0)
	if r.registered {
		flag = 1
	}
	b = append(b, flag)
	b = binary.BigEndian.AppendUint64(b, r.nonce)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:]))
}

func parseRecord(b []byte) (record, bool) {
	if crc32.ChecksumIEEE(b[:33]) != binary.BigEndian.Uint32(b[33:]) {
		return record{}, false
	}
	return record{session(b[:24]), binary.BigEndian.Uint64(b[25:]), b[24] == 1}, true
}

// nonceFile is an append-only file of the last nonces, rewritten when it has
// grown to twice what is in it.
type nonceFile struct {
	path string

	mu      sync.Mutex // guards pending and batch
	pending []byte
	batch   *batch

	io      sync.Mutex // held while writing; guards what follows
	file    *os.File
	written int  // records in the file
	live    int  // records in it at the last rewriting
	broken  bool // the last write failed: nobody knows where it ended
}

// batch is what several requests write with one sync. Its fields are guarded
// by nonceFile.io.
type batch struct {
	done bool
	err  error
}

// openNonceFile reads a file and rewrites it with the records that keep is for.
// Records at its end that a crash left unfinished were of requests that were not
// worked on: they are dropped. A broken record before a good one is damage: to
// drop it would let old requests through.
func openNonceFile(path string, keep func(record) bool) (*nonceFile, []record, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("nonce file: %w", err)
	}
	data, ok := bytes.CutPrefix(data, []byte(nonceMagic))
	if !ok && len(data) > 0 {
		return nil, nil, fmt.Errorf("nonce file: %s is not one", path)
	}
	highest, broken := map[session]record{}, 0
	for n := 1; len(data) >= recordSize; n, data = n+1, data[recordSize:] {
		r, ok := parseRecord(data[:recordSize])
		switch {
		case !ok && broken == 0:
			broken = n
		case ok && broken > 0:
			return nil, nil, fmt.Errorf("nonce file: record %d of %s is damaged; restore it from a copy, "+
				"or remove it and so let requests recorded before now through again", broken, path)
		case ok && keep(r) && highest[r.session].nonce <= r.nonce:
			highest[r.session] = r
		}
	}
	records := make([]record, 0, len(highest))
	for _, r := range highest {
		records = append(records, r)
	}
	f := &nonceFile{path: path, batch: &batch{}}
	if err := f.rewrite(records); err != nil {
		return nil, nil, fmt.Errorf("nonce file: %w", err)
	}
	return f, records, nil
}

// append returns when the record is on the disk. all lists what a rewritten
// file has to hold, this record included.
func (f *nonceFile) append(r record, all func() []record) error {
	f.mu.Lock()
	f.pending = r.appendTo(f.pending)
	b := f.batch
	f.mu.Unlock()

	f.io.Lock()
	defer f.io.Unlock()
	if b.done { // who held io before wrote this one too
		return b.err
	}
	f.mu.Lock()
	data := f.pending
	f.pending, f.batch = nil, &batch{}
	f.mu.Unlock()
	b.done = true
	switch {
	case f.file == nil:
		b.err = fs.ErrClosed
	case f.broken || f.written > 2*f.live+compactionSlop:
		b.err = f.rewrite(all())
	default:
		b.err = f.write(data)
	}
	f.broken = b.err != nil
	return b.err
}

// write appends and syncs. Called with io held.
func (f *nonceFile) write(data []byte) error {
	if _, err := f.file.Write(data); err != nil {
		return err
	}
	f.written += len(data) / recordSize
	return f.file.Sync()
}

// rewrite replaces the file and opens it for appending. Called with io held.
func (f *nonceFile) rewrite(records []record) error {
	data := []byte(nonceMagic)
	for _, r := range records {
		data = r.appendTo(data)
	}
	if err := durable.WriteFile(f.path, data, 0o600); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	old := f.file
	f.file, f.written, f.live = file, len(records), len(records)
	if old != nil {
		return old.Close()
	}
	return nil
}

func (f *nonceFile) close() error {
	f.io.Lock()
	defer f.io.Unlock()
	if f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	return file.Close()
}
