"""Open a virtual store as its readers do, and write one slice and one mean of a variable as float64.

Called with one JSON argument: store, protocol, variable, slice (position by dimension), dimension (to be reduced, or null),
address (of a dask scheduler, or null) and output.
"""
import json
import sys

import numpy
import xarray

ask = json.loads(sys.argv[1])
try:
    import dask.distributed

    client = dask.distributed.Client(ask["address"]) if ask["address"] else None
except ImportError:
    if ask["address"]:
        raise
try:
    import dask.array  # noqa: F401

    chunks = {}
except ImportError:
    chunks = None
group, _, name = ask["variable"].rpartition("/")
options = {"remote_protocol": ask["protocol"]}
ds = xarray.open_dataset(ask["store"], engine="kerchunk", storage_options=options, chunks=chunks, **({"group": group} if group else {}))
var = ds[name]
with open(ask["output"], "wb") as out:
    numpy.asarray(var.isel(ask["slice"]).values, dtype="<f8").tofile(out)
    if ask["dimension"]:
        numpy.asarray(var.mean(ask["dimension"], dtype="float64").values, dtype="<f8").tofile(out)
print("xarray", xarray.__version__, "with dask" if chunks is not None else "without dask")
