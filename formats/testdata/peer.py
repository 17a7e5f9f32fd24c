#!/usr/bin/env python3
"""What kerchunk makes of the readers' fixtures: kerchunk.json, from which docs/readers.md takes its last column.

Each variable is read back through the references that kerchunk makes, with zarr-python, and compared with h5py's or
netCDF4's values. Needs kerchunk, zarr, fsspec, h5py and netCDF4 (the committed file: kerchunk 0.2.10, zarr 3.4.1,
h5py 3.16). One process a file, since some of them hang. Files that h5py and netCDF4 can't read either (a
streaming header) or on which no process ends in time are left out.
"""
import gc, glob, json, os, subprocess, sys, warnings
import fsspec, h5py, netCDF4, numpy as np, zarr
from numpy.lib import recfunctions
from zarr.storage import FsspecStore
import kerchunk.hdf, kerchunk.netCDF3

warnings.simplefilter("ignore")
__file__ = os.path.abspath(__file__)
os.chdir(os.path.dirname(__file__))


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.fields:
        a = recfunctions.repack_fields(a, recurse=True)
    if a.dtype.kind in "OSUT" or b.dtype.kind in "OSUT":
        # h5py takes the spaces off that pad a string, netCDF keeps them.
        text = lambda v: [(x if isinstance(x, bytes) else str(x).encode()).rstrip(b" ") for x in v.ravel()]
        return a.shape == b.shape and text(a) == text(b)
    if a.shape != b.shape or a.dtype.kind != b.dtype.kind:
        return False
    return a.tobytes() == b.tobytes() or (not a.dtype.fields and a.dtype.kind != "V" and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def verdict(refs, group, path, values):
    if path + "/.zarray" not in refs:
        return "dropped"
    chunks = [k for k in refs if k.startswith(path + "/") and not k.split("/")[-1].startswith(".z")]
    try:
        got = group[path][...]
    except Exception as e:
        return f"unreadable: {type(e).__name__}"
    if same(values, got):
        return "same"
    return "differs" if chunks else "all fill"


def file(name):
    gc.disable()  # collecting in zarr's thread waits for h5py's lock for ever
    out = {}
    classic = open(name, "rb").read(3) == b"CDF"
    truth = {}
    if classic:
        with netCDF4.Dataset(name) as d:
            d.set_auto_maskandscale(False); d.set_auto_chartostring(False)
            truth = {k: v[...] for k, v in d.variables.items()}
    else:
        def visit(n, o):
            if isinstance(o, h5py.Dataset):
                try:
                    truth[n] = o[()] if o.shape is not None else "empty"
                except Exception:
                    truth[n] = None
        with h5py.File(name) as f:
            f.visititems(visit)
    try:
        if classic:
            refs = kerchunk.netCDF3.NetCDF3ToZarr(name).translate()
        else:
            with open(name, "rb") as f:
                refs = kerchunk.hdf.SingleHdf5ToZarr(f, name).translate()
        fs = fsspec.filesystem("reference", fo=refs, remote_protocol="file", asynchronous=True)
        group = zarr.open_group(FsspecStore(fs, read_only=True), mode="r", zarr_format=2)
        out = {k: verdict(refs["refs"], group, k, v) for k, v in truth.items()}
    except Exception as e:
        out = {k: f"translate raises {type(e).__name__}" for k in truth}
    return out


if __name__ == "__main__":
    if len(sys.argv) == 2:
        json.dump(file(sys.argv[1]), sys.stdout)
        sys.exit()
    all = {}
    for name in sorted(glob.glob("../netcdf[34]/testdata/*.h5") + glob.glob("../netcdf[34]/testdata/*.nc")):
        key = name.replace("../", "").replace("testdata/", "")
        for attempt in range(3):
            try:
                all[key] = json.loads(subprocess.run([sys.executable, __file__, name], stdout=subprocess.PIPE, timeout=30).stdout)
                break
            except (subprocess.TimeoutExpired, ValueError):
                pass
    json.dump(all, open("kerchunk.json", "w"), indent=0, sort_keys=True)
