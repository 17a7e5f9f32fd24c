"""What the HDF Group's and Unidata's own libraries say of files, as JSON, for the tests to compare with.

describe.py FILE...: {file name: {"hdf5": {...} or {"error"}, "netcdf": {...} or {"error"}}}

hdf5 has for each dataset (by path) its shape, its layout, the stored chunks as [coordinates in chunks, offset, size, filter
mask] (where the one unlimited dimension is not the first libhdf5 2.x reports wrong coordinates, though it
reads right: "anywhere" marks them), and the SHA-256 of its
values: C order, as stored; records packed; strings joined, each followed by a NUL.
netcdf has the groups as netCDF4-python shows them: dimensions, variables with dimensions and shapes, attributes.
"""
import hashlib, json, sys, warnings
import h5py, netCDF4, numpy as np
from numpy.lib import recfunctions

warnings.simplefilter("ignore")


def digest(v):
    v = np.asarray(v, dtype=object if type(v) is bytes else None)
    h = hashlib.sha256()
    if v.dtype.kind in "OT":
        for s in v.ravel():
            h.update((s if isinstance(s, bytes) else str(s).encode("utf-8", "surrogateescape")) + b"\0")
    else:
        if v.dtype.fields:
            v = recfunctions.repack_fields(v, recurse=True)
        h.update(np.ascontiguousarray(v).tobytes())
    return h.hexdigest()


def dataset(d):
    p = d.id.get_create_plist()
    out = {
        "shape": None if d.shape is None else list(d.shape),
        "dtype": str(d.dtype),
        "layout": {0: "compact", 1: "contiguous", 2: "chunked", 3: "virtual"}.get(p.get_layout(), "?"),
        "filters": [p.get_filter(i)[0] for i in range(p.get_nfilters())],
    }
    if out["layout"] == "chunked" and d.shape is not None:
        out["chunks"] = list(d.chunks)
        out["table"] = table = []
        def one(i):
            table.append([[a // c for a, c in zip(i.chunk_offset, d.chunks)], i.byte_offset, i.size, i.filter_mask])
        d.id.chunk_iter(one)
        table.sort()
        if None in d.maxshape[1:] and d.maxshape.count(None) == 1:
            out["anywhere"] = True
    elif out["layout"] == "contiguous" and d.id.get_offset() is not None:
        out["offset"] = d.id.get_offset()
    try:
        if d.shape is not None and d.size * d.dtype.itemsize < 1 << 28:
            out["sha256"] = digest(d[()])
    except Exception as e:
        out["unread"] = f"{type(e).__name__}: {e}"[:200]
    return out


def hdf5(name):
    out = {}
    with h5py.File(name) as f:
        def visit(path, o):
            if isinstance(o, h5py.Dataset):
                try:
                    out[path] = dataset(o)
                except Exception as e:
                    out[path] = {"error": f"{type(e).__name__}: {e}"[:200]}
        f.visititems(visit)
    return out


def value(v):
    """[type, values...], exact."""
    if isinstance(v, str):
        return ["str", v]
    if isinstance(v, list):
        return ["strs"] + [str(s) for s in v]
    a = np.asarray(v)
    flat = a.ravel()
    if a.dtype.kind == "f":
        return [a.dtype.str[1:]] + [x.hex() for x in map(float, flat)]
    if a.dtype.kind in "iu":
        return [a.dtype.str[1:]] + [int(x) for x in flat]
    return ["?"] + [str(x) for x in flat]


def attributes(o):
    out = {}
    for k in o.ncattrs():
        try:
            out[k] = value(o.getncattr(k))
        except Exception as e:
            out[k] = ["error", f"{type(e).__name__}: {e}"[:100]]
    return out


def group(g):
    return {
        "dimensions": {k: [len(d), d.isunlimited()] for k, d in g.dimensions.items()},
        "attributes": attributes(g),
        "variables": {
            k: {"dimensions": list(v.dimensions), "shape": list(v.shape), "attributes": attributes(v)}
            for k, v in g.variables.items()
        },
        "groups": {k: group(c) for k, c in g.groups.items()},
    }


def header(name):
    with netCDF4.Dataset(name) as d:
        return group(d)


def describe(name, netcdf=True):
    out = {}
    for key, fn in (("hdf5", hdf5), ("netcdf", header)):
        if key == "netcdf" and not netcdf:
            out[key] = {"error": "not asked"}
            continue
        try:
            out[key] = fn(name)
        except Exception as e:
            out[key] = {"error": f"{type(e).__name__}: {e}"[:200]}
    return out


if __name__ == "__main__":
    import os
    json.dump({os.path.basename(n): describe(n) for n in sys.argv[1:]}, sys.stdout, indent=None)
