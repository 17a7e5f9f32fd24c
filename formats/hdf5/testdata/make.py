#!/usr/bin/env python3
"""Makes the fixtures of this folder and expected.json, what libhdf5 says of them.

Run it in this folder with h5py (made with h5py 3.14 over libhdf5 2.0): python3 make.py
Needs libhdf5 as a shared library, the one that h5py itself uses: a few properties that h5py doesn't wrap
(shared message tables, filters of a group's heap) are set through ctypes.
"""
import ctypes, glob, hashlib, json, os, re
import h5py, numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5p, h5r, h5s, h5t

def library():
    with open("/proc/self/maps") as m:
        return ctypes.CDLL(re.search(r"\S*/libhdf5(?:_serial)?[-.\w]*\.so[.\d]*", m.read()).group())
LIB = library()
hid = ctypes.c_int64
LIB.H5Pset_shared_mesg_nindexes.argtypes = [hid, ctypes.c_uint]
LIB.H5Pset_shared_mesg_index.argtypes = [hid, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint]
LIB.H5Pset_deflate.argtypes = [hid, ctypes.c_uint]
LIB.H5Tset_precision.argtypes = LIB.H5Tset_offset.argtypes = [hid, ctypes.c_size_t]
for n in "offset", "precision", "order": getattr(LIB, "H5Tget_" + n).argtypes = [hid]

def ok(status):
    assert status >= 0

def new(name, low, high="latest", fcpl=None):
    fapl = h5p.create(h5p.FILE_ACCESS)
    v = {"earliest": h5f.LIBVER_EARLIEST, "v18": h5f.LIBVER_V18, "v110": h5f.LIBVER_V110, "v112": h5f.LIBVER_V112, "latest": h5f.LIBVER_LATEST}
    fapl.set_libver_bounds(v[low], v[high])
    return h5py.File(h5f.create(name.encode(), h5f.ACC_TRUNC, fcpl=fcpl, fapl=fapl))

def types(f):
    """Every class of datatype, as datasets and as attributes."""
    f.create_dataset("int", data=np.arange(6, dtype="<i2").reshape(2, 3))
    f.create_dataset("uint_big", data=np.arange(3, dtype=">u4"))
    for n in "<f2", ">f4", "<f8": f.create_dataset("float_" + n[1:], data=np.arange(3, dtype=n))
    f.create_dataset("bool", data=np.array([True, False]))
    f.create_dataset("complex", data=np.array([1 + 2j], dtype="c8"))
    f.create_dataset("enum", data=np.array([1, 0], dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1, "longer than eight": 300}, basetype="<i2")))
    f.create_dataset("opaque", data=np.array([b"abc", b"defg"], dtype="V5"))
    f.create_dataset("array", (2,), dtype=np.dtype(("<f4", (2, 3))))
    c = np.dtype({"names": ["a", "bcdefghij", "s", "in"], "formats": ["<i1", ">f8", "S5", [("x", "<u2"), ("y", "<f4", (2,))]], "offsets": [0, 8, 16, 300], "itemsize": 320})
    f.create_dataset("compound", data=np.zeros(2, dtype=c))
    f.create_dataset("vlen", (2,), dtype=h5py.vlen_dtype("<i4"))
    f["vlen"][0] = [1, 2, 3]
    f.create_dataset("string_vlen", data=np.array(["grün", "", "x" * 300], dtype=object), dtype=h5py.string_dtype())
    for i, (pad, cset) in enumerate([(h5t.STR_NULLTERM, h5t.CSET_ASCII), (h5t.STR_NULLPAD, h5t.CSET_UTF8), (h5t.STR_SPACEPAD, h5t.CSET_ASCII)]):
        t = h5t.C_S1.copy(); t.set_size(6 + i); t.set_strpad(pad); t.set_cset(cset)
        h5d.create(f.id, b"string%d" % i, t, h5s.create_simple((2,)))
    t = h5t.STD_B16BE.copy(); ok(LIB.H5Tset_precision(t.id, 9)); ok(LIB.H5Tset_offset(t.id, 3))
    h5d.create(f.id, b"bitfield", t, h5s.create_simple((1,)))
    t = h5t.STD_I32LE.copy(); t.set_precision(17); t.set_offset(5)
    h5d.create(f.id, b"odd_int", t, h5s.create_simple((1,)))
    t = h5t.IEEE_F32LE.copy(); t.set_fields(26, 20, 6, 0, 20); t.set_precision(27); t.set_ebias(31)
    h5d.create(f.id, b"odd_float", t, h5s.create_simple((1,)))
    f.create_dataset("object_ref", data=np.array([f["int"].ref, f.ref], dtype=h5py.ref_dtype))
    f.create_dataset("region_ref", data=np.array([f["int"].regionref[0:1, 1:3]], dtype=h5py.regionref_dtype))
    f["named"] = np.dtype("<i4")
    f.create_dataset("of_named", (1,), dtype=f["named"])
    f["named"].attrs["on a type"] = 1
    f["int"].attrs.create("of named", 5, dtype=f["named"])
    for n in list(f):
        if isinstance(f[n], h5py.Dataset) and n not in ("int", "of_named"):
            s = h5s.create_simple((2, 1))
            h5a.create(f["int"].id, n.encode(), f[n].id.get_type(), s)
    f["int"].attrs["text"] = "äöü"
    f["int"].attrs["fixed"] = np.bytes_("abc")
    f["int"].attrs["null"] = h5py.Empty("f4")
    f["int"].attrs["texts"] = np.array(["a", "bb", ""], dtype=object)
    f["int"].attrs["refs"] = np.array([f["enum"].ref, f["named"].ref], dtype=h5py.ref_dtype)
    f["int"].attrs["matrix"] = np.arange(6, dtype=">i8").reshape(3, 2)

