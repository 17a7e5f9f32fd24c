package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Write adds a product to the catalogue in dir, or renews its entry. Many tasks may do so at once: each
// writes its own item, and the last of them leaves the whole catalogue consistent. Adding the same
// product again changes no byte.
func Write(dir string, p Product) error {
	if err := Add(dir, p); err != nil {
		return err
	}
	return Rebuild(dir, p.Group)
}

// Add writes the product's item only. With thousands of tasks it is cheaper to add in each and to rebuild
// each group once at the end.
func Add(dir string, p Product) error {
	b, err := p.item(dir)
	if err != nil {
		return err
	}
	path := itemPath(dir, p.Group, p.Code)
	if err := workdirs.RemoveLeftovers(filepath.Dir(path), ""); err != nil {
		return fmt.Errorf("catalogue %s: %w", p.Code, err)
	}
	return replace(path, b)
}

func itemPath(dir, group, code string) string {
	return filepath.Join(dir, group, code, code+".json")
}

// item is the product's item as it is written, held against the schemas.
func (p *Product) item(dir string) ([]byte, error) {
	fail := func(err error) error {
		return phases.Errorf(phases.Internal, "", "catalogue %s: %w", p.Code, err)
	}
	for _, name := range []string{p.Code, p.Group} {
		if err := workdirs.CheckName(name); err != nil {
			return nil, phases.Errorf(phases.Input, "", "catalogue: %w", err)
		}
	}
	if p.Faults > 0 {
		return nil, phases.Errorf(phases.Fault, "see its test report; a store enters the catalogue when it has none",
			"catalogue %s: the test phase found %d faults", p.Code, p.Faults)
	}
	if err := finiteExtent(p); err != nil {
		return nil, fail(err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fail(err)
	}
	it, err := itemOf(filepath.Dir(itemPath(abs, p.Group, p.Code)), p)
	if err != nil {
		return nil, fail(err)
	}
	b, err := encode(it)
	if err != nil {
		return nil, fail(err)
	}
	v, err := newValidator()
	if err != nil {
		return nil, fail(err)
	}
	if err := v.check(itemSchema, b); err != nil {
		return nil, fail(fmt.Errorf("the STAC item is %w", err))
	}
	return b, nil
}

// patience is how often Rebuild looks again when others keep adding items meanwhile.
const patience = 100

// Rebuild makes a group's collection, its intake entries and the root catalogue from the items that are
// there. It looks again after writing, so that of several at once the last to write has seen every item:
// an item that was added before a look is in what is written after it. An item is read once, however often it is looked at.
func Rebuild(dir, group string) error {
	v, err := newValidator()
	if err != nil {
		return err
	}
	for _, d := range []string{dir, filepath.Join(dir, group)} {
		if err := workdirs.RemoveLeftovers(d, ""); err != nil {
			return fmt.Errorf("rebuild the catalogue of group %s: %w", group, err)
		}
	}
	shelf := shelf{dir: filepath.Join(dir, group), held: map[string]held{}}
	changed, err := shelf.look()
	if err != nil {
		return fmt.Errorf("rebuild the catalogue of group %s: %w", group, err)
	}
	for first, n := true, 0; first || changed; first, n = false, n+1 {
		if n == patience {
			return phases.Errorf(phases.IO, "run the catalog phase again", "the catalogue %s kept changing while it was rebuilt", dir)
		}
		if err := rebuildGroup(dir, group, shelf.items(), v); err != nil {
			return fmt.Errorf("rebuild the catalogue of group %s: %w", group, err)
		}
		if changed, err = shelf.look(); err != nil {
			return fmt.Errorf("rebuild the catalogue of group %s: %w", group, err)
		}
	}
	for range patience {
		changed, err := rebuildRoot(dir, v)
		if err != nil {
			return fmt.Errorf("rebuild the catalogue %s: %w", dir, err)
		}
		if !changed {
			return nil
		}
	}
	return phases.Errorf(phases.IO, "run the catalog phase again", "the catalogue %s kept changing while it was rebuilt", dir)
}

func rebuildGroup(dir, group string, items []*item, v *validator) error {
	if len(items) == 0 {
		return nil
	}
	c, err := encode(collectionOf(group, items))
	if err != nil {
		return err
	}
	if err := v.check(collectionSchema, c); err != nil {
		return fmt.Errorf("the STAC collection is %w", err)
	}
	intake, err := intakeSources(group, items)
	if err != nil {
		return err
	}
	esm, err := encode(esmOf(group))
	if err != nil {
		return err
	}
	rows, err := esmRows(group, items)
	if err != nil {
		return err
	}
	_, err = replaceAll(filepath.Join(dir, group), []file{
		{"collection.json", c}, {"intake.yaml", intake}, {"esm.csv", rows}, {"esm.json", esm},
	})
	return err
}

func rebuildRoot(dir string, v *validator) (changed bool, err error) {
	groups, err := filepath.Glob(filepath.Join(globQuote(dir), "*", "collection.json"))
	if err != nil {
		return false, err
	}
	sort.Strings(groups)
	for i := range groups {
		groups[i] = filepath.Base(filepath.Dir(groups[i]))
	}
	c, err := encode(rootOf(groups))
	if err != nil {
		return false, err
	}
	if err := v.check(catalogSchema, c); err != nil {
		return false, fmt.Errorf("the STAC catalog is %w", err)
	}
	intake, err := intakeGroups(groups)
	if err != nil {
		return false, err
	}
	return replaceAll(dir, []file{{"catalog.json", c}, {"intake.yaml", intake}})
}

// globQuote makes a folder's name stand for itself in a pattern.
func globQuote(s string) string {
	var out []byte
	for i := range len(s) {
		if bytes.IndexByte([]byte(`*?[\`), s[i]) >= 0 {
			out = append(out, '\\')
		}
		out = append(out, s[i])
	}
	return string(out)
}

type file struct {
	name    string
	content []byte
}

func replaceAll(dir string, files []file) (changed bool, err error) {
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if same(path, f.content) {
			continue
		}
		changed = true
		if err := replace(path, f.content); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func same(path string, content []byte) bool {
	b, err := os.ReadFile(path)
	return err == nil && bytes.Equal(b, content)
}

// replace writes a file atomically unless it has this content already.
func replace(path string, content []byte) error {
	if same(path, content) {
		return nil
	}
	return workdirs.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// encode writes JSON for people too: indented, with a line end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
