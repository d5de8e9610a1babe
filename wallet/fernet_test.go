//go:build !race

package wallet

import "testing"

// Ten million rounds take a minute under the race detector, and there is nothing
// concurrent in them.
func TestFernetVector(t *testing.T) {
	plain, err := decrypt([]byte(fernetFile+"\n"), vectorPassword)
	if err != nil || string(plain) != `{"a": 1}` {
		t.Errorf("%s, %v", plain, err)
	}
}