def layouts(f):
    """Every layout and kind of chunk index, fill values, filters, extents."""
    f.create_dataset("scalar", data=1.5)
    f.create_dataset("null", data=h5py.Empty("i4"))
    f.create_dataset("zero", (0, 3), "i4")
    f.create_dataset("unwritten", (4,), "i4")
    dc = h5p.create(h5p.DATASET_CREATE); dc.set_layout(h5d.COMPACT)
    d = h5py.Dataset(h5d.create(f.id, b"compact", h5t.STD_I16LE, h5s.create_simple((5,)), dcpl=dc)); d[...] = range(5)
    f.create_dataset("fixed", data=np.arange(24, dtype="i4").reshape(4, 6), chunks=(2, 4), compression="gzip", shuffle=True)
    f.create_dataset("extensible", data=np.arange(24, dtype="i4").reshape(4, 6), chunks=(2, 4), maxshape=(None, 6), fletcher32=True)
    f.create_dataset("btree", data=np.arange(24, dtype="i4").reshape(4, 6), chunks=(2, 4), maxshape=(None, None))
    f.create_dataset("single", data=np.arange(24, dtype="i4").reshape(4, 6), chunks=(4, 6))
    f.create_dataset("single_gzip", data=np.arange(24, dtype="i4").reshape(4, 6), chunks=(4, 6), compression=3)
    dc = h5p.create(h5p.DATASET_CREATE); dc.set_chunk((2, 3)); dc.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    h5d.create(f.id, b"implicit", h5t.STD_I32LE, h5s.create_simple((4, 6)), dcpl=dc)
    f.create_dataset("scaleoffset", (8,), "i4", chunks=(4,), scaleoffset=4)
    f.create_dataset("lzf", (8,), "i4", chunks=(4,), compression="lzf")
    f.create_dataset("fill", (4,), "<f8", fillvalue=np.nan)
    dc = h5p.create(h5p.DATASET_CREATE); dc.set_fill_time(h5d.FILL_TIME_NEVER); dc.set_external(b"raw file.bin", 7, 8); dc.set_external(b"b.bin", 0, 100)
    h5d.create(f.id, b"external", h5t.STD_I32LE, h5s.create_simple((4,)), dcpl=dc)
    dc = h5p.create(h5p.DATASET_CREATE)
    LIB.H5Pset_fill_value.argtypes = [hid, hid, ctypes.c_void_p]
    ok(LIB.H5Pset_fill_value(dc.id, h5t.STD_I32LE.id, None))
    h5d.create(f.id, b"fill_undefined", h5t.STD_I32LE, h5s.create_simple((4,)), dcpl=dc)

