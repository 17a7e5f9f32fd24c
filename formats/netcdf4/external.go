package netcdf4

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// setExternal takes external raw storage (IV.A.2.h): pieces of other files, one after another. When one
// piece has all of it, it is referenced; otherwise it is put together and inlined.
func (u *variable) setExternal(ctx context.Context, whole int64) error {
	first := u.dataset.External[0]
	if first.Size == hdf5.Unlimited || first.Size >= uint64(whole) {
		src, err := u.file.sibling(ctx, u.where.src, first.Name)
		if err != nil {
			return err
		}
		if first.Offset <= src.Size()-whole {
			u.store = oneChunk{storedChunk{Offset: first.Offset, Size: whole, elsewhere: &elsewhere{source: src}}}
			u.cdm.Contiguous = true
			return nil
		}
	}
	if whole > u.file.opts.InlineLimit {
		return unsupported("its %d bytes of external storage are in several pieces or cut short, and more than the %d that may be inlined", whole, u.file.opts.InlineLimit)
	}
	data, err := u.gather(ctx, whole)
	if err != nil {
		return err
	}
	u.store = compactStorage{data}
	return nil
}

// gather reads external storage. What lies beyond the end of a file reads as zeros.
func (u *variable) gather(ctx context.Context, whole int64) ([]byte, error) {
	out := make([]byte, whole)
	rest := out
	for _, s := range u.dataset.External {
		if len(rest) == 0 {
			break
		}
		src, err := u.file.sibling(ctx, u.where.src, s.Name)
		if err != nil {
			return nil, err
		}
		n := min(uint64(len(rest)), s.Size)
		if s.Offset >= 0 && s.Offset < src.Size() {
			if _, err := src.ReadAt(rest[:min(int64(n), src.Size()-s.Offset)], s.Offset); err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%s: %w", src.URL(), err)
			}
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("external storage is %d bytes short of %d", len(rest), whole)
	}
	return out, nil
}
