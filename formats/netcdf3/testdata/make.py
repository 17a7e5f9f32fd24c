"""Makes the fixtures of formats/netcdf3 and expected.json.

Run in this folder with netCDF4, scipy, numpy and ncgen:

    python3 make.py

What expected.json says does not come from a reading of any header: every variable is filled with
random values until the bytes of each chunk occur exactly once in the file, and a chunk's offset is
where its bytes are found. For CDF-1 and CDF-2 the offsets must also be those of scipy's memory map.
Attributes and shapes are netCDF4-python's.
"""
import hashlib, json, os, subprocess
import netCDF4, numpy as np
from scipy.io import netcdf_file

rng = np.random.default_rng(20240229)
CLASSIC = ["i1", "S1", "i2", "i4", "f4", "f8"]
ALL = CLASSIC + ["u1", "u2", "u4", "i8", "u8"]


def random(dtype, shape):
    dtype = np.dtype(dtype)
    n = int(np.prod(shape)) * dtype.itemsize
    a = np.frombuffer(rng.bytes(n), dtype).reshape(shape).copy()
    if dtype.kind == "S":
        a = np.frombuffer(rng.integers(97, 123, n, "u1").tobytes(), "S1").reshape(shape)
    if dtype.kind == "f":
        a = rng.standard_normal(shape).astype(dtype)
    return a


def typed(v, types, name):
    for t in types:
        if t != "S1":
            v.setncattr(f"{name}_{t}", np.array(7, t))
            v.setncattr(f"{name}s_{t}", np.array([1, 2, 3], t))


def types(path, fmt, dtypes, records=3):
    """Fixed and record variables of every type, with parts that need padding."""
    with netCDF4.Dataset(path, "w", format=fmt) as d:
        d.set_auto_maskandscale(False)
        d.createDimension("time", None)
        d.createDimension("x", 5)
        d.createDimension("y", 7)
        d.title = "types"
        d.unicode = "grüße 日本"
        d.empty = ""
        typed(d, dtypes, "a")
        for t in dtypes:
            f = d.createVariable(f"fixed_{t}", t, ("y", "x"))
            r = d.createVariable(f"record_{t}", t, ("time", "y", "x"))
            typed(r, dtypes, "v")
            f[:] = random(t, (7, 5))
            if records:
                r[:] = random(t, (records, 7, 5))
        s = d.createVariable("scalar", "f8", ())
        s[...] = rng.standard_normal()


def single(path, fmt, dtype, n=4, shape=(3, 3)):
    """One record variable: its records are not padded."""
    with netCDF4.Dataset(path, "w", format=fmt) as d:
        d.createDimension("time", None)
        for i, s in enumerate(shape):
            d.createDimension(f"d{i}", s)
        v = d.createVariable("v", dtype, ("time", *(f"d{i}" for i in range(len(shape)))))
        v[:] = random(dtype, (n, *shape))
        f = d.createVariable("fixed", "f8", tuple(f"d{i}" for i in range(len(shape))))
        f[:] = random("f8", shape)


