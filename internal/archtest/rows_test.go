package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/filetao/filetao"

// rows gives every top-level package its row. A package imports lower rows
// only, or its own parent and children; inside rows 0 and 7 also each other.
var rows = map[string]int{
	"cmd":  8,
	"node": 6, "devnet": 7, "cheat": 7, "sim": 7,
	"miner": 5, "validator": 5, "gateway": 5, "client": 5, "repair": 5, "recovery": 5, "backup": 5,
	"fleet": 4,
	"index": 3, "blobstore": 3,
	"chain": 2, "wire": 2, "receipt": 2,
	"wallet": 1,
	"proof":  0, "envelope": 0, "erasure": 0, "manifest": 0, "incentive": 0, "scale": 0,
	"placement": 0, "pysample": 0, "cid": 0, "internal": 0,
}

// listed is what `go list -json` says of a package, as far as we ask.
type listed struct {
	ImportPath, Dir                    string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports []string
	CgoFiles                           []string
}

func (p listed) rel() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 2 {
		t.Fatalf("go list names %d packages", len(all))
	}
	return all
}

func row(rel string) (int, bool) {
	n, ok := rows[strings.Split(rel, "/")[0]]
	return n, ok
}

// mayImport says why a package may not import another, or "".
func mayImport(from, to string) string {
	f, ok := row(from)
	if !ok {
		return fmt.Sprintf("%s has no row: give it one in internal/archtest", from)
	}
	t, ok := row(to)
	switch {
	case !ok:
		return fmt.Sprintf("%s has no row: give it one in internal/archtest", to)
	case t < f:
		return ""
	case t == f && (f == 0 || f == 7):
		return ""
	case path.Dir(from) == to || path.Dir(to) == from || path.Dir(from) == path.Dir(to) && path.Dir(from) != ".":
		return ""
	}
	return fmt.Sprintf("%s (row %d) imports %s (row %d): a package imports lower rows only, or its parent and children", from, f, to, t)
}

func TestImportsPointDownTheRows(t *testing.T) {
	for _, p := range packages(t) {
		imports := append(append(append([]string(nil), p.Imports...), p.TestImports...), p.XTestImports...)
		for _, to := range imports {
			if !strings.HasPrefix(to, module+"/") || to == p.ImportPath {
				continue
			}
			if why := mayImport(p.rel(), strings.TrimPrefix(to, module+"/")); why != "" {
				t.Error(why)
			}
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo: the product is built without it", p.rel())
		}
	}
}

func TestNoDrawersForOddsAndEnds(t *testing.T) {
	banned := map[string]bool{"util": true, "utils": true, "common": true, "helpers": true, "types": true, "lib": true, "shared": true, "misc": true}
	for _, p := range packages(t) {
		if banned[path.Base(p.ImportPath)] {
			t.Errorf("package %s: name it after what it is about", p.rel())
		}
		if strings.Count(p.rel(), "/") > 1 {
			t.Errorf("package %s is deeper than two folders", p.rel())
		}
	}
}
