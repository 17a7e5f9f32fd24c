package hdf5

import (
	"cmp"
	"io"
	"slices"
)

// patch is bytes that stand for those of the file from off on.
type patch struct {
	off  int64
	data []byte
}

// patchedReader is a file with patches laid over it. They are in order of their offsets and don't overlap.
type patchedReader struct {
	io.ReaderAt
	patches []patch
}

func (r patchedReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, off)
	end := off + int64(n)
	i, _ := slices.BinarySearchFunc(r.patches, off, func(q patch, off int64) int {
		return cmp.Compare(q.off+int64(len(q.data)), off+1) // the first that ends after off
	})
	for ; i < len(r.patches) && r.patches[i].off < end; i++ {
		q := r.patches[i]
		if skip := off - q.off; skip > 0 {
			copy(p[:n], q.data[skip:])
		} else {
			copy(p[-skip:n], q.data)
		}
	}
	return n, err
}

// readCacheImage lays the metadata cache image over the file, by its superblock extension message. A file closed
// with an image has its newest metadata only there; what lies at the metadata's own addresses may be old or nothing.
// The image is not part of the specification; this is how libhdf5 1.10 and later write it.
func (f *File) readCacheImage(b buf) error {
	if v := b.u8(); v != 0 {
		b.failf("version is %d, not 0", v)
	}
	at, size := b.addr(), b.length()
	if b.err != nil || at == Undefined {
		return b.err
	}
	if size > uint64(f.cache.size) {
		b.failf("an image of %d bytes", size)
		return b.err
	}
	const what = "metadata cache image"
	image := f.read(at, int(size), what)
	image.sig("MDCI")
	if image.err != nil {
		return image.err
	}
	if err := verifyChecksum(image.data, at, what); err != nil {
		return err
	}
	if v := image.u8(); v != 0 {
		image.failf("version is %d, not 0", v)
	}
	image.skip(1)         // flags
	image.length()        // of the image
	n := int(image.u32()) // entries
	var patches []patch
	for i := 0; i < n && image.err == nil; i++ {
		image.skip(4 + 2 + 2) // type, flags, ring, age, counts of children that must be flushed first
		parents := int(image.u16())
		image.skip(4) // place in the order of use
		p := patch{off: image.addr()}
		length := image.length()
		image.skip(parents * f.offsetSize)
		if length > uint64(image.left()) {
			image.failf("entry %d has %d bytes", i, length)
		}
		p.data = image.bytes(int(length))
		patches = append(patches, p)
	}
	if image.err != nil {
		return image.err
	}
	slices.SortFunc(patches, func(x, y patch) int { return cmp.Compare(x.off, y.off) })
	for i, p := range patches {
		end := p.off + int64(len(p.data))
		if p.off < 0 || len(p.data) == 0 || end > f.cache.size || i+1 < len(patches) && end > patches[i+1].off {
			image.failf("an entry of %d bytes at byte %#x", len(p.data), p.off)
			return image.err
		}
	}
	f.cache.replace(patchedReader{f.cache.r, patches})
	return nil
}
