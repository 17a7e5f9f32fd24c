package hdf5

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// refusedToo is what libhdf5 2.0 can't open or walk through either: parts of split files, files of other
// formats, damaged and hostile ones, and those with messages that a reader must understand.
var refusedToo = map[string]bool{
	"family_file00003.h5": true, "family_file00007.h5": true, "family_file00011.h5": true, "family_file00015.h5": true,
	"family_v16-000001.h5": true, "ref_family_v16-000002.h5": true, "tfamily00003.h5": true, "tfamily00007.h5": true,
	"multi_file_v16-s.h5": true, "ref_multi_file_v16-s.h5": true, "tmulti-o.h5": true, "tsplit_file-m.h5": true,
	"h5clear_fsm_persist_greater.h5": true, "h5clear_fsm_persist_user_greater.h5": true, "latest_h5clear_log_v3.h5": true,
	"bad_compound.h5": true, "h5repack_CVE-2018-14460.h5": true, "tCVE-2021-37501_attr_decode.h5": true,
	"ref_cve_2020_10812.h5": true, "corrupt_stab_msg.h5": true, "ref_tbogus.h5": true,
	"nc_test_bad_cdf5_begin.nc": true, "ncdump_ref_null_byte_padding_test.nc": true,
	"ncdump_ref_test_360_day_1900.nc": true, "nctest_ref_nctest_classic.nc": true,
}

// TestCorpus reads public test files: whatever libhdf5 reads we read whole, and the rest gives a reason.
func TestCorpus(t *testing.T) {
	objects, refused := 0, 0
	for _, name := range corpus(t) {
		err := func() error {
			file, err := os.Open(name)
			if err != nil {
				return err
			}
			defer file.Close()
			info, err := file.Stat()
			if err != nil {
				return err
			}
			f, err := Open(file, info.Size())
			if err != nil {
				return err
			}
			w := walker{f: f, chunks: true}
			err = w.walk()
			objects += w.objects
			return err
		}()
		switch {
		case err == nil:
		case !refusedToo[filepath.Base(name)]:
			t.Errorf("%s: %v", name, err)
		case !errors.Is(err, cdm.ErrFormat) && !errors.Is(err, cdm.ErrUnsupported):
			t.Errorf("%s: an error of no known kind: %v", name, err)
		default:
			refused++
		}
	}
	t.Logf("%d objects read, %d files refused", objects, refused)
}
