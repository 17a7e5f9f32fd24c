package cdm

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Integers that fit come back; those that don't are refused.
func TestEncodeIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := DType{Kind: rapid.SampledFrom([]Kind{Int, Uint}).Draw(t, "kind"), Size: 1 << rapid.IntRange(0, 3).Draw(t, "size"), Big: rapid.Bool().Draw(t, "big")}
		v := rapid.Int64().Draw(t, "v")
		lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
		if typ.Kind == Uint {
			lo = 0
			if typ.Size < 8 {
				hi = 1<<(8*typ.Size) - 1
			}
		} else {
			lo >>= 64 - 8*typ.Size
			hi >>= 64 - 8*typ.Size
		}
		raw, ok := typ.Encode(v)
		if fits := v >= lo && v <= hi; ok != fits {
			t.Fatalf("%s of %d: ok %v, fits %v", typ, v, ok, fits)
		}
		if !ok {
			return
		}
		back, err := typ.Int64s(raw)
		if err != nil || len(back) != 1 || back[0] != v {
			t.Fatalf("%s of %d: % x, back %v %v", typ, v, raw, back, err)
		}
	})
}

func TestEncodeFloats(t *testing.T) {
	f4 := DType{Kind: Float, Size: 4}
	if _, ok := f4.Encode(0.1); ok {
		t.Error("0.1 is not exact in float32")
	}
	raw, ok := f4.Encode(math.NaN())
	if f, err := f4.Float64s(raw); !ok || err != nil || !math.IsNaN(f[0]) {
		t.Error("NaN is lost")
	}
	// Values of IEEE 754 table 3.5: largest, smallest subnormal, one, minus infinity.
	f2 := DType{Kind: Float, Size: 2}
	got, err := f2.Float64s([]byte{0xff, 0x7b, 0x01, 0x00, 0x00, 0x3c, 0x00, 0xfc})
	want := []float64{65504, math.Pow(2, -24), 1, math.Inf(-1)}
	for i := range want {
		if err != nil || got[i] != want[i] {
			t.Fatalf("half %d: %v, want %v (%v)", i, got, want, err)
		}
	}
}
