package netcdf3

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

const (
	// firstRead holds almost any header, so that opening a file costs one round trip.
	firstRead = 64 << 10
	// maxHeader bounds the memory that a header may take; 30,000 variables need about half of it.
	maxHeader = 64 << 20
)

// reader is a cursor over the header. It reads ahead, each time as much again as it has.
type reader struct {
	src     io.ReaderAt
	size    int64
	version version
	buf     []byte // the file's first bytes
	pos     int64
}

func (r *reader) fail(at int64, what, format string, a ...any) error {
	return &cdm.FormatError{Offset: at, Struct: what, Msg: fmt.Sprintf(format, a...)}
}

// take returns the next n bytes, which stay valid.
func (r *reader) take(what string, n int64) ([]byte, error) {
	if n > r.size-r.pos {
		return nil, r.fail(r.pos, what, "needs %d bytes, but the file ends at byte %d", n, r.size)
	}
	end := r.pos + n
	if end > maxHeader {
		return nil, r.fail(r.pos, what, "the header is longer than %d bytes", maxHeader)
	}
	if end > int64(len(r.buf)) {
		have := len(r.buf)
		more := make([]byte, min(r.size, max(firstRead, 2*int64(have), end)))
		copy(more, r.buf)
		if err := readFull(r.src, more[have:], int64(have)); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		r.buf = more
	}
	b := r.buf[r.pos:end:end]
	r.pos = end
	return b, nil
}

// padded returns the next n bytes and skips the padding to a multiple of four.
func (r *reader) padded(what string, n int64) ([]byte, error) {
	b, err := r.take(what, n)
	if err != nil {
		return nil, err
	}
	_, err = r.take(what, pad4(n)-n)
	return b, err
}

// pad4 rounds n up to a multiple of four.
func pad4(n int64) int64 { return (n + 3) &^ 3 }

func (r *reader) uint32(what string) (uint32, error) {
	b, err := r.take(what, 4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

func (r *reader) int64(what string) (int64, error) {
	b, err := r.take(what, 8)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// count reads a NON_NEG: 64 bits in CDF-5. In the older versions the specification has a signed
// 32-bit number; netCDF takes it as unsigned for the dimensions of CDF-2, and so does this.
func (r *reader) count(what string) (int64, error) {
	if r.version != cdf5 {
		n, err := r.uint32(what)
		return int64(n), err
	}
	at := r.pos
	n, err := r.int64(what)
	if err == nil && n < 0 {
		return 0, r.fail(at, what, "%d is negative", n)
	}
	return n, err
}

// vsize reads a variable's size, which is redundant and, where it doesn't fit, anything.
func (r *reader) vsize() ([]byte, error) {
	if r.version == cdf5 {
		return r.take("vsize", 8)
	}
	return r.take("vsize", 4)
}

// records reads: numrecs = NON_NEG | STREAMING.
func (r *reader) records() (int64, error) {
	if r.version != cdf5 {
		n, err := r.uint32("numrecs")
		if err == nil && n == math.MaxUint32 {
			return streaming, nil
		}
		return int64(n), err
	}
	at := r.pos
	n, err := r.int64("numrecs")
	if err == nil && n < streaming {
		return 0, r.fail(at, "numrecs", "%d is negative", n)
	}
	return n, err
}

// offset reads an OFFSET: 32 bits in CDF-1.
func (r *reader) offset(what string) (int64, error) {
	at := r.pos
	var n int64
	if r.version == cdf1 {
		u, err := r.uint32(what)
		if err != nil {
			return 0, err
		}
		n = int64(int32(u))
	} else {
		var err error
		if n, err = r.int64(what); err != nil {
			return 0, err
		}
	}
	if n < 0 {
		return 0, r.fail(at, what, "%d is negative", n)
	}
	return n, nil
}

// list reads the tag and the number of elements of a list.
func (r *reader) list(what string, tag uint32) (int64, error) {
	at := r.pos
	t, err := r.uint32(what)
	if err != nil {
		return 0, err
	}
	n, err := r.count(what)
	if err != nil {
		return 0, err
	}
	if t != tag && (t != tagAbsent || n != 0) {
		return 0, r.fail(at, what, "tag %#x with %d elements; expected %#x, or 0 with none", t, n, tag)
	}
	return n, nil
}

// name reads: name = nelems namestring. Some old files count a final NUL; the netCDF library, in C,
// sees what is before it.
func (r *reader) name(what string) (string, error) {
	n, err := r.count(what)
	if err != nil {
		return "", err
	}
	at := r.pos
	b, err := r.padded(what, n)
	if err != nil {
		return "", err
	}
	if b, _, _ = bytes.Cut(b, []byte{0}); len(b) == 0 {
		return "", r.fail(at, what, "it is empty")
	}
	return string(b), nil
}

func (r *reader) kind() (ncType, error) {
	at := r.pos
	n, err := r.uint32("nc_type")
	if err != nil {
		return 0, err
	}
	if k := ncType(n); n <= math.MaxInt32 && k.valid(r.version) {
		return k, nil
	}
	return 0, r.fail(at, "nc_type", "%d is not a type of %s", n, r.version)
}