def virtual(f):
    lay = h5py.VirtualLayout((4, 10), "i4", maxshape=(None, 10))
    for i in range(3):
        lay[i] = h5py.VirtualSource("a.h5" if i < 2 else "b.h5", "/d", shape=(10,))
    f.create_virtual_dataset("rows", lay, fillvalue=-1)
    def low(name, vspace, maps):
        dc = h5p.create(h5p.DATASET_CREATE); dc.set_layout(h5d.VIRTUAL)
        for vs, file, ds, ss in maps: dc.set_virtual(vs, file, ds, ss)
        h5d.create(f.id, name, h5t.STD_I32LE, vspace, dcpl=dc)
    U = h5s.UNLIMITED
    v = h5s.create_simple((0, 4), (U, 4)); s = h5s.create_simple((0, 4), (U, 4))
    vs = v.copy(); vs.select_hyperslab((0, 0), (U, 1), stride=(1, 1), block=(1, 4))
    ss = s.copy(); ss.select_hyperslab((0, 0), (U, 1), stride=(1, 1), block=(1, 4))
    low(b"unlimited", v, [(vs, b".", b"/src", ss)])
    vs = v.copy(); vs.select_hyperslab((0, 0), (U, 1), stride=(2, 1), block=(2, 4))
    s2 = h5s.create_simple((2, 4)); s2.select_all()
    low(b"printf", v, [(vs, b"part%b.h5", b"/d%%%b", s2)])
    v = h5s.create_simple((8, 8)); vs = v.copy(); vs.select_hyperslab((0, 0), (1, 1), block=(2, 2)); vs.select_hyperslab((4, 5), (1, 1), block=(1, 3), op=h5s.SELECT_OR)
    s = h5s.create_simple((70000,)); s.select_hyperslab((69000,), (7,), stride=(3,), block=(1,))
    low(b"irregular", v, [(vs, b"x.h5", b"/x", s)])

