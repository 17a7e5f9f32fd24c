package zarr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// A reduction is handed from task to task as a file, all in little-endian order:
//
//	8 bytes magic
//	8 bytes the number of axes, then 8 bytes for the length of each
//	the sums, the carries (8 bytes each), and the counts (4 bytes each) of all cells in C order
//	4 bytes CRC-32 (IEEE) of all before
const reductionMagic = "kerbred2"

var errReduction = errors.New("not a reduction, or a damaged one")

// reductionBlock is how many cells are written or read at a time.
const reductionBlock = 4096

// Write writes the reduction for [ReadReduction].
func (r *Reduction) Write(w io.Writer) error {
	sum := crc32.NewIEEE()
	out := io.MultiWriter(w, sum)
	b := binary.LittleEndian.AppendUint64([]byte(reductionMagic), uint64(len(r.Shape)))
	for _, n := range r.Shape {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	if _, err := out.Write(b); err != nil {
		return err
	}
	for _, list := range [][]float64{r.Sum, r.Carry} {
		for block := range slices.Chunk(list, reductionBlock) {
			b = b[:0]
			for _, v := range block {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			}
			if _, err := out.Write(b); err != nil {
				return err
			}
		}
	}
	for block := range slices.Chunk(r.Count, reductionBlock) {
		b = b[:0]
		for _, n := range block {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// ReadReduction reads a reduction that must have the given shape, and nothing behind it.
func ReadReduction(in io.Reader, shape []int64) (*Reduction, error) {
	sum := crc32.NewIEEE()
	tee := io.TeeReader(in, sum)
	b := make([]byte, 8*reductionBlock)
	read := func(from io.Reader, n int) ([]byte, error) {
		if _, err := io.ReadFull(from, b[:n]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: it ends too early", errReduction)
		} else if err != nil {
			return nil, err
		}
		return b[:n], nil
	}
	head := binary.LittleEndian.AppendUint64([]byte(reductionMagic), uint64(len(shape)))
	for _, n := range shape {
		head = binary.LittleEndian.AppendUint64(head, uint64(n))
	}
	got, err := read(tee, len(head))
	if err != nil {
		return nil, err
	}
	if string(got) != string(head) {
		return nil, fmt.Errorf("%w: it is not of the shape %v", errReduction, shape)
	}
	r := newReduction(slices.Clone(shape))
	for _, list := range [][]float64{r.Sum, r.Carry} {
		for block := range slices.Chunk(list, reductionBlock) {
			if got, err = read(tee, 8*len(block)); err != nil {
				return nil, err
			}
			for i := range block {
				block[i] = math.Float64frombits(binary.LittleEndian.Uint64(got[8*i:]))
			}
		}
	}
	for block := range slices.Chunk(r.Count, reductionBlock) {
		if got, err = read(tee, 4*len(block)); err != nil {
			return nil, err
		}
		for i := range block {
			block[i] = binary.LittleEndian.Uint32(got[4*i:])
		}
	}
	want := sum.Sum32()
	if got, err = read(in, 4); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(got) != want {
		return nil, fmt.Errorf("%w: its checksum is another", errReduction)
	}
	if _, err := in.Read(b[:1]); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows it", errReduction)
	}
	return r, nil
}
