package main

import (
	"encoding/binary"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// classic FILE [KEY=VALUE]... writes a netCDF classic file (CDF-1; NetCDF User Guide, appendix B) of a series x(time): times=0,1
// units=U (of time) values=5,6 (of x) xunits=U scale=F member=N (a scalar variable) mapping=N (the value of a grid mapping).
func classic(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: classic FILE [KEY=VALUE]...")
	}
	set := map[string]string{"times": "0", "units": "days since 2000-01-01", "xunits": "K"}
	for _, a := range args[1:] {
		k, v, _ := strings.Cut(a, "=")
		set[k] = v
	}
	floats := func(list string) []float64 {
		var out []float64
		for s := range strings.SplitSeq(list, ",") {
			f, err := strconv.ParseFloat(s, 64)
			ts.Check(err)
			out = append(out, f)
		}
		return out
	}
	times := floats(set["times"])
	if set["values"] == "" {
		set["values"] = set["times"]
	}
	values := floats(set["values"])
	type attr struct {
		name  string
		value any // string or float64
	}
	type variable struct {
		name   string
		record bool
		attrs  []attr
		data   []float64
	}
	x := variable{"x", true, []attr{{"units", set["xunits"]}}, values}
	if s := set["scale"]; s != "" {
		x.attrs = append(x.attrs, attr{"scale_factor", floats(s)[0]})
	}
	vars := []variable{{"time", true, []attr{{"units", set["units"]}}, times}, x}
	if m := set["member"]; m != "" {
		vars = append(vars, variable{"member", false, []attr{{"standard_name", "realization"}}, floats(m)})
	}
	if m := set["mapping"]; m != "" {
		vars = append(vars, variable{"crs", false, []attr{{"grid_mapping_name", "latitude_longitude"}}, floats(m)})
	}

	header := func(begins []uint32) []byte {
		b := []byte("CDF\x01")
		word := func(n int) { b = binary.BigEndian.AppendUint32(b, uint32(n)) }
		text := func(s string) {
			word(len(s))
			b = append(b, s...)
			b = append(b, make([]byte, (4-len(s)%4)%4)...)
		}
		word(len(times))
		word(10) // the dimensions: one, unlimited
		word(1)
		text("time")
		word(0)
		word(0) // no attributes of the file
		word(0)
		word(11)
		word(len(vars))
		for i, v := range vars {
			text(v.name)
			if v.record {
				word(1)
				word(0)
			} else {
				word(0)
			}
			word(12)
			word(len(v.attrs))
			for _, a := range v.attrs {
				text(a.name)
				if s, ok := a.value.(string); ok {
					word(2)
					text(s)
				} else {
					word(6)
					word(1)
					b = binary.BigEndian.AppendUint64(b, math.Float64bits(a.value.(float64)))
				}
			}
			word(6) // double
			word(8)
			word(int(begins[i]))
		}
		return b
	}
	at := uint32(len(header(make([]uint32, len(vars)))))
	begins := make([]uint32, len(vars))
	for _, record := range []bool{false, true} {
		for i, v := range vars {
			if v.record == record {
				begins[i] = at
				at += 8
			}
		}
	}
	out := header(begins)
	number := func(f float64) { out = binary.BigEndian.AppendUint64(out, math.Float64bits(f)) }
	for _, v := range vars {
		if !v.record {
			number(v.data[0])
		}
	}
	for i := range times {
		number(times[i])
		number(values[i])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o644))
}