def fills(path):
    """_FillValue of the variable's type, and none; variables that were never written."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as d:
        d.createDimension("x", 6)
        d.createVariable("own", "f4", ("x",), fill_value=-9.5)
        d.createVariable("default", "i4", ("x",))


def names(path):
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as d:
        d.createDimension("längengrad", 9)
        v = d.createVariable("température", "f8", ("längengrad",))
        v.setncattr("größe", "größer")
        v[:] = random("f8", (9,))


def by_scipy(path):
    with netcdf_file(path, "w", version=2) as f:
        f.createDimension("time", None)
        f.createDimension("x", 3)
        for name, t, dims in [("time", "f8", ("time",)), ("s", "i2", ("time", "x")), ("c", "c", ("time", "x")), ("g", "f4", ("x",))]:
            v = f.createVariable(name, t, dims)
            shape = tuple(4 if n == "time" else 3 for n in dims)
            v[:] = random("S1" if t == "c" else t, shape)
        f.history = b"scipy"


def by_ncgen(path, kind):
    data = random("f8", (4,))
    shorts = random("i2", (2, 3))
    with open("tmp.cdl", "w") as f:
        f.write(f"""netcdf t {{ dimensions: x = 4; r = UNLIMITED; k = 3;
variables: double d(x); short s(r, k); d:n = 1, 2; d:text = "abc"; :g = 1.5f;
data: d = {', '.join(repr(float(x)) for x in data)}; s = {', '.join(str(x) for x in shorts.ravel())}; }}""")
    subprocess.run(["ncgen", "-k", kind, "-o", path, "tmp.cdl"], check=True)
    os.remove("tmp.cdl")


def copy(src, dst, change):
    b = bytearray(open(src, "rb").read())
    open(dst, "wb").write(change(b))


def streaming(b):
    width = 8 if b[3] == 5 else 4
    b[4:4 + width] = b"\xff" * width
    return b


def attribute(v):
    if isinstance(v, str):
        return {"type": "string", "value": v}
    a = np.asarray(v)
    one = a.ndim == 0
    values = [float(x) if a.dtype.kind == "f" else int(x) for x in np.atleast_1d(a)]
    return {"type": a.dtype.str[1:], "value": values[0] if one else values}


def attributes(o):
    return [{"name": n, **attribute(o.getncattr(n))} for n in o.ncattrs()]


def scipy_offsets(path):
    """Offsets of every chunk as scipy maps the file; its own parser of headers."""
    f = netcdf_file(path, mmap=True)
    out = {}
    base = np.frombuffer(f._mm, "u1").__array_interface__["data"][0]
    for name, v in f.variables.items():
        a = v.data
        at = a.__array_interface__["data"][0] - base
        name = name.encode("latin1").decode()  # scipy takes names as Latin-1
        out[name] = [at + i * a.strides[0] for i in range(a.shape[0])] if v.isrec else [at]
        del a
    return out


def expect(path, reference=None):
    raw = open(path, "rb").read()
    out = {"file": path, "format": f"cdf{raw[3]}", "variables": []}
    # scipy 1.17 can't map a lone record variable whose records are not a multiple of four bytes.
    odd = path.startswith("single_i") or path == "ncgen1.nc"
    offsets = None if raw[3] == 5 or reference or odd else scipy_offsets(path)
    # A streaming count is not read by the netCDF library: reference is the same file with its count.
    with netCDF4.Dataset(reference or path) as d:
        d.set_auto_maskandscale(False)
        d.set_auto_chartostring(False)
        out["attributes"] = attributes(d)
        out["dimensions"] = [{"name": n, "length": len(x), "unlimited": x.isunlimited()} for n, x in d.dimensions.items()]
        for name, v in d.variables.items():
            values = v[...]
            record = len(v.dimensions) > 0 and d.dimensions[v.dimensions[0]].isunlimited()
            pieces = list(values) if record else [values]
            chunks = []
            for i, p in enumerate(pieces):
                b = np.asarray(p).astype(np.dtype(v.dtype).newbyteorder(">")).tobytes()
                at = raw.find(b)
                if "fills" not in path:
                    assert at >= 0 and raw.find(b, at + 1) < 0, (path, name, i, "its bytes are not unique")
                if offsets is not None:
                    if "fills" in path:
                        at = offsets[name][i]
                    assert offsets[name][i] == at, (path, name, i, offsets[name][i], at)
                chunks.append({"offset": at, "size": len(b), "sha256": hashlib.sha256(b).hexdigest()})
            out["variables"].append({
                "name": name, "dtype": np.dtype(v.dtype).newbyteorder(">").str if v.dtype != "S1" else "|S1",
                "shape": list(v.shape), "dimensions": list(v.dimensions), "record": record,
                "attributes": attributes(v), "chunks": chunks})
    return out


types("classic.nc", "NETCDF3_CLASSIC", CLASSIC)
types("offset64.nc", "NETCDF3_64BIT_OFFSET", CLASSIC)
types("data64.nc", "NETCDF3_64BIT_DATA", ALL)
types("norecords.nc", "NETCDF3_CLASSIC", CLASSIC, records=0)
single("single_i2.nc", "NETCDF3_CLASSIC", "i2")
single("single_i1.nc", "NETCDF3_64BIT_OFFSET", "i1")
single("single_u1.nc", "NETCDF3_64BIT_DATA", "u1")
single("single_1d.nc", "NETCDF3_CLASSIC", "f8", shape=())
fills("fills.nc")
names("names.nc")
by_scipy("scipy.nc")
by_ncgen("ncgen5.nc", "cdf5")
by_ncgen("ncgen1.nc", "classic")
with netCDF4.Dataset("nothing.nc", "w", format="NETCDF3_CLASSIC"):
    pass
expected = [expect(p) for p in ["classic.nc", "offset64.nc", "data64.nc", "norecords.nc", "single_i2.nc", "single_i1.nc",
                                "single_u1.nc", "single_1d.nc", "fills.nc", "names.nc", "scipy.nc", "ncgen5.nc", "ncgen1.nc", "nothing.nc"]]
for stem in ["classic", "data64", "single_i2"]:
    copy(f"{stem}.nc", f"streaming_{stem}.nc", streaming)
    expected.append(expect(f"streaming_{stem}.nc", f"{stem}.nc"))
json.dump(expected, open("expected.json", "w"), ensure_ascii=False, separators=(",", ":"))