def links(f, n):
    g = f.create_group("g")
    d = f.create_dataset("g/d", data=1)
    f["hard"] = d
    g["loop"] = f["/"]
    f["soft"] = h5py.SoftLink("/g/d")
    f["soft_relative"] = h5py.SoftLink("g/../g/d")
    f["dangling"] = h5py.SoftLink("/nowhere")
    f["self"] = h5py.SoftLink("/self")
    f["external"] = h5py.ExternalLink("other file.h5", "/a/b")
    f["a long name, with / no slash äöü".replace("/", "-")] = h5py.SoftLink("x" * 500)
    many = f.create_group("many")
    for i in range(n): many["l%03d" % (i * 7 % n)] = d
    t = f.create_group("tracked", track_order=True)
    for i in range(n // 3): t["t%03d" % (i * 7 % (n // 3))] = h5py.SoftLink("/g/%d" % i)
    few = f.create_group("few_tracked", track_order=True)
    for k in "zya": few[k] = d
    f.create_group("empty")

def attributes(f, n):
    few = f.create_dataset("few", data=0, track_order=True)
    for k in "zmab": few.attrs[k] = k * 3
    del few.attrs["m"]
    few.attrs["c"] = "c"  # the order of creation now has a gap
    many = f.create_dataset("many", data=0)
    for i in range(n): many.attrs["name%d" % (i * 7 % n)] = np.arange(i, dtype="i2")
    t = f.create_dataset("many_tracked", data=0, track_order=True)
    for i in range(n): t.attrs["name%d" % (i * 7 % n)] = i
    g = f.create_group("on_group")
    for i in range(n): g.attrs["n%d" % i] = "text %d" % i
    many.attrs["large"] = np.arange(3000, dtype="i2")

def make():
    for low in "earliest", "v18", "latest":
        with new(f"types_{low}.h5", low) as f: types(f)
    for low in "earliest", "v110", "latest":
        with new(f"layouts_{low}.h5", low) as f: layouts(f)
    for low in "earliest", "latest":
        with new(f"links_{low}.h5", low) as f: links(f, 300)
        with new(f"attributes_{low}.h5", low) as f: attributes(f, 60)
    for low in "v110", "latest":
        with new(f"virtual_{low}.h5", low) as f: virtual(f)
    # More links than one indirect block of the heap and one level of the B-tree hold.
    with new("deep.h5", "v18") as f:
        g = f.create_group("g")
        for i in range(1500): g["link number %04d with a fairly long name to fill the blocks" % (i * 7 % 1500)] = h5py.SoftLink("x")
    # User blocks; the second file's was added afterwards, without changing the superblock.
    for low in "earliest", "latest":
        fcpl = h5p.create(h5p.FILE_CREATE); fcpl.set_userblock(1024)
        with new(f"userblock_{low}.h5", low, fcpl=fcpl) as f: links(f, 20); f.create_dataset("vlen", data=["a", "bc"])
    with new("plain.h5", "earliest") as f: f.create_dataset("d", data=np.arange(3)); f["d"].attrs["a"] = "text"
    with open("plain.h5", "rb") as p, open("prepended.h5", "wb") as o: o.write(bytes(512) + p.read())
    os.remove("plain.h5")
    # Small addresses. libhdf5 makes a link heap only for addresses of 4 bytes or more, an attribute heap only for 8.
    for size in 2, 4:
        for low in "earliest", "v18":
            fcpl = h5p.create(h5p.FILE_CREATE); fcpl.set_sizes(size, size)
            with new(f"sizes{size}_{low}.h5", low, fcpl=fcpl) as f:
                g = f.create_group("g")
                for i in range(5 if size == 2 else 20): g["%x" % i] = f
                d = f.create_dataset("d", data=0, maxshape=None)
                for i in range(7): d.attrs["%x" % i] = np.arange(i, dtype="i1")
                f.create_dataset("chunked", (4,), "i4", chunks=(2,), maxshape=(None,))
    # A group whose heap is compressed: direct blocks, the root indirect block's children, huge objects.
    for n in 20, 400:
        with new(f"filtered_heap{n}.h5", "v18") as f:
            gc = h5p.create(h5p.GROUP_CREATE); ok(LIB.H5Pset_deflate(gc.id, 6))
            g = h5py.Group(h5g.create(f.id, b"g", gcpl=gc))
            for i in range(n): g["name %03d" % i] = h5py.SoftLink("target %d" % i)
            g["huge"] = h5py.SoftLink("x" * 9000)
            # More than the direct blocks of the root indirect block hold.
            for i in range(0 if n == 20 else 250): g["large %03d" % i] = h5py.SoftLink(("%d" % i) * 1200)
    # Metadata in a cache image, where its own addresses have nothing yet.
    fapl = h5p.create(h5p.FILE_ACCESS); fapl.set_libver_bounds(h5f.LIBVER_LATEST, h5f.LIBVER_LATEST)
    class Config(ctypes.Structure): _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("resize", ctypes.c_bool), ("ageout", ctypes.c_int)]
    LIB.H5Pset_mdc_image_config.argtypes = [hid, ctypes.POINTER(Config)]
    ok(LIB.H5Pset_mdc_image_config(fapl.id, Config(1, True, False, -1)))
    with h5py.File(h5f.create(b"cache_image.h5", h5f.ACC_TRUNC, fapl=fapl)) as f: links(f, 30); attributes(f.create_group("a"), 12); f.create_dataset("chunked", data=np.arange(20), chunks=(3,), maxshape=(None,))
    # Shared messages: dataspaces, datatypes, fill values, pipelines and attributes in one heap or two.
    for name, flags in ("shared1", [0x02 | 0x08 | 0x20 | 0x800 | 0x1000]), ("shared2", [0x02 | 0x08, 0x1000]):
        fcpl = h5p.create(h5p.FILE_CREATE)
        ok(LIB.H5Pset_shared_mesg_nindexes(fcpl.id, len(flags)))
        for i, x in enumerate(flags): ok(LIB.H5Pset_shared_mesg_index(fcpl.id, i, x, 16))
        with new(f"{name}.h5", "earliest" if name == "shared2" else "latest", fcpl=fcpl) as f:
            for i in range(6):
                d = f.create_dataset("d%d" % i, (4, 6), "<f8", chunks=(2, 6), compression="gzip", shuffle=True, fillvalue=2.5)
                for j in range(12 if i == 0 else 2): d.attrs["attribute %d" % j] = "a value of some length %d" % (j % 2)

