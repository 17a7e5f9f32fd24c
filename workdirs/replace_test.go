package workdirs

import (
	"os"
	"path/filepath"
	"testing"
)

// Where folders can't change places in one step, a process may die when the old one has stepped aside. It is found by whoever
// asks for it next, be it by the link's name.
func TestAReplacementThatDiedHalfway(t *testing.T) {
	w, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Dataset("set")
	if err != nil {
		t.Fatal(err)
	}
	store, latest := d.Path(StoresDir, "set.kr1.0.parq"), d.Path(StoresDir, "latest")
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Link(d.Rel(store), latest); err != nil {
		t.Fatal(err)
	}
	for name, settle := range map[string]func() error{
		"by its name":   func() error { _, err := Resolve(store); return err },
		"by its link":   func() error { _, err := Resolve(latest); return err },
		"by a run":      d.RemoveLeftovers,
		"by the claim":  func() error { c, err := d.Claim(); return release(c, err) },
		"by an edit's":  func() error { c, err := ClaimStore(store); return release(c, err) },
		"by both names": func() error { return os.Mkdir(store, 0o700) }, // which was the new one
	} {
		if err := os.Rename(store, aside(store)); err != nil {
			t.Fatal(err)
		}
		if err := settle(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.LatestStore(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := d.RemoveLeftovers(); err != nil {
			t.Error(err)
		}
		if left := entries(t, filepath.Dir(store)); len(left) != 2 {
			t.Errorf("%s: %v", name, left)
		}
	}
}

func release(c *Claim, err error) error {
	if err != nil {
		return err
	}
	return c.Release()
}
