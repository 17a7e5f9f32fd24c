"""Makes cases.json: dates and re-encoded values by Python's cftime. Run in this folder: python3 make.py

A row of "dates" is [units, calendar, value, [year, month, day, hour, minute, second, microsecond]];
a row of "conversions" is [units, to, calendar, value, converted], where an integer or a float is
converted by num2date and date2num.
"""
import json, random
import cftime

rng = random.Random(19700101)
CALENDARS = ["standard", "gregorian", "proleptic_gregorian", "julian", "noleap", "365_day", "all_leap", "366_day", "360_day"]
UNITS = {"microseconds": 86400 * 10**6, "milliseconds": 86400 * 10**3, "seconds": 86400, "minutes": 1440, "hours": 24, "days": 1,
         "msec": 86400 * 10**3, "s": 86400, "min": 1440, "hr": 24, "h": 24, "d": 1, "day": 1, "Hours": 24}


def reference(calendar, negative=True):
    low = -3000 if negative else 1600
    y = rng.choice([rng.randint(low, 4000), rng.randint(1800, 2100), 1582, 1])
    if not negative:
        y = max(y, 1600)
    if y == 0:
        y = 1
    m, d = rng.randint(1, 12), rng.randint(1, 28)
    if (y, m) == (1582, 10) and 5 <= d <= 14:
        d = 15
    date = rng.choice([f"{y}-{m}-{d}", f"{y:04d}-{m:02d}-{d:02d}"])
    h, mi, s = rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)
    return date + rng.choice(["", "", " 00:00:00", f" {h}:{mi}:{s}", f"T{h:02d}:{mi:02d}:{s:02d}Z", f" {h:02d}:{mi:02d}",
                              f" {h:02d}:{mi:02d}:{s:02d}.{rng.randint(0, 999)}", f" {h:02d}:{mi:02d}:{s:02d} -0{rng.randint(0, 9)}:30",
                              f"T{h:02d}:{mi:02d}:{s:02d}+{rng.randint(10, 12)}", f" {h:02d}:{mi:02d}:{s:02d} UTC"])


def parts(d):
    return [d.year, d.month, d.day, d.hour, d.minute, d.second, d.microsecond]


dates, conversions = [], []
while len(dates) < 2500:
    c, u = rng.choice(CALENDARS), rng.choice(list(UNITS))
    span = rng.choice([10, 1000, 40000, 800000]) * UNITS[u]
    v = rng.randint(-span, span)
    if rng.random() < 0.5:
        v = float(v) if rng.random() < 0.2 else rng.uniform(-span, span)
    if rng.random() < 0.05 and c == "360_day":
        u, v = "months", rng.randint(-9000, 9000)
    if rng.random() < 0.05 and c in ("noleap", "365_day"):
        u, v = "common_years", rng.randint(-900, 900)
    units = f"{u} since {reference(c)}"
    dates.append([units, c, v, parts(cftime.num2date(v, units, c))])

# Every day around the reform, around the year 0 and around leap days of centuries.
for c in CALENDARS:
    for y, m in [(1582, 9), (1, 1), (1900, 2), (2000, 2), (1500, 2), (4, 2), (-1, 12)]:
        units = f"days since {y}-{m}-1"
        for v in range(0, 75, 3):
            dates.append([units, c, v, parts(cftime.num2date(v, units, c))])

while len(conversions) < 1500:
    c = rng.choice(CALENDARS)
    u, w = rng.choice(list(UNITS)), rng.choice(list(UNITS))
    span = rng.choice([10, 1000, 40000]) * UNITS[u]
    v = rng.randint(-span, span)
    if rng.random() < 0.5:
        v = rng.uniform(-span, span)
    a, b = f"{u} since {reference(c)}", f"{w} since {reference(c)}"
    out = cftime.date2num(cftime.num2date(v, a, c), b, c)
    conversions.append([a, b, c, v, out if isinstance(out, float) else int(out)])

with open("cases.json", "w") as f:
    f.write('{"dates":[\n' + ",\n".join(json.dumps(r) for r in dates) + '],\n"conversions":[\n' + ",\n".join(json.dumps(r) for r in conversions) + "]}\n")
