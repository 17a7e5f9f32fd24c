#!/usr/bin/env python3
"""Makes the fixtures of this folder and expected.json, what libhdf5 and netCDF-C say of them.

Needs h5py and netCDF4 (the committed files came from h5py 3.16 with HDF5 2.2, netCDF4
1.7.5 with netCDF-C 4.10.1).  The files' bytes may differ between versions of the libraries; expected.json
goes with the files.
"""
import ctypes, glob, json, os, re, sys
import h5py, netCDF4, numpy as np
from h5py import h5d, h5p, h5s, h5t

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import describe

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = np.random.default_rng(1)


def values(shape, dtype="f4"):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 251).astype(dtype)


def indexes(f, names=""):
    """Every chunk index that the file's version bounds give."""
    z = dict(compression="gzip", compression_opts=4, shuffle=True)
    f.create_dataset("single", data=values((4, 5)), chunks=(4, 5))
    f.create_dataset("single_gz", data=values((4, 5)), chunks=(4, 5), **z)
    f.create_dataset("beyond", data=values((3, 5)), chunks=(8, 8), maxshape=(8, 8), **z)
    f.create_dataset("fixed", data=values((7, 10)), chunks=(2, 3))
    f.create_dataset("fixed_gz", data=values((7, 10)), chunks=(2, 3), **z)
    f.create_dataset("fixed_max", data=values((5, 7)), chunks=(2, 3), maxshape=(11, 20))
    f.create_dataset("fixed_max_gz", data=values((5, 7)), chunks=(2, 3), maxshape=(11, 20), **z)
    f.create_dataset("extensible", data=values((9, 7)), chunks=(1, 3), maxshape=(None, 7))
    f.create_dataset("extensible_gz", data=values((40, 7)), chunks=(1, 3), maxshape=(None, 7), **z)
    f.create_dataset("extensible_max", data=values((9, 7)), chunks=(2, 3), maxshape=(None, 16))
    f.create_dataset("extensible_last", data=values((5, 30)), chunks=(2, 3), maxshape=(5, None))
    f.create_dataset("extensible_mid_gz", data=values((4, 9, 5)), chunks=(2, 2, 2), maxshape=(7, None, 6), **z)
    f.create_dataset("btree2", data=values((9, 11)), chunks=(2, 3), maxshape=(None, None))
    f.create_dataset("btree2_gz", data=values((9, 11)), chunks=(2, 3), maxshape=(None, None), **z)
    f.create_dataset("fletcher", data=values((6, 6), "i4"), chunks=(3, 4), fletcher32=True, **z)
    f.create_dataset("never", (6, 6), "i2", chunks=(2, 3), maxshape=(None, 6), fillvalue=-7)
    d = f.create_dataset("sparse", (20, 30), "i2", chunks=(2, 3), maxshape=(None, 30), fillvalue=5)
    d[3, 4], d[17, 29], d[8:11, 12] = 1, 2, 3
    d = f.create_dataset("sparse_fixed_gz", (20, 30), "f8", chunks=(2, 3), fillvalue=np.nan, **z)
    d[3, 4], d[17, 29], d[8:11, 12] = 1, 2, 3
    d = f.create_dataset("shrunk", data=values((12, 12)), chunks=(2, 3), maxshape=(None, None))
    d.resize((5, 7))
    d = f.create_dataset("shrunk_gz", data=values((12, 12)), chunks=(2, 3), maxshape=(None, 12), **z)
    d.resize((5, 7))
    f.create_dataset("rank1", data=values((50,), "u1"), chunks=(7,), maxshape=(None,))
    f.create_dataset("rank4", data=values((3, 4, 3, 5), "u1"), chunks=(2, 1, 3, 2))
    # Single chunks that skip filters of the pipeline, as a full one does when data don't shrink.
    d = f.create_dataset("masks", (4, 6), "<i4", chunks=(2, 3), **z)
    d[:] = values((4, 6), "i4")
    d.id.write_direct_chunk((0, 3), values((2, 3), "<i4").tobytes(), filter_mask=3)
    d = f.create_dataset("masks_one", (4,), "<i4", chunks=(2,), shuffle=True, fletcher32=True)
    d[:] = [1, 2, 3, 4]
    d.id.write_direct_chunk((2,), values((2,), "<i4").tobytes(), filter_mask=3)


