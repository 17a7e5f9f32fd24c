package cdm

import (
	"errors"
	"fmt"
)

// ErrUnsupported marks what a file holds and a Zarr v2 store can't represent.
var ErrUnsupported = errors.New("not representable in a Zarr v2 store")

// ErrFormat marks a file that is not of the format that it claims, or is damaged.
var ErrFormat = errors.New("damaged or not of this format")

// FormatError says where and why a file can't be read. It matches [ErrFormat].
type FormatError struct {
	Offset int64  // byte in the file
	Struct string // the structure being read, by its name in the format's specification
	Msg    string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s at byte %#x: %s", e.Struct, e.Offset, e.Msg)
}

// Is makes errors.Is(err, ErrFormat) true.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }
