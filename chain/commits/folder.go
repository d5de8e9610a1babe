package commits

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/wallet"
)

// ErrFile: a file that is no commitment, or whose hash is of another one.
var ErrFile = errors.New("no file of committed weights")

const (
	// saltLength is that of a salt, 256 bits, which nobody finds by trying.
	saltLength = 16
	// maxFile bounds a file in bytes: 65535 weights, each with its names.
	maxFile = 4 << 20
	// suffix ends the names of files.
	suffix = ".json"
)

// Commit is a row of weights that is announced by its hash, or about to be, and
// what it takes to reveal it. Until then the salt is a secret.
type Commit struct {
	// Chain is the genesis of the chain it is for.
	Chain   chain.Hash     `json:"chain"`
	NetUID  chain.NetUID   `json:"netuid"`
	Hotkey  wallet.Address `json:"hotkey"`
	Weights []chain.Weight `json:"weights"`
	Salt    []uint16       `json:"salt"`
	Version uint64         `json:"version_key"`
	Hash    chain.Hash     `json:"hash"`
	// Drawn is the newest block when it was made, Block the one that has the
	// commitment; 0 is not known yet.
	Drawn uint64 `json:"drawn"`
	Block uint64 `json:"block,omitempty"`
}

// Draw commits to weights under a new salt from random; drawn is the newest
// block. It fails with chain.ErrWeights for too many weights.
func Draw(random io.Reader, genesis chain.Hash, net chain.NetUID, hotkey wallet.Address, weights []chain.Weight, version, drawn uint64) (Commit, error) {
	c := Commit{Chain: genesis, NetUID: net, Hotkey: hotkey, Weights: weights, Salt: make([]uint16, saltLength), Version: version, Drawn: drawn}
	if err := binary.Read(random, binary.LittleEndian, c.Salt); err != nil {
		return Commit{}, fmt.Errorf("salt: %w", err)
	}
	var err error
	c.Hash, err = c.hash()
	return c, err
}

func (c Commit) hash() (chain.Hash, error) {
	return chain.CommitHash(c.Hotkey, c.NetUID, c.Weights, c.Salt, c.Version)
}

// parse reads a file. ErrFile.
func parse(data []byte) (c Commit, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Commit{}, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if hash, err := c.hash(); err != nil {
		return Commit{}, fmt.Errorf("%w: %w", ErrFile, err)
	} else if hash != c.Hash {
		return Commit{}, fmt.Errorf("%w: its weights have the hash %s, not %s", ErrFile, hash, c.Hash)
	}
	return c, nil
}

// Folder holds a file for each commitment that is not revealed yet, readable by
// its owner only.
type Folder string

// Path is where a commitment is kept.
func (f Folder) Path(c Commit) string {
	return filepath.Join(string(f), fmt.Sprintf("%d-%s-%s%s", c.NetUID, c.Hotkey, c.Hash.String()[2:18], suffix))
}

// Save keeps a commitment; once it returns nil that survives a crash.
func (f Folder) Save(c Commit) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keep committed weights: %w", err)
	}
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("keep committed weights: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(string(f))); err != nil {
		return fmt.Errorf("keep committed weights: %w", err)
	}
	return durable.WriteFile(f.Path(c), append(data, '\n'), 0o600)
}

// Remove forgets a commitment; one that is not there is forgotten.
func (f Folder) Remove(c Commit) error {
	if err := os.Remove(f.Path(c)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("forget committed weights: %w", err)
	}
	return durable.SyncDir(string(f))
}

// List are a hotkey's commitments on a subnet of a chain, oldest first; a folder
// that does not exist has none. A file that cannot be read is an error, ErrFile
// when its content is wrong.
func (f Folder) List(genesis chain.Hash, net chain.NetUID, hotkey wallet.Address) ([]Commit, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("committed weights: %w", err)
	}
	var found []Commit
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), fmt.Sprintf("%d-%s-", net, hotkey)) || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		c, err := read(filepath.Join(string(f), e.Name()))
		if err != nil {
			return nil, err
		}
		if c.Chain == genesis && c.NetUID == net && c.Hotkey == hotkey {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b Commit) int { return cmp.Compare(a.Drawn, b.Drawn) })
	return found, nil
}

func read(path string) (Commit, error) {
	file, err := os.Open(path)
	if err != nil {
		return Commit{}, fmt.Errorf("committed weights: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return Commit{}, fmt.Errorf("committed weights: %w", err)
	}
	if len(data) > maxFile {
		return Commit{}, fmt.Errorf("%s: %w: more than %d bytes", path, ErrFile, maxFile)
	}
	c, err := parse(data)
	if err != nil {
		return Commit{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