def layouts(f):
    f["contiguous"] = values((4, 5), "f8")
    f["scalar"] = np.float32(2.5)
    f["unwritten"] = np.zeros(0, "f4")
    f.create_dataset("late", (3, 4), "i4", fillvalue=9)
    f.create_dataset("empty", (0, 3), "f4")
    f.create_dataset("empty_chunked", (0, 3), "f4", chunks=(2, 3), maxshape=(None, 3))
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_layout(h5d.COMPACT)
    d = h5d.create(f.id, b"compact", h5t.IEEE_F32LE, h5s.create_simple((2, 3)), p)
    d.write(h5s.ALL, h5s.ALL, values((2, 3)))
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_chunk((2, 3))
    p.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    d = h5d.create(f.id, b"early", h5t.STD_I32LE, h5s.create_simple((5, 7)), p)
    d.write(h5s.ALL, h5s.ALL, values((5, 7), "i4"))
    d = h5d.create(f.id, b"early_max", h5t.STD_I32LE, h5s.create_simple((5, 4), (6, 9)), p)
    d.write(h5s.ALL, h5s.ALL, values((5, 4), "i4"))


def raw_edges(f):
    """Chunks over the edge stored without the filters (layout version 4 only)."""
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_chunk((4, 30))
    p.set_deflate(4)
    # h5py has no call for it: ask the library that it uses.
    path = next(l.split()[-1] for l in open("/proc/self/maps") if re.search(r"/libhdf5(_serial)?\.so", l))
    assert ctypes.CDLL(path).H5Pset_chunk_opts(ctypes.c_int64(p.id), ctypes.c_uint(2)) >= 0
    d = h5d.create(f.id, b"raw_edges", h5t.STD_I32LE, h5s.create_simple((9, 70)), p)
    d.write(h5s.ALL, h5s.ALL, values((9, 70), "i4"))


