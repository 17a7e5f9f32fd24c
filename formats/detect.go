// Package formats opens source files of any format that the project reads. Each format has a package of its own; what they
// have in common is the model in cdm.
package formats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/netcdf3"
	"github.com/cedadev/kerchunk-builder/formats/netcdf4"
)

// Source is the bytes of one file.
type Source = netcdf4.Source

// Options say how files are opened. The zero value is good.
type Options struct {
	InlineLimit int64      // see netcdf4.Options
	Note        func(Note) // told what of a file can't be shown; may be nil
}

// Note says why a part of a file is not shown.
type Note = netcdf4.Note

// hdf5Signature begins every HDF5 superblock (HDF5 File Format Specification II.A). It is looked for at byte 0, 512 and each
// doubling of that: a user block of any kind may stand before it.
const hdf5Signature = "\x89HDF\r\n\x1a\n"

// userBlockMax is how far into a file a superblock is looked for.
const userBlockMax = 1 << 20

// Open opens a file by what it begins with, whatever it is called. Closing the file closes src if that can be closed.
func Open(ctx context.Context, src Source, opts Options) (cdm.File, error) {
	head := make([]byte, 8)
	n, err := src.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head = head[:n]
	if netcdf3.Is(head) {
		return netcdf3.Open(src)
	}
	for at := int64(0); at+8 <= src.Size() && at <= userBlockMax; at = max(512, 2*at) {
		here := head
		if at > 0 {
			here = make([]byte, len(hdf5Signature))
			if n, err := src.ReadAt(here, at); n < len(here) {
				return nil, err
			}
		}
		if string(here) == hdf5Signature {
			return netcdf4.Open(ctx, src, netcdf4.Options{InlineLimit: opts.InlineLimit, Note: opts.Note, Sibling: siblings})
		}
		if at == 0 && other(head) != "" {
			break
		}
	}
	return nil, &cdm.FormatError{Struct: "file signature", Msg: notNetCDF(head, src.Size())}
}

// notNetCDF says what a file is that isn't NetCDF, as far as its first bytes tell.
func notNetCDF(head []byte, size int64) string {
	switch what := other(head); {
	case size == 0:
		return "the file is empty"
	case what != "":
		return "this is " + what + ", not NetCDF or HDF5"
	default:
		return fmt.Sprintf("neither NetCDF nor HDF5: it begins with % x", head[:min(len(head), 8)])
	}
}

// other names a format that people take for NetCDF.
func other(head []byte) string {
	for _, f := range []struct{ magic, name string }{
		{"GRIB", "GRIB"}, {"II*\x00", "TIFF"}, {"MM\x00*", "TIFF"}, {"II+\x00", "BigTIFF"}, {"MM\x00+", "BigTIFF"},
		{"\x0e\x03\x13\x01", "HDF4"}, {"\x1f\x8b", "a gzip file"}, {"PK\x03\x04", "a zip file"}, {"BZh", "a bzip2 file"}, {"BUFR", "BUFR"},
		{"<!DOCTYP", "a web page"}, {"<!doctyp", "a web page"}, {"<html", "a web page"}, {"<?xml", "XML"}, {"%PDF", "PDF"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.name
		}
	}
	return ""
}
