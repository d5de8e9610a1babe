package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestThirdPartyListIsComplete keeps THIRD_PARTY.md equal to what the binary
// really links.
func TestThirdPartyListIsComplete(t *testing.T) {
	root := moduleRoot(t)
	list, err := os.ReadFile(filepath.Join(root, "THIRD_PARTY.md"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/filetao")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=") // as the product is built
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for _, line := range strings.Fields(strings.ReplaceAll(strings.TrimSpace(string(out)), " ", "@")) {
		linked[line] = true
	}
	if len(linked) == 0 {
		t.Fatal("the binary links no module: go list was misunderstood")
	}
	for m := range linked {
		path, version, _ := strings.Cut(m, "@")
		if !strings.Contains(string(list), "| "+path+" | "+version+" |") {
			t.Errorf("THIRD_PARTY.md lacks %s %s and its licence", path, version)
		}
	}
	for _, row := range strings.Split(string(list), "\n") {
		cells := strings.Split(row, " | ")
		path := strings.TrimPrefix(cells[0], "| ")
		if len(cells) == 3 && strings.Contains(path, "/") && !linked[path+"@"+cells[1]] {
			t.Errorf("THIRD_PARTY.md lists %s %s, which the binary does not link", path, cells[1])
		}
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}