def typ(t):
    """A datatype as the library describes it."""
    c = t.get_class()
    o = {"class": int(c), "size": t.get_size()}
    if c == h5t.STRING and t.is_variable_str(): o["class"] = 9; o["string"] = True
    if c in (h5t.VLEN, h5t.REFERENCE) or "string" in o: o["size"] = 0  # the library gives that in memory
    if c in (h5t.INTEGER, h5t.FLOAT, h5t.BITFIELD):
        o.update(big=LIB.H5Tget_order(t.id) == h5t.ORDER_BE, offset=LIB.H5Tget_offset(t.id), precision=LIB.H5Tget_precision(t.id))
    if c == h5t.INTEGER: o["signed"] = t.get_sign() == h5t.SGN_2
    if c == h5t.FLOAT: o.update(fields=list(t.get_fields()), bias=t.get_ebias(), norm={h5t.NORM_NONE: 0, h5t.NORM_MSBSET: 1, h5t.NORM_IMPLIED: 2}[t.get_norm()])
    if c == h5t.STRING: o.update(padding=int(t.get_strpad()), utf8=t.get_cset() == h5t.CSET_UTF8)
    if c == h5t.OPAQUE: o["tag"] = t.get_tag().decode()
    if c == h5t.REFERENCE: o["region"] = bool(t.equal(h5t.STD_REF_DSETREG))
    if c == h5t.ENUM: o.update(base=typ(t.get_super()), values=[[t.get_member_name(i).decode(), int(t.get_member_value(i))] for i in range(t.get_nmembers())])
    if c == h5t.VLEN or c == h5t.ARRAY: o["base"] = typ(t.get_super())
    if c == h5t.ARRAY: o["dims"] = list(t.get_array_dims())
    if c == h5t.COMPOUND: o["members"] = [[t.get_member_name(i).decode(), t.get_member_offset(i), typ(t.get_member_type(i))] for i in range(t.get_nmembers())]
    return o

def dims(space, o):
    if space.get_simple_extent_type() == h5s.NULL: o["null"] = True; return
    o["dims"] = list(space.get_simple_extent_dims()); o["max"] = [int(m) if m != h5s.UNLIMITED else -1 for m in space.get_simple_extent_dims(True)]

def plain(t):
    """Whether elements are the same bytes in memory as in the file."""
    c = t.get_class()
    if c in (h5t.VLEN, h5t.REFERENCE) or c == h5t.STRING and t.is_variable_str(): return False
    if c == h5t.ARRAY: return plain(t.get_super())
    return c != h5t.COMPOUND or all(plain(t.get_member_type(i)) for i in range(t.get_nmembers()))

def attribute(o, name):
    a = h5a.open(o.id, name)
    t, s = a.get_type(), a.get_space()
    out = {"name": name.decode(), "type": typ(t)}
    dims(s, out)
    n = s.get_simple_extent_npoints()
    if "null" not in out and plain(t) and n:
        raw = np.empty(n, dtype=np.dtype((np.void, t.get_size())))
        LIB.H5Aread.argtypes = [hid, hid, ctypes.c_void_p]; ok(LIB.H5Aread(a.id, t.id, raw.ctypes.data))
        out["sha256"] = hashlib.sha256(raw.tobytes()).hexdigest()
    elif t.get_class() == h5t.STRING and n and name != b"string_vlen":
        v = np.atleast_1d(o.attrs[name.decode()]); out["strings"] = [x if isinstance(x, str) else x.decode() for x in v.flat]
    elif name == b"refs": out["refs"] = [int(h5o.get_info(o.file[r].id).addr) for r in o.attrs["refs"]]
    return out

