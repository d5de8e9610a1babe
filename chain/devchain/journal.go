package devchain

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sync"

	"github.com/filetao/filetao/chain"
)

// ErrCorrupt: the kept chain is damaged where no crash damages it.
var ErrCorrupt = errors.New("kept chain is damaged")

// snapshotEvery is how many blocks at most are replayed at a start.
const snapshotEvery = 1000

// A journal is a sequence of frames:
//
//	length u32, CRC-32C u32 (both little-endian), then length bytes,
//	the CRC's too: kind u8, JSON
//
// kindBlock frames hold the records of the blocks from 0 on without a gap, and
// after some of them a kindState frame holds the state.
const (
	kindBlock   = 'b'
	kindState   = 's'
	frameHeader = 8
)

// disk is what a journal is kept on: an *os.File, or memory.
type disk interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// journal keeps the chain. A block is acknowledged once it is written and
// flushed; after an error of put nothing may be put any more, and the next start
// finds out what is there.
type journal struct {
	disk  disk
	every uint64 // blocks between two snapshots

	mu     sync.RWMutex // guards all below
	blocks []int64      // where the frame of each block begins
	state  int64        // where that of the newest state begins; -1 without
	end    int64
	closed bool
}

// openJournal reads what is there. What a crash left of the last write is cut
// off.
func openJournal(d disk, every uint64) (*journal, error) {
	j := &journal{disk: d, every: every, state: -1}
	r := bufio.NewReaderSize(io.NewSectionReader(d, 0, math.MaxInt64), 1<<16)
	for {
		payload, err := readFrame(r)
		if errors.Is(err, errTorn) || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read chain: %w", err)
		}
		if payload[0] == kindBlock {
			j.blocks = append(j.blocks, j.end)
		} else {
			j.state = j.end
		}
		j.end += frameHeader + int64(len(payload))
	}
	return j, j.repair()
}

// repair makes sure that exactly the whole frames are on the disk.
func (j *journal) repair() error {
	rest, err := io.ReadAll(io.NewSectionReader(j.disk, j.end, math.MaxInt64-j.end))
	if err != nil {
		return fmt.Errorf("read chain: %w", err)
	}
	// Only the last write can be torn, and nothing whole follows a torn one.
	for i := range rest {
		if whole(rest[i:]) {
			return fmt.Errorf("%w: at byte %d, whole again at byte %d", ErrCorrupt, j.end, j.end+int64(i))
		}
	}
	if len(rest) > 0 {
		if err := j.disk.Truncate(j.end); err != nil {
			return fmt.Errorf("repair chain: %w", err)
		}
	}
	// A write whose flush failed can be read and yet not be on the disk: the
	// last one is done again.
	if n := len(j.blocks); n > 0 {
		last := make([]byte, j.end-j.blocks[n-1])
		if _, err = j.disk.ReadAt(last, j.blocks[n-1]); err == nil {
			_, err = j.disk.WriteAt(last, j.blocks[n-1])
		}
	}
	if err = errors.Join(err, j.disk.Sync()); err != nil {
		return fmt.Errorf("repair chain: %w", err)
	}
	return nil
}

// errTorn: not a whole frame.
var errTorn = errors.New("torn frame")

// readFrame reads a frame's kind and JSON; io.EOF at the very end.
func readFrame(r io.Reader) ([]byte, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errTorn
	} else if err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(header[:]))
	var payload bytes.Buffer // grows with what there is, not with what length says
	if _, err := io.CopyN(&payload, r, length); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	p := payload.Bytes()
	if length == 0 || int64(len(p)) != length || checksum(p) != binary.LittleEndian.Uint32(header[4:]) {
		return nil, errTorn
	}
	return p, nil
}

// whole says whether a whole frame begins here.
func whole(b []byte) bool {
	if len(b) < frameHeader {
		return false
	}
	length, p := uint64(binary.LittleEndian.Uint32(b)), b[frameHeader:]
	return length > 0 && length <= uint64(len(p)) && checksum(p[:length]) == binary.LittleEndian.Uint32(b[4:])
}

func checksum(p []byte) uint32 { return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) }

func appendFrame(b []byte, kind byte, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if len(text) >= math.MaxUint32 {
		return nil, fmt.Errorf("encode: %d bytes", len(text))
	}
	payload := append([]byte{kind}, text...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, checksum(payload))
	return append(b, payload...), nil
}

// put keeps the next block, and its state when it is time for it.
func (j *journal) put(rec record, after *state) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	text, err := appendFrame(nil, kindBlock, rec)
	if err != nil {
		return err
	}
	block := len(text)
	if rec.Block.Number%j.every == 0 {
		if text, err = appendFrame(text, kindState, after); err != nil {
			return err
		}
	}
	if _, err = j.disk.WriteAt(text, j.end); err == nil {
		err = j.disk.Sync()
	}
	if err != nil {
		return fmt.Errorf("%w: keep block %d: %w", chain.ErrUnavailable, rec.Block.Number, err)
	}
	j.blocks = append(j.blocks, j.end)
	if len(text) > block {
		j.state = j.end + int64(block)
	}
	j.end += int64(len(text))
	return nil
}

// block reads a record; chain.ErrNoBlock when there is none.
func (j *journal) block(number uint64) (rec record, err error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if number >= uint64(len(j.blocks)) {
		return record{}, fmt.Errorf("%w: %d", chain.ErrNoBlock, number)
	}
	if err = j.read(j.blocks[number], &rec); err == nil && rec.Block.Number != number {
		err = fmt.Errorf("%w: it is %d", ErrCorrupt, rec.Block.Number)
	}
	if err != nil {
		return record{}, fmt.Errorf("read block %d: %w", number, err)
	}
	return rec, nil
}

func (j *journal) read(at int64, value any) error {
	if j.closed {
		return fmt.Errorf("%w: closed", chain.ErrUnavailable)
	}
	payload, err := readFrame(io.NewSectionReader(j.disk, at, math.MaxInt64-at))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := json.Unmarshal(payload[1:], value); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	return j.disk.Close()
}

// restore returns the newest kept state, or keeps and returns that of the
// genesis block.
func (j *journal) restore(cfg *Config, genesis *state) (*state, error) {
	if len(j.blocks) == 0 {
		return genesis, j.put(record{Block: genesis.Head}, genesis)
	}
	first, err := j.block(0)
	if err != nil {
		return nil, err
	}
	if first.Block.Hash != genesis.Head.Hash {
		return nil, fmt.Errorf("%w: it begins with %s, the configuration with %s", ErrOtherGenesis, first.Block.Hash, genesis.Head.Hash)
	}
	now := genesis
	now.Head = first.Block
	if j.state >= 0 {
		now = new(state)
		if err := j.read(j.state, now); err != nil {
			return nil, fmt.Errorf("read state: %w", err)
		}
	}
	for number := now.Head.Number + 1; number < uint64(len(j.blocks)); number++ {
		rec, err := j.block(number)
		if err != nil {
			return nil, err
		}
		if now, err = cfg.replay(now, rec); err != nil {
			return nil, err
		}
	}
	return now, nil
}
