package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/filetao/filetao/gateway"
)

func TestQuotasOfSome(t *testing.T) {
	const alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	path := filepath.Join(t.TempDir(), "quotas.json")
	for text, good := range map[string]bool{
		`{"` + alice + `": {"bytes": 5, "uploads": 2}}`: true,
		`{}`: true, ``: false, `[]`: false, `{"x": {}}`: false,
		`{"` + alice + `": {"byte": 5}}`:   false,
		`{"` + alice + `": {"bytes": -1}}`: false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readQuotas(path)
		if (err == nil) != good || good && len(got) > 0 && got[alice] != (gateway.Quota{Bytes: 5, Uploads: 2}) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if got, err := readQuotas(""); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := readQuotas(path + "x"); err == nil {
		t.Error("a file that is not there")
	}
}
