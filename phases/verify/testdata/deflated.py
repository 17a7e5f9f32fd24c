"""Writes deflated.nc: t(y, x), three chunks of two rows, deflated."""
import netCDF4
import numpy

with netCDF4.Dataset("deflated.nc", "w") as ds:
    ds.createDimension("y", 6)
    ds.createDimension("x", 64)
    t = ds.createVariable("t", "f4", ("y", "x"), zlib=True, chunksizes=(2, 64))
    t[:] = numpy.arange(6 * 64).reshape(6, 64) ** 0.5
