package refparquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// fragmentsName is the file of a part, or of an unfinished store, that holds the rows of records that
// aren't whole. No array can have this name (zarr.CheckPath).
const fragmentsName = ".zfragments"

var errFragment = errors.New("damaged fragment")

// fragments appends fragments to a file and reads them back. A fragment is some rows of one record,
// each once and in order: a zstd frame of
//
//	uvarint the number of urls, then each with its length before it
//	uvarint the number of rows, then for each
//	  uvarint its distance from the row before
//	  uvarint 0 missing; 1 inline, then length and bytes; else 2 + its url, then uvarint offset and size
type fragments struct {
	f     *os.File
	end   int64
	coder *coder
}

// coder compresses fragments. It holds megabytes, so that the files of many parts share one.
type coder struct {
	enc     *zstd.Encoder
	dec     *zstd.Decoder
	raw     []byte
	encoded []byte
}

// maxFragment bounds what a fragment may decode to.
const maxFragment = 1 << 31

func newCoder() (*coder, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFragment))
	if err != nil {
		return nil, err
	}
	return &coder{enc: enc, dec: dec}, nil
}

func createFragments(dir string) (*fragments, error) {
	f, err := os.OpenFile(filepath.Join(dir, fragmentsName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	c, err := newCoder()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &fragments{f: f, coder: c}, nil
}

// openFragments opens a part's fragments for reading with a coder that others use as well.
func openFragments(dir string, c *coder) (*fragments, error) {
	f, err := os.Open(filepath.Join(dir, fragmentsName))
	if err != nil {
		return nil, err
	}
	return &fragments{f: f, coder: c}, nil
}

func (s *fragments) close() error { return s.f.Close() }

// append writes r, sorted, as a fragment.
func (s *fragments) append(r *rows) (Fragment, error) {
	b := binary.AppendUvarint(s.coder.raw[:0], uint64(len(r.urls)))
	for _, u := range r.urls {
		b = binary.AppendUvarint(b, uint64(len(u)))
		b = append(b, u...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.list)))
	last := int32(0)
	for _, w := range r.list {
		b = binary.AppendUvarint(b, uint64(w.n-last))
		last = w.n
		switch {
		case w.link == 0:
			b = append(b, 0)
		case w.link < 0:
			in := r.inline[-w.link-1]
			b = append(b, 1)
			b = binary.AppendUvarint(b, uint64(len(in)))
			b = append(b, in...)
		default:
			b = binary.AppendUvarint(b, uint64(w.link)+1)
			b = binary.AppendUvarint(b, uint64(w.offset))
			b = binary.AppendUvarint(b, uint64(w.size))
		}
	}
	s.coder.raw = b
	s.coder.encoded = s.coder.enc.EncodeAll(b, s.coder.encoded[:0])
	if _, err := s.f.WriteAt(s.coder.encoded, s.end); err != nil {
		return Fragment{}, err
	}
	out := Fragment{Rows: len(r.list), Missing: r.missing(), Offset: s.end, Bytes: int64(len(s.coder.encoded)), Digest: digest(s.coder.encoded)}
	s.end += out.Bytes
	return out, nil
}

// read adds the rows of a fragment to r.
func (s *fragments) read(g Fragment, r *rows) error {
	fail := func(err error) error {
		return fmt.Errorf("%s at byte %d: %w", s.f.Name(), g.Offset, err)
	}
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	if g.Offset < 0 || g.Bytes < 0 || g.Offset > info.Size() || g.Bytes > info.Size()-g.Offset {
		return fail(io.ErrUnexpectedEOF)
	}
	encoded := make([]byte, g.Bytes)
	if _, err := s.f.ReadAt(encoded, g.Offset); err != nil {
		return fail(err)
	}
	if digest(encoded) != g.Digest {
		return fail(fmt.Errorf("%w: its digest is not the manifest's", errFragment))
	}
	if s.coder.raw, err = s.coder.dec.DecodeAll(encoded, s.coder.raw[:0]); err != nil {
		return fail(fmt.Errorf("%w: %w", errFragment, err))
	}
	n, err := decodeRows(s.coder.raw, r)
	if err == nil && n != g.Rows {
		err = fmt.Errorf("%w: %d rows, not the manifest's %d", errFragment, n, g.Rows)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

func decodeRows(b []byte, r *rows) (n int, err error) {
	uvarint := func() uint64 {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			err, b = errFragment, nil
			return 0
		}
		b = b[k:]
		return v
	}
	bytes := func() []byte {
		k := uvarint()
		if k > uint64(len(b)) {
			err, b = errFragment, nil
			return nil
		}
		v := b[:k]
		b = b[k:]
		return v
	}
	var urls []string
	for i := uvarint(); i > 0 && err == nil; i-- {
		urls = append(urls, string(bytes()))
	}
	at := uint64(0)
	for i := uvarint(); i > 0 && err == nil; i-- {
		at += uvarint()
		if at >= 1<<31 {
			return n, errFragment
		}
		switch k := uvarint(); {
		case k == 0:
			r.add(row{n: int32(at)})
		case k == 1:
			r.put(int32(at), virtual.Reference{Inline: append([]byte{}, bytes()...)})
		case k-2 >= uint64(len(urls)):
			return n, errFragment
		default:
			r.put(int32(at), virtual.Reference{URL: urls[k-2], Offset: int64(uvarint()), Size: int64(uvarint())})
		}
		n++
	}
	return n, err
}

// digest is the digest of record files and fragments: xxHash64 in hexadecimal.
func digest(b []byte) string {
	return "xxh64:" + strconv.FormatUint(xxhash.Sum64(b), 16)
}
