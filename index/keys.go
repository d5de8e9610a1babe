package index

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/filetao/filetao/wallet"
)

// The fields with one name.
const (
	fieldFile    = "file"
	fieldOwners  = "owners"
	fieldTotal   = "total"
	fieldStats   = "stats"
	fieldState   = "state"
	fieldOf      = "of"
	fieldRecord  = "record"
	fieldLast    = "last"
	fieldPending = "pending"
)

// The beginnings of fields that go on with what they are about.
const (
	prefixOwner  = "owner:"
	prefixFile   = "file:"
	prefixHolder = "holder:"
)

// The beginnings of groups.
const (
	groupsFile   = "file:{"
	groupsChunk  = "chunk:{"
	groupsRandom = "random:{"
	groupsHolder = "holder:{"
	groupsStats  = "stats:{"
	groupsState  = "state:{"
	groupsAudit  = "audit:{"
	groupsTrials = "trials:{"
)

func fileGroup(cid string) string             { return groupsFile + cid + "}" }
func holderGroup(a wallet.Address) string     { return groupsHolder + string(a) + "}" }
func statsGroup(a wallet.Address) string      { return groupsStats + string(a) + "}" }
func stateGroup(name string) string           { return groupsState + name + "}" }
func auditGroup(token string) string          { return groupsAudit + token + "}" }
func trialsGroup(a wallet.Address) string     { return groupsTrials + string(a) + "}" }
func ownerField(a wallet.Address) string      { return prefixOwner + string(a) }
func fileRef(cid, token string) string        { return prefixFile + cid + ":" + token }
func holdingField(k Kind, hash string) string { return string(k) + ":" + hash }
func slotField(slot uint64) string            { return fmt.Sprintf("slot:%016x", slot) }

func holderRef(a wallet.Address, token string) string {
	return prefixHolder + string(a) + ":" + token
}

// trialField is where the trial of a number is, in the place of the one MaxTrials
// before it.
func trialField(id uint64) string { return fmt.Sprintf("trial:%02d", id%MaxTrials) }

// trialFields are all there may be of a miner.
func trialFields() []string {
	fields := make([]string, MaxTrials)
	for i := range fields {
		fields[i] = trialField(uint64(i))
	}
	return fields
}

// datumGroup is where the references to a datum are.
func datumGroup(k Kind, hash string) string {
	if k == Random {
		return groupsRandom + hash + "}"
	}
	return groupsChunk + hash + "}"
}

// tagOf is what stands in a group's braces.
func tagOf(group string) string {
	_, tag, _ := strings.Cut(group, "{")
	return strings.TrimSuffix(tag, "}")
}

const tokenBytes = 8

// newToken is one that was never used before.
func newToken() string {
	var b [tokenBytes]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func checkToken(token string) error {
	if b, err := hex.DecodeString(token); err != nil || len(b) != tokenBytes || strings.ToLower(token) != token {
		return fmt.Errorf("%w: token %.32q", ErrInvalid, token)
	}
	return nil
}

// checkName keeps braces, globs and control characters out of group names.
func checkName(name string) error {
	ok := name != "" && len(name) <= MaxName
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-/", c) >= 0)
	}
	if !ok {
		return fmt.Errorf("%w: name %.160q", ErrInvalid, name)
	}
	return nil
}
