"""kerchunk_index.py FILE...: the references of each file, with kerchunk. Prints what it took without the imports."""
import json, sys, time
from kerchunk.hdf import SingleHdf5ToZarr

wall, cpu, n = time.perf_counter(), time.process_time(), 0
for name in sys.argv[1:]:
    n += len(SingleHdf5ToZarr(name, inline_threshold=0).translate()["refs"])
print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "refs": n}))