def selection(s):
    k = s.get_select_type()
    if k == h5s.SEL_ALL: return {"all": True}
    if s.is_regular_hyperslab():
        return {"hyper": [[int(x) if x != h5s.UNLIMITED else -1 for x in part] for part in s.get_regular_hyperslab()]}
    return {"blocks": s.get_select_hyper_blocklist().tolist()}

def dataset(d):
    p = d.id.get_create_plist(); lay = p.get_layout()
    out = {"type": typ(d.id.get_type()), "layout": int(lay), "chunk": list(d.chunks or [])}
    dims(d.id.get_space(), out)
    out["filters"] = [[f[0], f[1] & 1, list(f[2]), f[3].decode()] for f in (p.get_filter(i) for i in range(p.get_nfilters()))]
    if lay == h5d.CONTIGUOUS: out["offset"] = d.id.get_offset() if d.id.get_offset() is not None else -1
    out["external"] = [list(p.get_external(i)) for i in range(p.get_external_count())]
    for e in out["external"]: e[0] = e[0].decode()
    out["fill"] = int(p.fill_value_defined()); out["fill_time"] = int(p.get_fill_time()); out["alloc_time"] = int(p.get_alloc_time())
    if out["fill"] == h5d.FILL_VALUE_USER_DEFINED and d.dtype.kind in "if":
        v = np.zeros((), d.dtype); p.get_fill_value(v); out["fill_value"] = v.tobytes().hex()
    if lay == h5d.COMPACT: out["data"] = hashlib.sha256(np.ascontiguousarray(d[()]).tobytes()).hexdigest()
    if lay == h5d.VIRTUAL:
        out["mappings"] = [[p.get_virtual_filename(i), p.get_virtual_dsetname(i), selection(p.get_virtual_srcspace(i)), selection(p.get_virtual_vspace(i))] for i in range(p.get_virtual_count())]
    return out

def link(g, name):
    l = g.get(name, getlink=True); o = {"name": name}
    if isinstance(l, h5py.SoftLink): o["soft"] = l.path if len(l.path) < 1000 else "sha256:" + hashlib.sha256(l.path.encode()).hexdigest()
    elif isinstance(l, h5py.ExternalLink): o["external"] = [l.filename, l.path]
    else: o["address"] = int(h5o.get_info(g[name].id).addr)
    return o

def names(g):
    try: g.id.links.iterate(lambda n: None, idx_type=h5py.h5.INDEX_CRT_ORDER); order = h5py.h5.INDEX_CRT_ORDER
    except Exception: order = h5py.h5.INDEX_NAME
    out = []; g.id.links.iterate(lambda n: out.append(n.decode()), idx_type=order)
    return out

def expect(name):
    objects = {}
    with h5py.File(name) as f:
        base = f.userblock_size or (512 if name == "prepended.h5" else 0)
        def visit(path, o):
            at = int(h5o.get_info(o.id).addr)
            if str(at) in objects: return
            e = objects[str(at)] = {"path": path}
            e["ordered"] = not isinstance(o, h5py.Datatype) and o.id.get_create_plist().get_attr_creation_order() != 0
            by = h5py.h5.INDEX_CRT_ORDER if e["ordered"] else h5py.h5.INDEX_NAME
            e["attributes"] = [attribute(o, h5a.open(o.id, index=i, index_type=by).get_name()) for i in range(h5a.get_num_attrs(o.id))]
            if isinstance(o, h5py.Group):
                ns = names(o); e["links"] = [link(o, n) for n in ns]
                for n in ns:
                    if isinstance(o.get(n, getlink=True), h5py.HardLink): visit(path + "/" + n, o[n])
            elif isinstance(o, h5py.Dataset): e["dataset"] = dataset(o)
            else: e["datatype"] = typ(o.id)
        visit("", f)
    return {"base": base, "objects": objects}

if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    for old in glob.glob("*.h5"): os.remove(old)
    make()
    with open("expected.json", "w") as out:
        json.dump({n: expect(n) for n in sorted(glob.glob("*.h5"))}, out, separators=(",", ":"), sort_keys=True)
        out.write("\n")
