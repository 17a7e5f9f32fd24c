package formats

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

type memory struct{ *bytes.Reader }

func (memory) URL() string { return "/data/file" }

func TestOpenByMagicNumber(t *testing.T) {
	for name, format := range map[string]string{
		"netcdf4/testdata/groups.nc":    "netcdf4",
		"netcdf4/testdata/index_v1.h5":  "hdf5",
		"netcdf4/testdata/userblock.h5": "hdf5",
	} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(context.Background(), memory{bytes.NewReader(content)}, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Format() != format {
			t.Errorf("%s is %s, want %s", name, f.Format(), format)
		}
	}
}

func TestOpenSaysWhatItIsNot(t *testing.T) {
	for content, want := range map[string]string{
		"":                             "empty",
		"GRIB\x00\x00\x00\x02":         "GRIB",
		"II*\x00\x08\x00\x00\x00":      "TIFF",
		"<!DOCTYPE html><html></html>": "web page",
		"abc":                          "61 62 63",
		strings.Repeat("hello, ", 300): "68 65 6c 6c 6f",
	} {
		_, err := Open(context.Background(), memory{bytes.NewReader([]byte(content))}, Options{})
		if err == nil || !errors.Is(err, cdm.ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.10q: %v, want a format error with %q", content, err, want)
		}
	}
}
