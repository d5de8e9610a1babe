package recovery

import (
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/filetao/filetao/manifest"
)

// Suffix ends the names of files with exports.
const Suffix = ".filetao"

// Documents are the exports in a folder and the folders in it: what is in files
// whose names end with Suffix. One at a time is in memory.
func Documents(dir string) iter.Seq[Document] {
	return func(yield func(Document) bool) {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && (e.IsDir() || filepath.Ext(path) != Suffix) {
				return nil
			}
			d := Document{Name: path, Err: err}
			if err == nil {
				d.Export, d.Err = readExport(path)
			}
			if !yield(d) {
				return fs.SkipAll
			}
			if e != nil && e.IsDir() {
				return fs.SkipDir // it cannot be read
			}
			return nil
		})
		if err != nil {
			yield(Document{Name: dir, Err: err})
		}
	}
}

func readExport(path string) (manifest.Export, error) {
	info, err := os.Stat(path) // before opening it: to open a pipe waits for somebody
	if err != nil {
		return manifest.Export{}, err
	}
	if !info.Mode().IsRegular() {
		return manifest.Export{}, fmt.Errorf("%w: it is no file", manifest.ErrExport)
	}
	f, err := os.Open(path)
	if err != nil {
		return manifest.Export{}, err
	}
	defer f.Close() // it was read
	return manifest.ReadExport(f)
}
