"""large.py DIR N: for each kind of chunk index a file with one dataset of N chunks of one byte each."""
import json, os, sys
import h5py

folder, n = sys.argv[1], int(sys.argv[2])
os.makedirs(folder, exist_ok=True)
side = 1000
for name, version, most in (("btree1", "earliest", None), ("fixed", "latest", None), ("extensible", "latest", (None, side))):
    with h5py.File(f"{folder}/{name}.h5", "w", libver=version) as f:
        more = {"compression": "gzip"} if version == "earliest" else {}
        v = f.create_dataset("v", (n // side, side), "u1", chunks=(1, 1), maxshape=most, **more)
        for i in range(n // side * side):
            v.id.write_direct_chunk(divmod(i, side), b"\1")
print(json.dumps({"chunks": n // side * side}))
