"""Writes hdf5.json.gz and numcodecs.json.gz: chunks encoded by the real HDF5 filters (libhdf5 through h5py, and
its plugins) and by numcodecs, each with what it decodes to according to the same libraries.

Run: HDF5_PLUGIN_PATH=PLUGINS python3 make.py [FOLDER OF HDF5 FILES...]
PLUGINS holds the filters of Debian's hdf5-filter-plugin (lz4, bzip2), hdf5-filter-plugin-blosc-serial and bitshuffle.
No plugin for Zstandard is packaged: HDF5's filter 32015 is one plain frame, which numcodecs writes here.

A case of hdf5.json.gz is one chunk: its pipeline [[id, name, params]...], element size, raw bytes as stored
(H5Dread_chunk), filter mask, bytes as libhdf5 decodes them with no conversion of datatype, and whether numcodecs
decodes them too (null: not tried, since no numcodecs codec has the name).
"""

import base64
import glob
import gzip
import json
import sys

import h5py
import numcodecs
import numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z

rng = np.random.default_rng(20240229)
cases = []


def text(b):
    return base64.b64encode(bytes(b)).decode()


def chunk_case(name, ds, offset):
    """One whole chunk of an open dataset, undecoded and decoded."""
    plist = ds.id.get_create_plist()
    pipeline = []
    for i in range(plist.get_nfilters()):
        fid, _, params, fname = plist.get_filter(i)
        pipeline.append([fid, fname.decode(), list(params)])
    mask, raw = ds.id.read_direct_chunk(offset)
    ftype = ds.id.get_type()
    count = int(np.prod(ds.chunks))
    want = np.zeros(count * ftype.get_size(), "u1")
    space = ds.id.get_space()
    space.select_hyperslab(offset, ds.chunks)
    # numpy's bytes have no datatype of their own here: the file's type on both sides means no conversion
    h5d_read(ds, h5s.create_simple((count,)), space, want, ftype)
    cases.append(dict(name=name, pipeline=pipeline, elem=ftype.get_size(), mask=mask, raw=text(raw), want=text(want.tobytes())))
    return bytes(raw), want.tobytes(), mask


def h5d_read(ds, mspace, fspace, out, ftype):
    view = out.view(f"V{ftype.get_size()}")
    ds.id.read(mspace, fspace, view, mtype=ftype)


def make(name, data, chunks, setup, ftype=None, fill=None):
    with h5py.File("m.h5", "w", driver="core", backing_store=False) as f:
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk(chunks)
        if fill is not None:
            plist.set_fill_value(np.array(fill, data.dtype))
        setup(plist)
        ftype = ftype or h5t.py_create(data.dtype)
        try:
            d = h5d.create(f.id, b"d", ftype, h5s.create_simple(data.shape), plist)
        except ValueError as e:
            if "unusual datatype" not in str(e):
                raise
            print("libhdf5 refuses", name)
            return None
        d.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(data))
        return chunk_case(name, h5py.Dataset(d), (0,) * data.ndim)


def plug(fid, *params):
    return lambda p: p.set_filter(fid, h5z.FLAG_OPTIONAL, params)  # what doesn't shrink is stored, and masked


# Data that filters treat differently: smooth, constant, random, runs.
def smooth(n, t):
    x = 1000 * np.sin(np.arange(n) / 37) + 5 * rng.standard_normal(n)
    return (x if np.dtype(t).kind == "f" else np.abs(x) if np.dtype(t).kind == "u" else x).astype(t)


def noise(n, t):
    return np.frombuffer(rng.bytes(n * np.dtype(t).itemsize), t)


