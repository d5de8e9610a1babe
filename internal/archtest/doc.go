// Package archtest keeps the shape of the house: which package may import
// which, how long files and functions get, what every package must say about
// itself. It is tests only; each fails with a sentence that says what to do.
// The rows are explained in docs/decisions/0001-layout.md.
package archtest
