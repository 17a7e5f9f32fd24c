#!/usr/bin/env python3
"""Makes more.h5 and group_names.h5, and puts what libhdf5 and netCDF-C say of the first into expected.json.

Names that no Zarr store can have, filters that every chunk skips, filters that only round, and strings
with a fill value. The committed file came from h5py 3.16 with HDF5 2.2.
"""
import json, os, sys
import h5py, numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import describe

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def pipeline(f, name, stages, masks, dtype="<f4"):
    """Two chunks of four numbers behind any filters, written as they are, with the given masks."""
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_chunk((4,))
    for id, values in stages:
        p.set_filter(id, h5z.FLAG_OPTIONAL, values)
    d = h5py.Dataset(h5d.create(f.id, name, h5t.py_create(np.dtype(dtype)), h5s.create_simple((8,)), p))
    for i, mask in enumerate(masks):
        d.id.write_direct_chunk((4 * i,), np.arange(4 * i, 4 * i + 4).astype(dtype).tobytes(), filter_mask=mask)


with h5py.File("more.h5", "w") as f:
    for name in ("back\\slash", ".zattrs", "..", "dots..", "a\nb", "{{u}}"):
        f[name] = np.arange(3, dtype="<i2")
    f.create_dataset("text_fill", (5,), dtype=h5py.string_dtype(), chunks=(2,), fillvalue="zz")[0] = "a"
    # More than is inlined unasked, in a small file.
    f.create_dataset("lzf_large", (5_000_000,), "<f4", chunks=(1000,), maxshape=(None,), compression="lzf")[1000:1100] = 1
    # Filters that every chunk skips: two that nobody has.
    pipeline(f, b"skipped", [(40000, (1,)), (40001, ())], [3, 3])
    pipeline(f, b"skipped_first", [(40000, (1,)), (h5z.FILTER_SHUFFLE, (1,))], [1, 1])
    pipeline(f, b"skipped_known", [(h5z.FILTER_SCALEOFFSET, (2, 0, 4, 1, 4, 0, 0, 0))], [1, 1])
    # Quantizing filters do nothing when they are read.
    pipeline(f, b"bitgroom", [(32022, (3, 4, 0, 0)), (h5z.FILTER_SHUFFLE, (1,))], [0, 1])
    pipeline(f, b"granular", [(32023, (3, 4, 0, 0))], [0, 0])

# netCDF-C shows these groups; the test knows what is here.
with h5py.File("group_names.h5", "w") as f:
    f["g/.zgroup/v"] = np.arange(3, dtype="<i2")
    f["g/fine/v"] = np.arange(3, dtype="<i2")

name = "expected.json"
all = json.load(open(name))
all["more.h5"] = describe.describe("more.h5")
json.dump(all, open(name, "w"), indent=0, sort_keys=True)
