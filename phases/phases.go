// Package phases holds what the phases of the pipeline share: their names, their order, and the
// classes of error that decide what may be done about a failure.
package phases

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// Phase is one step of the pipeline.
type Phase string

// The phases, in pipeline order.
const (
	Init      Phase = "init"
	Scan      Phase = "scan"
	Configure Phase = "configure"
	Compute   Phase = "compute"
	Test      Phase = "test"
	Catalog   Phase = "catalog"
)

// Order is the pipeline.
var order = []Phase{Init, Scan, Configure, Compute, Test, Catalog}

// All returns the phases in pipeline order.
func All() []Phase { return append([]Phase(nil), order...) }

// Class is the class of an error: who can do something about it.
type Class string

// The classes.
const (
	Input       Class = "input"       // what the user gave is refused (exit code 4)
	Drift       Class = "drift"       // source files disagree (4)
	Unsupported Class = "unsupported" // a file holds what a store can't represent (4)
	Damaged     Class = "damaged"     // a source file is damaged or changed under us (4)
	Fault       Class = "fault"       // the test phase found a fault (5)
	IO          Class = "io"          // a read or write failed; a later try may succeed (1)
	Internal    Class = "internal"    // a fault of ours (1)
)

// Transient reports whether trying the same again may succeed.
func (c Class) Transient() bool { return c == IO }

// Error is a failure with its class and what to do about it. The message names dataset, file and variable
// where they are known.
type Error struct {
	Class  Class
	Err    error
	Remedy string // one sentence; may be empty
}

// Errorf makes an Error of a class.
func Errorf(c Class, remedy, format string, a ...any) *Error {
	return &Error{Class: c, Remedy: remedy, Err: fmt.Errorf(format, a...)}
}

func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Remedy
}

func (e *Error) Unwrap() error { return e.Err }

// ClassOf is the class of err. One that says nothing of its class is IO where the file system failed, and Internal otherwise.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok && slices.Contains(fileSystem, errno) {
		return IO
	}
	return Internal
}

// fileSystem are the errors of a file system that is full, read-only for now, or away: whoever asks for a file can't help them.
var fileSystem = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EBUSY}
