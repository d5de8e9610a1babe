package synapse

import (
	"crypto/sha256"

	"github.com/google/uuid"

	"github.com/filetao/filetao/wire"
)

// sessionMark begins the UUIDs of our own clients.
const sessionMark = "\xf1\x1e"

// sessionID is the UUID of a lane for one kind of message: version 8 (free
// form), our mark, 4 bytes of SHA-256 of the message's name, and what is
// left of the lane's random bytes (74 bits).
//
// A signature covers neither path nor name, and RetrieveUser and DeleteUser of
// one file have equal body hashes: who holds back the one could deliver it as
// the other. The UUID is signed, so naming the message in it ends that between
// our own nodes, and to the reference it is a UUID like any other.
func sessionID(lane uuid.UUID, name string) string {
	tag := messageTag(name)
	copy(lane[:2], sessionMark)
	copy(lane[2:6], tag[:])
	lane[6] = lane[6]&0x0f | 0x80
	return lane.String()
}

func messageTag(name string) [4]byte {
	sum := sha256.Sum256([]byte("filetao message: " + name))
	return [4]byte(sum[:4])
}

// checkSession refuses a request that was signed by one of our clients for
// another message.
func checkSession(id, name string) error {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 8 || string(u[:2]) != sessionMark {
		return nil // a peer of another make: any text names a session
	}
	if [4]byte(u[2:6]) != messageTag(name) {
		return wire.Unauthorized("Not Verified with error: the request was signed for another message than %s", name)
	}
	return nil
}
