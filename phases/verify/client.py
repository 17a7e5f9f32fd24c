"""Open a virtual store as its readers do: write one slice and one mean of a variable as float64, and draw the slice.

Called with one JSON argument: store, protocol, variable (null: the store is only opened), slice ([start, stop] by dimension),
dimension (to be reduced, or null), mean (the slice of the others that is), dask (the address of a scheduler or of a dask-gateway, "gateway" for the one that dask's
configuration names, or null), output and picture (paths). It ends with code 75 when dask can't be reached now.
"""
import asyncio
import json
import signal
import sys

import numpy
import xarray

NOT_NOW = 75  # EX_TEMPFAIL
PATIENCE = 600  # seconds to wait for a worker


def connect(address):
    """Makes a dask scheduler the one that computes, and answers what ends it, or the connection to it."""
    if address == "gateway" or address.startswith(("http://", "https://")):
        from dask_gateway import Gateway

        cluster = Gateway(None if address == "gateway" else address).new_cluster()
        try:
            cluster.scale(2)
            cluster.get_client().wait_for_workers(1, timeout=PATIENCE)
        except BaseException:
            cluster.shutdown()
            raise
        return cluster.shutdown
    from dask.distributed import Client

    client = Client(address)
    client.wait_for_workers(1, timeout=PATIENCE)
    return client.close


def draw(var, path):
    """Draws the slice, where there is matplotlib and the slice is a line or a map."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    if var.dtype.kind not in "fiu" or not 1 <= var.squeeze().ndim <= 2:
        return
    figure = pyplot.figure(figsize=(8, 5))
    var.squeeze().plot(ax=figure.gca())
    figure.savefig(path, dpi=100)


def select(var, ends):
    return var.isel({d: slice(*e) for d, e in ends.items()})


def read(ask):
    try:
        import dask.array  # noqa: F401

        chunks = {}
    except ImportError:
        chunks = None
    group, _, name = (ask["variable"] or "").rpartition("/")
    ds = xarray.open_dataset(
        ask["store"], engine="kerchunk", storage_options={"remote_protocol": ask["protocol"]}, chunks=chunks, **({"group": group} if group else {})
    )
    if name:
        var = ds[name]
        part = select(var, ask["slice"]).load()
        with open(ask["output"], "wb") as out:
            numpy.asarray(part.values, dtype="<f8").tofile(out)
            if ask["dimension"]:
                mean = select(var, ask["mean"]).mean(ask["dimension"], dtype="float64")
                numpy.asarray(mean.values, dtype="<f8").tofile(out)
        draw(part, ask["picture"])
    return "without dask" if chunks is None else f"dask at {ask['dask']}" if ask["dask"] else "dask"


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a gateway's cluster is ended
    ask = json.loads(sys.argv[1])
    end = lambda: None
    if ask["dask"]:
        try:
            end = connect(ask["dask"])
        except (OSError, TimeoutError, asyncio.TimeoutError) as error:
            print(f"dask at {ask['dask']}: {type(error).__name__}: {error}", file=sys.stderr)
            sys.exit(NOT_NOW)
    try:
        how = read(ask)
    finally:
        end()
    print(f"xarray {xarray.__version__}, {how}")


main()