def runs(n, t):
    return np.repeat(rng.integers(0, 120, n // 50 + 1), 50)[:n].astype(t)


kinds = dict(smooth=smooth, noise=noise, runs=runs, zeros=lambda n, t: np.zeros(n, t))

# deflate, shuffle, fletcher32: odd sizes, every element size, alone and together
for t in ("u1", "<i2", ">i4", "<f8", "S3", "V16"):
    n = 501
    d = noise(n, t) if t[0] in "SV" else smooth(n, t)
    make(f"shuffle {t}", d, (n,), lambda p: p.set_shuffle())
    make(f"fletcher32 {t}", d, (n,), lambda p: p.set_fletcher32())
    make(f"shuffle deflate fletcher32 {t}", d, (n,), lambda p: (p.set_shuffle(), p.set_deflate(4), p.set_fletcher32()))
    make(f"fletcher32 shuffle {t}", d, (n,), lambda p: (p.set_fletcher32(), p.set_shuffle()))
    make(f"deflate shuffle {t}", d, (n,), lambda p: (p.set_deflate(1), p.set_shuffle()))
for level in (0, 1, 6, 9):
    make(f"deflate {level}", smooth(900, "<f4"), (900,), lambda p: p.set_deflate(level))

# szip: every depth, both codings, scan lines that don't fill blocks, lines shorter than 128 blocks
for coding in (h5z.SZIP_NN_OPTION_MASK, h5z.SZIP_EC_OPTION_MASK):
    label = "nn" if coding == h5z.SZIP_NN_OPTION_MASK else "ec"
    for t in ("u1", "i1", "<i2", ">i2", "<u4", ">i4", "<f4", ">f4", "<f8", ">f8"):
        for kind, gen in kinds.items():
            make(f"szip {label} {t} {kind}", gen(280, t).reshape(7, 40), (7, 40), lambda p: p.set_szip(coding, 8))
    for block in (2, 4, 10, 16, 32):
        for shape in ((7, 37), (3, 33), (2, 700), (1, 2500)):
            if shape[1] < block:
                continue
            d = runs(shape[0] * shape[1], "<i2").reshape(shape)
            make(f"szip {label} block {block} {shape}", d, shape, lambda p: p.set_szip(coding, block))
    # sparse: zero blocks, segments of 64, second extension
    sparse = np.zeros((3, 2000), "<i2")
    sparse[:, ::333] = 1
    sparse[2, :300] = rng.integers(0, 2, 300)
    for block in (4, 8, 16, 32):
        make(f"szip {label} sparse {block}", sparse, sparse.shape, lambda p: p.set_szip(coding, block))
for prec in (3, 9, 12, 17, 20, 24, 25, 31):
    t = h5t.STD_U32LE.copy()
    t.set_precision(prec)
    d = (noise(300, "<u4") & ((1 << prec) - 1)).astype("<u4")
    d[100:200] //= 7
    make(f"szip nn {prec} bits", d, (300,), lambda p: p.set_szip(h5z.SZIP_NN_OPTION_MASK, 8), t)

# nbit: offsets, precisions, both orders, compound, array, strings, nested
nbit = lambda p: p.set_filter(h5z.FILTER_NBIT)
for base, t in ((h5t.STD_I32LE, "<i4"), (h5t.STD_I32BE, ">i4"), (h5t.STD_U16LE, "<u2"), (h5t.STD_I64BE, ">i8"), (h5t.STD_U8LE, "u1")):
    bits = 8 * np.dtype(t).itemsize
    for prec, off in ((bits - 1, 0), (bits - 1, 1), (bits // 2, bits // 4), (1, 3), (3, bits - 3), (bits // 2 + 1, 2)):
        ft = base.copy()
        ft.set_precision(prec)
        ft.set_offset(off)
        make(f"nbit {t} {prec} at {off}", noise(77, t), (77,), nbit, ft)
f = h5t.IEEE_F32LE.copy()
f.set_fields(26, 20, 6, 7, 13)
f.set_offset(7)
f.set_precision(20)
f.set_ebias(31)
make("nbit float 20 at 7", smooth(50, "<f4") / 100, (50,), nbit, f)


def compound():
    a = h5t.STD_I32LE.copy()
    a.set_precision(13)
    a.set_offset(5)
    b = h5t.STD_U16BE.copy()
    b.set_precision(9)
    inner = h5t.create(h5t.COMPOUND, 12)
    inner.insert(b"x", 1, b)
    inner.insert(b"y", 4, h5t.IEEE_F32LE)
    arr = h5t.array_create(a, (3, 2))
    s = h5t.C_S1.copy()
    s.set_size(5)
    t = h5t.create(h5t.COMPOUND, 80)
    t.insert(b"a", 2, a)
    t.insert(b"arr", 8, arr)
    t.insert(b"s", 33, s)
    t.insert(b"in", 40, inner)
    t.insert(b"ain", 56, h5t.array_create(inner, (2,)))
    return t, a, s, arr


ct, at, st, arrt = compound()
with h5py.File("m.h5", "w", driver="core", backing_store=False) as f:
    for name, t in (("compound", ct), ("array", arrt), ("array of strings", h5t.array_create(st, (3,)))):
        p = h5p.create(h5p.DATASET_CREATE)
        p.set_chunk((30,))
        try:
            nbit(p)
            d = h5d.create(f.id, name.encode(), t, h5s.create_simple((30,)), p)
        except Exception as e:
            print("nbit", name, e)
            continue
        data = np.frombuffer(rng.bytes(30 * t.get_size()), f"V{t.get_size()}")
        d.write(h5s.ALL, h5s.ALL, data, mtype=t)
        chunk_case(f"nbit {name}", h5py.Dataset(d), (0,))

# scale-offset: integers (given and found widths, fill values, full range), decimal floats
for t in ("u1", "i1", "<u2", ">i2", "<i4", ">u4", "<i8", ">i8"):
    for width in (0, 3, 7, 8 * np.dtype(t).itemsize):
        for fill in (None, 5):
            d = (smooth(200, t) % 7 + 1).astype(t)
            d[50:60] = 5
            make(f"scaleoffset {t} {width} fill {fill}", d, (200,), lambda p: p.set_scaleoffset(h5z.SO_INT, width), fill=fill)
    for kind in ("noise", "zeros"):
        make(f"scaleoffset {t} {kind}", kinds[kind](99, t), (99,), lambda p: p.set_scaleoffset(h5z.SO_INT, 0))
    d = np.full(64, 9, t)
    make(f"scaleoffset {t} all fill", d, (64,), lambda p: p.set_scaleoffset(h5z.SO_INT, 0), fill=9)
for t in ("<f4", ">f4", "<f8", ">f8"):
    for digits in (0, 1, 2, 3, 5):
        for fill in (None, -9999.0):
            d = smooth(200, t)
            if fill is not None:
                d[20:40] = fill
            make(f"scaleoffset {t} 10^{digits} fill {fill}", d, (200,), lambda p: p.set_scaleoffset(h5z.SO_FLOAT_DSCALE, digits), fill=fill)
    make(f"scaleoffset {t} constant", np.full(33, 2.5, t), (33,), lambda p: p.set_scaleoffset(h5z.SO_FLOAT_DSCALE, 2))
    make(f"scaleoffset {t} large", smooth(33, t) * 1e9, (33,), lambda p: p.set_scaleoffset(h5z.SO_FLOAT_DSCALE, 4))

def zstd(name, data, elem):
    raw = numcodecs.Zstd(5).encode(data)
    cases.append(dict(name=name, pipeline=[[32015, "zstd", [5]]], elem=elem, mask=0, raw=text(raw), want=text(data)))


# the plugins
compressors = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
for kind, gen in kinds.items():
    for t in ("u1", "<i2", "<f4", "<f8"):
        for n in (7, 403):
            d = gen(n, t)
            make(f"lz4 {kind} {t} {n}", d, (n,), plug(32004, 256))
            zstd(f"zstd {kind} {t} {n}", d.tobytes(), d.itemsize)
            make(f"bzip2 {kind} {t} {n}", d, (n,), plug(307, 2))
            make(f"lzf {kind} {t} {n}", d, (n,), lambda p: p.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL))
            for c in (0, 2, 3):
                for nelems in (0, 64):
                    make(f"bitshuffle {c} {nelems} {kind} {t} {n}", d, (n,), plug(32008, nelems, c))
make("bitshuffle V3", noise(1003, "V3"), (1003,), plug(32008, 0, 2))
make("bitshuffle default block", smooth(6000, "<i2"), (6000,), plug(32008, 0, 0))
make("lz4 default block", smooth(1200, "<f4"), (1200,), plug(32004))
for i, c in enumerate(compressors):
    for s in (0, 1, 2):
        for t, n in (("<f4", 603), ("<f8", 9), ("<i2", 320), ("u1", 300), ("V24", 40), ("<f4", 140), ("<f8", 129)):
            for kind in ("smooth", "runs", "noise", "zeros"):
                if t[0] == "V" and kind != "noise":
                    continue
                d = kinds[kind](n, t)
                make(f"blosc {c} {s} {t} {kind}", d, (n,), plug(32001, 0, 0, 0, 0, 5, s, i))
# long matches at long distances, and several blocks
far = np.concatenate([noise(8600, "u1"), np.zeros(600, "u1")])
far = np.concatenate([far, far, runs(3000, "u1")])
for c in ("blosclz", "lz4", "zstd"):
    make(f"blosc {c} far", far, far.shape, plug(32001, 0, 0, 0, 0, 9, 0, compressors.index(c)))
big = runs(80000, "<f4") % 3
for c in ("blosclz", "lz4", "zlib"):
    make(f"blosc {c} blocks", big, big.shape, plug(32001, 0, 0, 0, 0, 1, 1, compressors.index(c)))
make("lzf far", far, far.shape, lambda p: p.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL))

# everything at once
make("shuffle szip deflate fletcher32 nbit", smooth(400, "<i4"), (400,),
     lambda p: (p.set_shuffle(), p.set_szip(h5z.SZIP_EC_OPTION_MASK, 4), p.set_deflate(5), p.set_fletcher32(), nbit(p)))

# real files
for folder in sys.argv[1:]:
    for path in sorted(glob.glob(folder + "/*")):
        short = path.rsplit("/", 1)[-1]
        found = []
        try:
            with h5py.File(path, "r") as f:
                f.visititems(lambda n, o: found.append(n) if isinstance(o, h5py.Dataset) and o.chunks else None)
                for n in found:
                    d = f[n]
                    p = d.id.get_create_plist()
                    ids = [p.get_filter(i)[0] for i in range(p.get_nfilters())]
                    if not set(ids) & {4, 5, 6, 307, 32000, 32001, 32004, 32008} or any(c > s for c, s in zip(d.chunks, d.shape)):
                        continue
                    chunk_case(f"{short} {n}", d, (0,) * d.ndim)
        except Exception as e:
            print(short, e)

# Which of the filters numcodecs really decodes: the claim of Config, put to the test.
twins = {
    1: lambda p: numcodecs.Zlib(p[0]), 2: lambda p: numcodecs.Shuffle(p[0]), 3: lambda p: numcodecs.Fletcher32(),
    307: lambda p: numcodecs.BZ2(p[0]), 32001: lambda p: numcodecs.Blosc(), 32004: lambda p: numcodecs.LZ4(), 32015: lambda p: numcodecs.Zstd(p[0]),
}
tally = {}
for c in cases:
    c["numcodecs"] = None
    if c["mask"] or any(f[0] not in twins for f in c["pipeline"]):
        continue
    b = base64.b64decode(c["raw"])
    try:
        for fid, _, params in reversed(c["pipeline"]):
            b = bytes(numcodecs.compat.ensure_bytes(twins[fid](params).decode(b)))
        c["numcodecs"] = b == base64.b64decode(c["want"])
    except Exception as e:
        c["numcodecs"] = False
    key = "+".join(f[1] for f in c["pipeline"])
    tally.setdefault(key, [0, 0])[0 if c["numcodecs"] else 1] += 1
print("numcodecs decodes / doesn't:", tally)


def save(name, what):
    with open(name, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as z:
        z.write(json.dumps(what, indent=0).encode())


save("hdf5.json.gz", cases)

# numcodecs' own
own = []
try:
    snappy = bool(numcodecs.Blosc("snappy").encode(b"abc"))
except ValueError as e:
    snappy = False
    print("no snappy in this libblosc:", e)
for kind, gen in kinds.items():
    for t, n in (("<f4", 520), ("<i2", 300), ("u1", 3)):
        d = gen(n, t)
        for c in (numcodecs.Zlib(4), numcodecs.GZip(4), numcodecs.Shuffle(d.itemsize), numcodecs.Fletcher32(), numcodecs.Zstd(3),
                  numcodecs.LZ4(), numcodecs.BZ2(3), *(numcodecs.Blosc(c, 5, s) for c in compressors for s in (0, 1, 2) if c != "snappy" or snappy)):
            raw = bytes(c.encode(np.ascontiguousarray(d).view("u1")) if not isinstance(c, numcodecs.Blosc) else c.encode(d))
            own.append(dict(name=f"{c.codec_id} {kind} {t}", config=c.get_config(), raw=text(raw), want=text(d.tobytes())))
strings = ["", "a", "é水", "x" * 300]
own.append(dict(name="vlen-utf8", config=numcodecs.VLenUTF8().get_config(), raw=text(numcodecs.VLenUTF8().encode(np.array(strings, object))), strings=strings, want=""))
save("numcodecs.json.gz", own)
print(len(cases), len(own), h5py.version.hdf5_version, numcodecs.__version__)
