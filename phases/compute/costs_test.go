package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// The history says what a compute took, in one process or in parts; and nothing where the cost of a part is not known.
func TestHistorySaysWhatItTook(t *testing.T) {
	temp := t.TempDir()
	var n atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		folder := filepath.Join(temp, fmt.Sprint(n.Add(1)))
		defer os.RemoveAll(folder)
		opts := Options{Open: w.open, Version: "1"}
		conf := configure.Compute{Mode: "serial", Format: "parquet", RecordSize: 5, References: 7}
		unknown := false
		if rapid.Bool().Draw(t, "in parts") {
			conf.Mode, conf.Parts = "parallel", rapid.IntRange(1, len(w.plan.Files)).Draw(t, "parts")
			unknown = rapid.Bool().Draw(t, "lost")
		}
		d := w.configured(t, folder, conf)
		if unknown {
			if err := Part(context.Background(), d, 0, opts); err != nil {
				t.Fatal(err)
			}
			c, err := load(d, opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(c.costPath(partStep(0))); err != nil {
				t.Fatal(err)
			}
		}
		store, err := Run(context.Background(), d, opts)
		if err != nil {
			t.Fatal(err)
		}
		var costs []*profile.Cost
		err = workdirs.ReadLines(d.Path(workdirs.HistoryFile), func(line []byte) error {
			var e struct {
				Detail struct{ Cost *profile.Cost }
			}
			err := json.Unmarshal(line, &e)
			costs = append(costs, e.Detail.Cost)
			return err
		})
		if err != nil || len(costs) != 1 || (costs[0] == nil) != unknown {
			t.Fatalf("%v, %v, when that a cost is unknown is %v", costs, err, unknown)
		}
		if unknown {
			return
		}
		bytes, err := storeBytes(store)
		if err != nil {
			t.Fatal(err)
		}
		want := profile.Work{Files: int64(len(w.plan.Files)), Arrays: int64(len(w.plan.Dataset.Arrays)), References: 7, Format: "parquet"}
		if c := costs[0]; c.Work != want || c.Bytes != bytes || c.Seconds <= 0 || c.Memory < 1<<20 {
			t.Fatalf("cost %+v, want that of %+v with %d bytes", c, want, bytes)
		}
	})
}