def types(f):
    for t in ("<i1", "<u1", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c16"):
        f["n_" + t.replace("<", "le_").replace(">", "be_")] = values((5,), t)
    f["bool"] = np.array([True, False, True])
    f.create_dataset("enum", data=values((4,), "u1"), dtype=h5py.enum_dtype({"a": 0, "b": 1, "c": 2, "d": 3}, "u1"))
    f["fixed"] = np.array([b"ab", b"c", b""], "S5")
    f["char"] = np.array([b"a", b"c"], "S1")
    f["text"] = np.array(["grün", "", "plain"], dtype=object)
    f["text_scalar"] = "hello"
    f.create_dataset("text_chunked", data=np.array([["a", "bb"], ["ccc", "é"], ["", "f"]], dtype=object),
                     dtype=h5py.string_dtype(), chunks=(2, 2), maxshape=(None, 2), compression="gzip")
    f.create_dataset("text_unwritten", (4,), dtype=h5py.string_dtype(), chunks=(2,))
    f["opaque"] = np.array([b"abc", b"de\0"], "V3")
    f["record"] = np.array([(1, 2.5, b"x", [1, 2])], [("a", "<i4"), ("b", "<f8"), ("s", "S3"), ("v", "<i2", (2,))])
    f["record_holes"] = np.array([(1, 2.5), (3, 4.5)], np.dtype([("a", "i1"), ("b", "<f8")], align=True))
    f["record_nested"] = np.array([((1, 2), 3)], [("p", [("x", "<i2"), ("y", "<i2")]), ("z", "<i4")])
    d = f.create_dataset("array", (4,), np.dtype(("<i2", (2, 3))))
    d[...] = values((4, 2, 3), "<i2")
    d = f.create_dataset("array_chunked", (4,), np.dtype(("<i2", (3,))), chunks=(3,), compression="gzip")
    d[...] = values((4, 3), "<i2")
    # Refused by name.
    f["reference"] = np.array([f["bool"].ref], dtype=h5py.ref_dtype)
    d = f.create_dataset("sequence", (2,), dtype=h5py.vlen_dtype("i4"))
    d[0] = [1, 2]
    f.create_dataset("null", data=h5py.Empty("f4"))
    f.create_dataset("longdouble", data=np.zeros(2, np.longdouble))
    for name, pad in (("pad_space", h5t.STR_SPACEPAD), ("pad_term", h5t.STR_NULLTERM)):
        t = h5t.C_S1.copy(); t.set_size(6); t.set_strpad(pad)
        h5d.create(f.id, name.encode(), t, h5s.create_simple((2,))).write(h5s.ALL, h5s.ALL, np.frombuffer(b"ab    cd\0\0\0\0", "S6"), t)
    t = h5t.STD_I32LE.copy(); t.set_precision(17); t.set_offset(3)
    h5d.create(f.id, b"odd_bits", t, h5s.create_simple((5,))).write(h5s.ALL, h5s.ALL, np.array([-65536, -1, 0, 1, 65535], "<i4"))
    for name, size, fields, bias in (("bfloat16", 2, (15, 7, 8, 0, 7), 127), ("nbit_float", 4, (26, 20, 6, 7, 13), 31)):
        t = h5t.IEEE_F32LE.copy(); t.set_fields(*fields)
        if size == 4:
            t.set_offset(7); t.set_precision(20)
        t.set_size(size); t.set_ebias(bias)
        d = h5d.create(f.id, name.encode(), t, h5s.create_simple((5,)))
        d.write(h5s.ALL, h5s.ALL, np.array([0, 1.5, -2.25, 3e-3, 1e4], "<f4"), h5t.IEEE_F32LE)
    f["bits"] = values((4,), "u2")
    h5d.create(f.id, b"bitfield", h5t.STD_B16BE, h5s.create_simple((4,))).write(h5s.ALL, h5s.ALL, np.array([1, 2, 0xFFFF, 256], ">u2"), h5t.STD_B16BE)


def filters(f):
    d = values((20, 15), "i4")
    f.create_dataset("lzf", data=d, chunks=(8, 8), compression="lzf")
    f.create_dataset("lzf_shuffle", data=d, chunks=(8, 8), compression="lzf", shuffle=True)
    f.create_dataset("scaleoffset", data=d, chunks=(8, 8), scaleoffset=0)
    f.create_dataset("gzip9", data=d, chunks=(8, 8), compression="gzip", compression_opts=9)
    f.create_dataset("shuffle", data=d, chunks=(8, 8), shuffle=True)
    f.create_dataset("fletcher32", data=d, chunks=(8, 8), fletcher32=True)
    if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
        f.create_dataset("szip", data=d, chunks=(8, 8), compression="szip")
    f.create_dataset("noise", data=rng.integers(0, 256, (64,), dtype="u1"), chunks=(16,), compression="gzip")
    t = h5t.STD_I16LE.copy(); t.set_precision(9)
    p = h5p.create(h5p.DATASET_CREATE); p.set_chunk((4,))
    try:
        p.set_filter(h5py.h5z.FILTER_NBIT, 0)
        x = h5d.create(f.id, b"nbit", t, h5s.create_simple((10,)), p)
        x.write(h5s.ALL, h5s.ALL, np.arange(-5, 5).astype("<i2"))
    except Exception as e:
        print("nbit:", e)
    p = h5p.create(h5p.DATASET_CREATE); p.set_chunk((4,))
    p.set_filter(40000, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    x = h5d.create(f.id, b"unknown", h5t.STD_I16LE, h5s.create_simple((8,)), p)
    h5py.Dataset(x).id.write_direct_chunk((0,), b"\1\2\3\4\5\6\7\x08", filter_mask=1)
    h5py.Dataset(x).id.write_direct_chunk((4,), b"\1\2\3\4\5\6\7\x08", filter_mask=0)


def links(f):
    f["a"] = values((3,), "i4")
    f["hard"] = f["a"]
    f["soft"] = h5py.SoftLink("/a")
    f["dangling"] = h5py.SoftLink("/nope")
    f["g/b"] = values((2,), "i4")
    f["g/up"] = f["/"]
    f["external"] = h5py.ExternalLink("other.h5", "/z")
    f["external_group"] = h5py.ExternalLink("other.h5", "/deep")
    f["missing"] = h5py.ExternalLink("nowhere.h5", "/z")
    f["g/soft_group"] = h5py.SoftLink("/h")
    f["h/c"] = values((2, 2), "i4")


def scales(f):
    x = f.create_dataset("x", data=values((3,), "f8")); x.make_scale("X")
    x2 = f.create_dataset("x2", data=values((3,), "f8")); x2.make_scale()
    y = f.create_dataset("y", data=values((4,), "f8")); y.make_scale("Y")
    d = f.create_dataset("both", data=values((4, 3))); d.dims[0].attach_scale(y); d.dims[1].attach_scale(x)
    d = f.create_dataset("two", data=values((3,))); d.dims[0].attach_scale(x); d.dims[0].attach_scale(x2)
    d = f.create_dataset("g/below", data=values((3,))); d.dims[0].attach_scale(x)
    f["alone"] = values((7, 4))
    f["label"] = values((5,)); f["label"].dims[0].label = "name"


def phony(f):
    f["b"] = values((3, 3)); f["a"] = values((4, 3))
    f.create_dataset("c", data=values((3,)), maxshape=(None,), chunks=(3,))
    f["g/x"] = values((3, 5)); f["g/h/y"] = values((5, 5, 3)); f["z"] = 1.0; f["k/x"] = values((3, 5))


def attrs(f):
    d = f.create_dataset("v", data=values((3,)))
    for k, v in dict(i1=np.int8(-1), u1=np.uint8(200), i2=np.int16(-2), u2=np.uint16(60000), i4=np.int32(5), u4=np.uint32(4000000000),
                     i8=np.int64(-2**62), u8=np.uint64(2**64 - 1), f4=np.float32(2.5), f8=0.1, nan=np.float64("nan"), inf=np.float32("-inf"),
                     array=np.arange(3, dtype="i4"), one=np.array([5], "i2"), be=np.array([1, 2], ">i2"), text="grün", empty="",
                     strings=["a", "bc"], string1=["a"], bytes=np.bytes_(b"abc")).items():
        d.attrs[k] = v
    d.attrs["_FillValue"] = np.float32(-999)
    f.attrs["title"] = "root"
    f.create_group("g").attrs["n"] = np.arange(2.0)
    for i in range(20):
        f["g"].attrs[f"many{i}"] = i


def odd_attrs(f):
    d = f.create_dataset("v", data=values((3,)))
    d.attrs["bool"] = True
    d.attrs["bools"] = [True, False]
    d.attrs["null"] = h5py.Empty("f4")
    d.attrs["half"] = np.float16(1.5)
    d.attrs["two_d"] = np.arange(4, dtype="i4").reshape(2, 2)
    d.attrs["record"] = np.zeros(1, [("a", "i4")])[0]
    d.attrs["complex"] = 1 + 2j
    d.attrs["ref"] = d.ref
    d.attrs.create("enum", np.array(1, h5py.enum_dtype({"a": 0, "b": 1}, "u1")))
    d.attrs.create("none", np.zeros(0))
    d.attrs.create("fixed", np.array([b"ab", b"cde"]))
    d.attrs.create("latin1", np.bytes_("grün".encode("latin1")))


def write_netcdf(name, fmt="NETCDF4"):
    n = netCDF4.Dataset(name, "w", format=fmt)
    n.createDimension("time", None); n.createDimension("lat", 3); n.createDimension("lon", 4); n.createDimension("bare", 2)
    n.title = "a title"; n.version = np.int32(3)
    v = n.createVariable("time", "f8", ("time",)); v.units = "days since 2000-01-01"; v[:] = np.arange(5)
    v = n.createVariable("lat", "f4", ("lat",)); v[:] = np.arange(3)
    v = n.createVariable("tas", "f4", ("time", "lat", "lon"), zlib=True, shuffle=True, fill_value=1e20, chunksizes=(2, 3, 2)); v[:] = values((5, 3, 4))
    v.units = "K"; v.valid_range = np.array([0, 400], "f4")
    v = n.createVariable("short", "i2", ("lat", "time"), chunksizes=(2, 2)); v[:, 0:3] = values((3, 3), "i2")
    v = n.createVariable("late", "i2", ("time", "lat"), chunksizes=(1, 3))
    v = n.createVariable("bare", "i4", ("lon",)); v[:] = values((4,), "i4")
    v = n.createVariable("crs", "i4", ()); v[...] = 1; v.grid_mapping_name = "latitude_longitude"
    v = n.createVariable("flag", "S1", ("time", "bare")); v[:] = np.array([[b"a", b"b"]] * 5)
    if fmt == "NETCDF4":
        v = n.createVariable("name", str, ("lat",)); v[:] = np.array(["x", "grün", ""], dtype=object)
        g = n.createGroup("g"); g.createDimension("level", 2); g.createDimension("time2", None)
        v = g.createVariable("ta", "f4", ("time", "level", "lat")); v[0:5] = values((5, 2, 3)); v.units = "K"
        h = g.createGroup("h"); h.createDimension("lat", 2)
        v = h.createVariable("lat", "f8", ("lat",)); v[:] = [1, 2]
        v = h.createVariable("q", "f8", ("level", "lat")); v[:] = values((2, 2))
        e = n.createEnumType(np.uint8, "cloud_t", {"clear": 0, "cloudy": 1})
        v = n.createVariable("cloud", e, ("lat",)); v[:] = np.array([0, 1, 0], "u1")
        v = n.createVariable("lon", "f4", ("lat", "lon")); v[:] = values((3, 4))
        v = n.createVariable("xc", "f4", ("lat", "lon"), fletcher32=True); v[:] = values((3, 4))
    n.close()


def external():
    with open("raw.bin", "wb") as r:
        r.write(b"\xff" * 16 + values((4, 5), "<f4").tobytes())
    with h5py.File("external.h5", "w") as f:
        p = h5p.create(h5p.DATASET_CREATE); p.set_external(b"raw.bin", 16, 80)
        h5d.create(f.id, b"one", h5t.IEEE_F32LE, h5s.create_simple((4, 5)), p)
        p = h5p.create(h5p.DATASET_CREATE); p.set_external(b"raw.bin", 56, 40); p.set_external(b"raw.bin", 16, 40)
        h5d.create(f.id, b"pieces", h5t.IEEE_F32LE, h5s.create_simple((4, 5)), p)
        p = h5p.create(h5p.DATASET_CREATE); p.set_external(b"raw.bin", 56, 80)
        h5d.create(f.id, b"cut", h5t.IEEE_F32LE, h5s.create_simple((4, 5)), p)


def virtual():
    for i in range(3):
        with h5py.File(f"source{i}.h5", "w") as f:
            f.create_dataset("d", data=values((2, 6)) + 100 * i, chunks=(1, 3), compression="gzip")
            f.create_dataset("c", data=values((2, 6)) + 100 * i)
    with h5py.File("virtual.h5", "w", libver="latest") as f:
        for name in "dc":
            l = h5py.VirtualLayout((6, 6), "f4")
            for i in range(3):
                l[2 * i:2 * i + 2] = h5py.VirtualSource(f"source{i}.h5", name, (2, 6))
            f.create_virtual_dataset("by_file_" + name, l)
        l = h5py.VirtualLayout((5, 6), "f4")
        l[0:2] = h5py.VirtualSource("source0.h5", "d", (2, 6)); l[3:5] = h5py.VirtualSource("source2.h5", "d", (2, 6))
        f.create_virtual_dataset("gap", l, fillvalue=-1)
        l = h5py.VirtualLayout((6, 3), "f4")
        for i in range(3):
            l[2 * i:2 * i + 2] = h5py.VirtualSource(f"source{i}.h5", "d", (2, 6))[:, 1:4]
        f.create_virtual_dataset("crossing", l)
        l = h5py.VirtualLayout((3, 6), "f4")
        for i in range(3):
            l[i] = h5py.VirtualSource(f"source{i}.h5", "d", (2, 6))[1]
        f.create_virtual_dataset("rows", l)
        l = h5py.VirtualLayout((2, 6), "f4"); l[:] = h5py.VirtualSource("gone.h5", "d", (2, 6))
        f.create_virtual_dataset("missing", l, fillvalue=7)
        f["own"] = values((2, 3))
        l = h5py.VirtualLayout((2, 3), "f4"); l[:] = h5py.VirtualSource(".", "own", (2, 3))
        f.create_virtual_dataset("same_file", l)


for old in glob.glob("*.h5") + glob.glob("*.nc"):
    os.remove(old)
for name, fn, kw in (
    ("index_v1.h5", indexes, dict(libver="earliest")), ("index_v4.h5", indexes, dict(libver="latest")),
    ("layout_v1.h5", layouts, dict(libver="earliest")), ("layout_v4.h5", layouts, dict(libver="latest")),
    ("raw_edges.h5", raw_edges, dict(libver="latest")),
    ("types.h5", types, {}), ("filters.h5", filters, {}), ("links.h5", links, {}), ("scales.h5", scales, {}), ("phony.h5", phony, {}),
    ("attrs.h5", attrs, {}), ("attrs_v4.h5", attrs, dict(libver="latest")), ("odd_attrs.h5", odd_attrs, {}),
    ("userblock.h5", indexes, dict(libver="latest", userblock_size=512)),
):
    with h5py.File(name, "w", **kw) as f:
        fn(f)
with h5py.File("other.h5", "w") as f:
    f["z"] = values((4,)); f["deep/w"] = values((2,))
# Large indexes: B-trees of some depth, paged arrays, secondary blocks. Chunks of one byte keep the files small.
for name, kw in (("deep_v1.h5", dict(libver="earliest")), ("deep_v4.h5", dict(libver="latest"))):
    with h5py.File(name, "w", **kw) as f:
        n = 3000 if "v4" in name else 900
        def chunks(d, which):
            for i in which:
                d.id.write_direct_chunk((int(i),) + (0,) * (d.ndim - 1), bytes([i % 251]))
        if "v4" in name:
            chunks(f.create_dataset("fixed_paged", (n,), "u1", chunks=(1,), fillvalue=255), [*range(0, 700), *range(2100, 2500)])
            chunks(f.create_dataset("extensible", (n,), "u1", chunks=(1,), maxshape=(None,)), range(n - 1))
            chunks(f.create_dataset("extensible_paged", (70000,), "u1", chunks=(1,), maxshape=(None,), fillvalue=254), [*range(0, 40), *range(33000, 33100), *range(69000, 69050)])
            d = f.create_dataset("extensible_last", (2, 1500), "u1", chunks=(1, 1), maxshape=(2, None))
            for i in range(1500):
                d.id.write_direct_chunk((i % 2, i), bytes([i % 251]))
        d = f.create_dataset("btree", (n, 2), "u1", chunks=(1, 1), maxshape=(None, None))
        for i in range(n):
            d.id.write_direct_chunk((i, i % 2), bytes([i % 251]))
        d = f.create_dataset("btree_gz", (n // 2,), "u1", chunks=(1,), maxshape=(None,) if "v1" in name else None, compression="gzip", shuffle=True)
        for i in range(n // 2):
            d.id.write_direct_chunk((i,), bytes([i % 251]), filter_mask=3)
write_netcdf("groups.nc"); write_netcdf("classic.nc", "NETCDF4_CLASSIC")
external(); virtual()
# netCDF-C never ends in a file with a group that is linked to from below.
json.dump({n: describe.describe(n, netcdf=n != "links.h5") for n in sorted(glob.glob("*.h5") + glob.glob("*.nc"))}, open("expected.json", "w"), indent=0, sort_keys=True)
