"""daily.py DIR N: N daily files of four int16 variables of 720 x 1440 in chunks of 90 x 90, deflated."""
import json, os, sys
import netCDF4
import numpy as np

folder, n = sys.argv[1], int(sys.argv[2])
os.makedirs(folder, exist_ok=True)
noise = np.random.default_rng(0)
for day in range(n):
    with netCDF4.Dataset(f"{folder}/day{day:04d}.nc", "w") as f:
        for name, size in (("time", None), ("lat", 720), ("lon", 1440)):
            f.createDimension(name, size)
        time = f.createVariable("time", "f8", ("time",))
        time.units, time.calendar, time[0] = "days since 2000-01-01", "standard", day
        for name, values in (("lat", np.linspace(-89.875, 89.875, 720)), ("lon", np.linspace(-179.875, 179.875, 1440))):
            v = f.createVariable(name, "f4", (name,))
            v[:] = values
            v.units = "degrees_north" if name == "lat" else "degrees_east"
        for i in range(4):
            v = f.createVariable(f"v{i}", "i2", ("time", "lat", "lon"), zlib=True, complevel=1, shuffle=True, chunksizes=(1, 90, 90), fill_value=-32768)
            v.set_auto_maskandscale(False)
            v.units, v.scale_factor, v.add_offset = "K", 0.01, 273.15
            v[0] = noise.integers(-2000, 2000, (720, 1), dtype="i2") + np.arange(1440, dtype="i2") % 50
        f.title = "daily"
print(json.dumps({"files": n}))
