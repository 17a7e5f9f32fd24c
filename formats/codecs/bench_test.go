package codecs

import "testing"

// BenchmarkHDF5 decodes one chunk of each filter, on data where speed is limited by decoding.
func BenchmarkHDF5(b *testing.B) {
	wanted := map[string]bool{
		"szip nn <i2 smooth": true, "szip nn <f4 runs": true, "szip nn sparse 32": true, "nbit <i4 31 at 0": true,
		"scaleoffset <f4 10^2 fill None": true, "lzf far": true, "lz4 default block": true, "bitshuffle default block": true,
		"bitshuffle 2 0 smooth <f4 403": true, "blosc blosclz blocks": true, "blosc lz4 blocks": true, "zstd smooth <f8 403": true,
	}
	for _, c := range load[hdf5Case](b, "testdata/hdf5.json.gz") {
		if !wanted[c.Name] || c.Mask != 0 {
			continue
		}
		delete(wanted, c.Name)
		pipeline := c.codecs(b)
		b.Run(c.Name, func(b *testing.B) {
			b.SetBytes(int64(len(c.Want)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(pipeline, 0, c.Raw, len(c.Want)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name := range wanted {
		b.Errorf("no case %q that is not masked", name)
	}
}
