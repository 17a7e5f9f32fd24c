#!/usr/bin/env python3
"""make.py: writes the example files under data/ (numpy and netCDF4 are all it needs).

Both datasets are synthetic and free of rights.

sst-monthly   sea surface temperature, monthly means of one year on a 2.5 degree grid, a file a month, packed into int16
rain-daily    rainfall, daily, a file every five days; each file counts its days from its own first day, as archives do
"""
import pathlib

import netCDF4
import numpy as np

here = pathlib.Path(__file__).parent / "data"
lat = np.arange(-88.75, 90, 2.5)
lon = np.arange(1.25, 360, 2.5)
y, x = np.radians(lat)[:, None], np.radians(lon)[None, :]
rng = np.random.default_rng(2026)


def grid(ds):
    ds.createDimension("time", None)
    ds.createDimension("lat", lat.size)
    ds.createDimension("lon", lon.size)
    for name, values, standard, units in (("lat", lat, "latitude", "degrees_north"), ("lon", lon, "longitude", "degrees_east")):
        v = ds.createVariable(name, "f4", (name,))
        v.standard_name, v.units, v.long_name = standard, units, standard
        v[:] = values
    t = ds.createVariable("time", "f8", ("time",))
    t.standard_name, t.calendar, t.bounds = "time", "standard", "time_bnds"
    ds.createDimension("bnds", 2)
    return t, ds.createVariable("time_bnds", "f8", ("time", "bnds"))


def noise(scale):
    """A smooth random field: a few dozen random waves."""
    f = np.zeros((lat.size, lon.size))
    for _ in range(40):
        k, l = rng.integers(1, 9), rng.integers(1, 9)
        f += rng.normal() / np.hypot(k, l) * np.cos(k * x + rng.uniform(0, 6.3)) * np.cos(l * y + rng.uniform(0, 6.3))
    return f * scale


def finish(ds, title, first, last):
    ds.Conventions, ds.title = "CF-1.11, ACDD-1.3", title
    ds.institution = "kerchunk-builder showcase"
    ds.time_coverage_start, ds.time_coverage_end = first, last
    ds.history = f"made for {first}"
    ds.close()


days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
start = 0
swirl = noise(1.2)
(here / "sst-monthly").mkdir(parents=True, exist_ok=True)
for month, n in enumerate(days, 1):
    ds = netCDF4.Dataset(here / "sst-monthly" / f"sst_2025{month:02d}.nc", "w", format="NETCDF4")
    t, bounds = grid(ds)
    t.units = "days since 2025-01-01"
    t[:] = [start + n / 2]
    bounds[:] = [[start, start + n]]
    v = ds.createVariable("sst", "i2", ("time", "lat", "lon"), zlib=True, complevel=4, shuffle=True, chunksizes=(1, 36, 72), fill_value=-32768)
    v.standard_name, v.long_name, v.units = "sea_surface_temperature", "sea surface temperature", "degC"
    v.scale_factor, v.add_offset, v.cell_methods = np.float64(0.01), np.float64(15), "time: mean"
    season = np.cos(2 * np.pi * (month - 8) / 12)
    field = 29 * np.cos(y * 0.98) ** 1.6 - 2 + 4 * season * np.sin(y) * np.cos(y) + 1.5 * np.sin(2 * x) * np.cos(3 * y) + swirl + noise(0.3)
    field = np.where(np.abs(lat)[:, None] > 78 + 3 * np.sin(3 * x), np.nan, np.maximum(field, -1.8))
    v[0] = np.ma.masked_invalid(field)
    finish(ds, "Sea surface temperature, monthly mean", f"2025-{month:02d}-01", f"2025-{month:02d}-{n:02d}")
    start += n

(here / "rain-daily").mkdir(parents=True, exist_ok=True)
base = noise(1.0)
for k in range(6):
    first = 1 + 5 * k
    ds = netCDF4.Dataset(here / "rain-daily" / f"rain_202506{first:02d}.nc", "w", format="NETCDF4")
    t, bounds = grid(ds)
    t.units = f"days since 2025-06-{first:02d} 00:00:00"
    t[:] = np.arange(5) + 0.5
    bounds[:] = np.stack([np.arange(5), np.arange(5) + 1], axis=1)
    v = ds.createVariable("rain", "f4", ("time", "lat", "lon"), zlib=True, complevel=5, shuffle=True, chunksizes=(1, 72, 144))
    v.standard_name, v.long_name, v.units = "rainfall_flux", "rainfall", "mm day-1"
    v.cell_methods = "time: mean"
    for d in range(5):
        band = 9 * np.exp(-((np.degrees(y) - 8) / 9) ** 2) + 3.5 * np.exp(-((np.abs(np.degrees(y)) - 48) / 12) ** 2)
        drift = np.roll(base, 6 * (5 * k + d), axis=1)
        v[d] = np.maximum(0, band * (1 + 0.9 * drift) + noise(0.7) - 0.4)
    finish(ds, "Rainfall, daily mean", f"2025-06-{first:02d}", f"2025-06-{first + 4:02d}")
