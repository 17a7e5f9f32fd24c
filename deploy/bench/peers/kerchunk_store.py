"""kerchunk_store.py DIR OUT: one parquet store of the files of a folder, with kerchunk. Prints what it took without the imports."""
import glob, json, os, resource, sys, time
from kerchunk.combine import MultiZarrToZarr
from kerchunk.df import refs_to_dataframe
from kerchunk.hdf import SingleHdf5ToZarr

wall, cpu = time.perf_counter(), time.process_time()
each = [SingleHdf5ToZarr(name, inline_threshold=0).translate() for name in sorted(glob.glob(sys.argv[1] + "/*.nc"))]
whole = MultiZarrToZarr(each, remote_protocol="file", concat_dims=["time"], identical_dims=["lat", "lon"]).translate()
os.makedirs(sys.argv[2])
refs_to_dataframe(whole, sys.argv[2], record_size=100_000)
print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "refs": len(whole["refs"]),
                  "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
