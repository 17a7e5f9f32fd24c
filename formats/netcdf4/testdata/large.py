"""large.py DIR N: files with one dataset of N tiny chunks each, one file for each kind of chunk index. For BenchmarkChunkIndex."""
import sys
import h5py
from h5py import h5d, h5p, h5s, h5t

folder, n = sys.argv[1], int(sys.argv[2])
side = 1000
for name, libver, maxshape, gzip in (
    ("btree1", "earliest", None, True), ("fixed", "latest", None, False), ("fixed_gz", "latest", None, True),
    ("extensible", "latest", (None, side), False), ("extensible_gz", "latest", (None, side), True), ("btree2", "latest", (None, None), False),
):
    with h5py.File(f"{folder}/{name}.h5", "w", libver=libver) as f:
        kw = dict(compression="gzip", shuffle=True) if gzip else {}
        d = f.create_dataset("v", (n // side, side), "u1", chunks=(1, 1), maxshape=maxshape, **kw)
        for i in range(n):
            d.id.write_direct_chunk((i // side, i % side), b"\1", filter_mask=0)
