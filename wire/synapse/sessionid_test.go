package synapse

import (
	"testing"

	"github.com/google/uuid"

	"github.com/filetao/filetao/wire"
)

func TestSessionIDNamesTheMessage(t *testing.T) {
	lane := uuid.New()
	get, del := sessionID(lane, "RetrieveUser"), sessionID(lane, "DeleteUser")
	if get == del || get != sessionID(lane, "RetrieveUser") {
		t.Fatalf("%s and %s", get, del)
	}
	if u := uuid.MustParse(get); u.Version() != 8 || u.Variant() != uuid.RFC4122 {
		t.Errorf("%s has version %d, variant %v", get, u.Version(), u.Variant())
	}
	for _, c := range []struct {
		id, name string
		status   int
	}{
		{get, "RetrieveUser", 200}, {del, "DeleteUser", 200},
		{get, "DeleteUser", 401}, {del, "RetrieveUser", 401},
		{"7127d55c-e57f-11f1-9bcf-02fc00000001", "DeleteUser", 200}, // a Python client's
		{uuid.NewString(), "DeleteUser", 200}, {"any text", "DeleteUser", 200}, {"", "DeleteUser", 200},
	} {
		status := 200
		if err := checkSession(c.id, c.name); err != nil {
			status = wire.StatusOf(err)
		}
		if status != c.status {
			t.Errorf("%s for %s: %d, want %d", c.id, c.name, status, c.status)
		}
	}
}
