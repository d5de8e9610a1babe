// Package blobtest is what the tests of blobstore, and of what is built on it,
// are made of: a file system that fails or loses power at a chosen step, and a
// model that says what a store must hold. It is used by tests only. Enter at
// NewFS and Model; the crash suite is this package's own test.
package blobtest
