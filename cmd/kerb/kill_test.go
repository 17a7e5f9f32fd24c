package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// kerbCommand is the program itself, in a process of its own.
func kerbCommand(t *testing.T) func(args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "kerb")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) *exec.Cmd { return exec.Command(name, args...) }
}

// contents digests every file below a path, by its name relative to it.
func contents(t *testing.T, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(path, name)
		if err != nil {
			return err
		}
		if e.Type()&fs.ModeSymlink != 0 {
			out[rel], err = os.Readlink(name)
			return err
		}
		b, err := os.ReadFile(name)
		sum := sha256.Sum256(b)
		out[rel] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// disturb runs a command and kills it after a random part of the time that it needs undisturbed.
func disturb(t *testing.T, rng *rand.Rand, cmd *exec.Cmd, whole time.Duration) (killed bool) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(rng.Int64N(int64(whole))))
	_ = cmd.Process.Kill() // it may have ended by itself
	return cmd.Wait() != nil
}

func rounds() int {
	if testing.Short() {
		return 1
	}
	return 4
}

// Whenever a run is killed, the next one ends with the same bytes as an undisturbed one, and nothing else is there.
func TestKilledRun(t *testing.T) {
	data, err := filepath.Abs(filepath.Join("..", "..", "showcase", "data", "sst-monthly"))
	if err != nil {
		t.Fatal(err)
	}
	kerb := kerbCommand(t)
	for _, override := range []string{"compute: serial\n", "compute: parallel\nparts: 5\ncombines: 3\nreduces: 4\nrecord_size: 7\n", "format: json\n"} {
		name, _, _ := strings.Cut(override, "\n")
		t.Run(name, func(t *testing.T) {
			fresh := func() string {
				w := filepath.Join(t.TempDir(), "wd")
				if out, err := kerb("init", "g", "-p", "sst="+data+"/*.nc", "-w", w).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if err := os.WriteFile(filepath.Join(w, "datasets", "sst", "override.yaml"), []byte(override), 0o644); err != nil {
					t.Fatal(err)
				}
				return w
			}
			finish := func(w string) map[string]string {
				if out, err := kerb("run", "all", "sst", "-w", w).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				return contents(t, w)
			}
			began := time.Now()
			w := fresh()
			want := finish(w)
			whole := time.Since(began)
			rng := rand.New(rand.NewPCG(1, uint64(len(override))))
			kills := 0
			for range rounds() {
				w := fresh()
				for range 1 + rng.IntN(3) {
					if disturb(t, rng, kerb("run", "all", "sst", "-w", w), whole) {
						kills++
					}
				}
				got := finish(w)
				for _, name := range keys(want, got) {
					store := strings.HasPrefix(name, filepath.Join("datasets", "sst", "stores")) || strings.HasSuffix(name, "configure.json")
					switch {
					case got[name] == "":
						t.Errorf("%s is not there", name)
					case want[name] == "":
						t.Errorf("%s was left behind", name)
					case store && want[name] != got[name]:
						t.Errorf("%s has other bytes", name)
					}
				}
			}
			t.Logf("%d kills", kills)
		})
	}
}

// The same of references straight from files.
func TestKilledRefs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "showcase", "data", "sst-monthly", "*.nc"))
	if err != nil || len(files) == 0 {
		t.Fatal("no example files: ", err)
	}
	kerb := kerbCommand(t)
	for _, ext := range []string{".parq", ".json"} {
		t.Run(ext, func(t *testing.T) {
			dir := t.TempDir()
			args := func(name string) []string {
				return append([]string{"refs", "-o", filepath.Join(dir, name+ext), "--overwrite"}, files...)
			}
			began := time.Now()
			if out, err := kerb(args("want")...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			whole := time.Since(began)
			want := contents(t, filepath.Join(dir, "want"+ext))
			rng := rand.New(rand.NewPCG(2, 2))
			kills := 0
			for range rounds() {
				for range 1 + rng.IntN(3) {
					if disturb(t, rng, kerb(args("got")...), whole) {
						kills++
					}
				}
				if out, err := kerb(args("got")...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				got := contents(t, filepath.Join(dir, "got"+ext))
				for _, name := range keys(want, got) {
					if want[name] != got[name] {
						t.Errorf("%s differs", name)
					}
				}
				entries, err := os.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					if strings.HasPrefix(e.Name(), ".") {
						t.Errorf("%s was left behind", e.Name())
					}
				}
			}
			t.Logf("%d kills", kills)
		})
	}
}

func keys(maps ...map[string]string) []string {
	var out []string
	for _, m := range maps {
		for k := range m {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
