package verify

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// npyMagic begins a file of NumPy's format, version 1.0 (NEP 1).
const npyMagic = "\x93NUMPY\x01\x00"

// writeNpy writes values of the given shape as numpy.save does.
func writeNpy(w io.Writer, shape []int64, values []float64) error {
	var dims strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&dims, "%d, ", n)
	}
	header := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }", strings.TrimSuffix(dims.String(), " "))
	fixed := len(npyMagic) + 2
	header += strings.Repeat(" ", 63-(fixed+len(header))%64) + "\n" // the values begin at a multiple of 64
	out := binary.LittleEndian.AppendUint16([]byte(npyMagic), uint16(len(header)))
	out = append(out, header...)
	for _, v := range values {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
	}
	_, err := w.Write(out)
	return err
}

// readNpy reads the n values of a file that writeNpy has written.
func readNpy(path string, n int64) ([]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	start := make([]byte, len(npyMagic)+2)
	if _, err := io.ReadFull(f, start); err != nil || string(start[:len(npyMagic)]) != npyMagic {
		return nil, fmt.Errorf("%s: no array of NumPy's", path)
	}
	if _, err := f.Seek(int64(binary.LittleEndian.Uint16(start[len(npyMagic):])), io.SeekCurrent); err != nil {
		return nil, err
	}
	values, err := readFloats(f, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// readFloats reads n little-endian values, after which f must end.
func readFloats(f io.Reader, n int64) ([]float64, error) {
	raw, err := io.ReadAll(io.LimitReader(f, 8*n+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) < 8*n:
		return nil, fmt.Errorf("fewer than %d values", n)
	case int64(len(raw)) > 8*n:
		return nil, fmt.Errorf("more than %d values", n)
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return out, nil
}
