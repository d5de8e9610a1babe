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
	fieldSegment = "segment"
	fieldLatest  = "latest"
	fieldEnded   = "ended"
	fieldTouched = "touched"
)

// The beginnings of fields that go on with what they are about.
const (
	prefixOwner  = "owner:"
	prefixFile   = "file:"
	prefixHolder = "holder:"
	prefixObject = "object:"
	prefixUpload = "upload:"
	prefixDrop   = "drop:"
	prefixPart   = "segment:"
	prefixLeft   = "left:"
	prefixGone   = "gone:"
	prefixChange = "change:"
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
	groupsNews   = "news:{"

	groupsSegment = "segment:{"
	groupsUpload  = "upload:{"
	groupsObjects = "objects:{"
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
func segmentGroup(id string) string           { return groupsSegment + id + "}" }
func objectsGroup(a wallet.Address) string    { return groupsObjects + string(a) + "}" }
func objectField(cid string) string           { return prefixObject + cid }
func manifestField(cid string) string         { return "manifest:" + cid }
func partsField(cid string) string            { return "segments:" + cid }
func leftField(cid string) string             { return prefixLeft + cid }
func partField(index int) string              { return fmt.Sprintf(prefixPart+"%08x", index) }
func dropField(replica string) string         { return prefixDrop + replica }
func goneField(cid string) string             { return prefixGone + cid }
func changeField(cid string) string           { return prefixChange + cid }

func uploadGroup(a wallet.Address, id string) string { return groupsUpload + pair(a, id) + "}" }

// pair names something of an owner's.
func pair(a wallet.Address, name string) string { return string(a) + "/" + name }

// unpair takes a pair apart.
func unpair(s string) (wallet.Address, string) {
	a, name, _ := strings.Cut(s, "/")
	return wallet.Address(a), name
}

func objectRef(a wallet.Address, cid, token string) string {
	return prefixObject + pair(a, cid) + ":" + token
}

func uploadRef(a wallet.Address, id, token string) string {
	return prefixUpload + pair(a, id) + ":" + token
}

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
	switch k {
	case Random:
		return groupsRandom + hash + "}"
	case KindShard:
		return segmentGroup(hash)
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

const uploadBytes = 16

// checkUpload refuses what is no upload's name.
func checkUpload(id string) error {
	if b, err := hex.DecodeString(id); err != nil || len(b) != uploadBytes || strings.ToLower(id) != id {
		return fmt.Errorf("%w: upload %.64q", ErrInvalid, id)
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
