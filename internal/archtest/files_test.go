package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

const (
	maxFileLines = 500
	maxFuncLines = 60
)

// forkJoin are row 0 packages that may start goroutines because every one has
// ended when the call returns.
var forkJoin = map[string]bool{"proof": true, "proof/pedersen": true}

type source struct {
	pkg    listed
	name   string // relative to the module
	isTest bool
	fset   *token.FileSet
	file   *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, p := range packages(t) {
		for i, names := range [][]string{p.GoFiles, p.TestGoFiles, p.XTestGoFiles} {
			for _, name := range names {
				fset := token.NewFileSet()
				f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, source{p, p.rel() + "/" + name, i > 0, fset, f})
			}
		}
	}
	return all
}

func (s source) lines(n ast.Node) int {
	return s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
}

func TestFilesAndFunctionsStayReadable(t *testing.T) {
	for _, s := range sources(t) {
		if ast.IsGenerated(s.file) {
			continue
		}
		if n := s.fset.File(s.file.Pos()).LineCount(); n > maxFileLines {
			t.Errorf("%s has %d lines: split it (at most %d)", s.name, n, maxFileLines)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.lines(f) > maxFuncLines {
				t.Errorf("%s: %s has %d lines: split it (at most %d)", s.name, f.Name.Name, s.lines(f), maxFuncLines)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		if _, seen := docs[s.pkg.rel()]; !seen {
			docs[s.pkg.rel()] = nil
		}
		if s.file.Doc != nil {
			docs[s.pkg.rel()] = append(docs[s.pkg.rel()], s.file.Doc.Text())
		}
	}
	for pkg, texts := range docs {
		if len(texts) != 1 {
			t.Errorf("package %s has %d doc comments, want one", pkg, len(texts))
			continue
		}
		if len(strings.Fields(texts[0])) < 15 {
			t.Errorf("package %s: its doc comment should say what it is, what it is not, where to enter", pkg)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s is exported and has no doc comment", s.name, name)
			}
		}
	}
}

func undocumented(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		wellKnown := d.Recv != nil && (d.Name.Name == "Error" || d.Name.Name == "Unwrap" || d.Name.Name == "String")
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !wellKnown {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
					names = append(names, spec.Name.Name)
				}
			case *ast.ValueSpec:
				if spec.Names[0].IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					names = append(names, spec.Names[0].Name)
				}
			}
		}
	}
	return names
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	expr := f.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if generic, ok := expr.(*ast.IndexExpr); ok {
		expr = generic.X
	}
	id, ok := expr.(*ast.Ident)
	return ok && id.IsExported()
}

// bannedCalls are calls that have a better way in this house.
var bannedCalls = map[string]string{
	"time.Sleep":         "wait for the event itself, or use fake time",
	"context.Background": "pass the caller's context on",
	"context.TODO":       "pass the caller's context on",
}

// pureBanned are what rows 0 and 1 may not call: they take time and sockets as
// arguments.
var pureBanned = map[string]string{
	"time.Now": "take the time as an argument", "time.Since": "take the time as an argument",
	"net.Dial": "rows 0 and 1 open no sockets", "net.Listen": "rows 0 and 1 open no sockets",
}

func TestHouseRules(t *testing.T) {
	for _, s := range sources(t) {
		r, _ := row(s.pkg.rel())
		pure := r <= 1 && !strings.HasPrefix(s.pkg.rel(), "internal/") && !s.isTest
		ast.Inspect(s.file, func(n ast.Node) bool {
			at := func() string { return s.fset.Position(n.Pos()).String() }
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: no init functions", at())
				}
			case *ast.GoStmt:
				if pure && !forkJoin[s.pkg.rel()] {
					t.Errorf("%s: rows 0 and 1 start no goroutines", at())
				}
			case *ast.CallExpr:
				name := callee(n)
				why, bad := bannedCalls[name]
				if bad && !(s.isTest && name == "context.Background") && !(s.pkg.rel() == "cmd/filetao" && name == "context.Background") {
					t.Errorf("%s: %s: %s", at(), name, why)
				}
				if why, bad := pureBanned[name]; bad && pure {
					t.Errorf("%s: %s: %s", at(), name, why)
				}
			}
			return true
		})
	}
}

func callee(c *ast.CallExpr) string {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return pkg.Name + "." + sel.Sel.Name
}
