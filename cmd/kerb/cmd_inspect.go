package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
)

type inspectOptions struct{ json bool }

func newInspectCommand(env environment) *cli.Command {
	var opts inspectOptions
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what a store or a source file holds, like `ncdump -h`",
		ArgsUsage: "STORE|FILE",
		Description: `Prints dimensions, variables with their chunk grids and codecs, and attributes.

Example:
   kerb inspect sst.parq
   kerb inspect https://data.example.org/sst.nc --json`,
		Flags: []cli.Flag{jsonFlag(&opts.json)},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			return runInspect(c.Context, args[0], opts, env)
		},
	}
}

// inspected is what is shown of a store or a file.
type inspected struct {
	Name      string              `json:"name"`
	Kind      string              `json:"kind"`
	Groups    []inspectedGroup    `json:"groups"`
	Variables []inspectedVariable `json:"variables"`
	Notes     []inspectedNote     `json:"notes,omitempty"` // what of a file is not shown
}

type inspectedNote struct {
	Path      string `json:"path"`
	Attribute string `json:"attribute,omitempty"`
	Reason    string `json:"reason"`
}

type inspectedGroup struct {
	Path       string         `json:"path"`
	Attributes map[string]any `json:"attributes"`
	order      []cdm.Attribute
}

type inspectedVariable struct {
	Path       string         `json:"path"`
	Type       string         `json:"dtype"`
	Dimensions []string       `json:"dimensions"`
	Shape      []int64        `json:"shape"`
	Chunks     []int64        `json:"chunks"`
	Codecs     []string       `json:"codecs"`
	References int64          `json:"references"`
	Unwritten  int64          `json:"unwritten"`
	Bytes      int64          `json:"bytes"` // that the references stand for
	Refused    string         `json:"refused,omitempty"`
	Attributes map[string]any `json:"attributes"`
	order      []cdm.Attribute
}

func runInspect(ctx context.Context, name string, opts inspectOptions, env environment) error {
	busy := startWorking(ctx, env.stderr, "reading "+name)
	show, err := inspect(ctx, name)
	busy.stop()
	if err != nil {
		return err
	}
	if opts.json {
		return writeJSON(env.stdout, show)
	}
	return show.print(env.stdout)
}

func inspect(ctx context.Context, name string) (*inspected, error) {
	if isStore(name) {
		return inspectStore(ctx, name)
	}
	url, err := sourceURL(name)
	if err != nil {
		return nil, err
	}
	return inspectFile(ctx, url)
}

// isStore tells stores from source files by their names and by what is on disk.
func isStore(name string) bool {
	if strings.Contains(name, "://") {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && (info.IsDir() || strings.HasSuffix(name, ".json"))
}

func inspectStore(ctx context.Context, name string) (*inspected, error) {
	s, err := openStore(name)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ds := s.Dataset()
	show := &inspected{Name: name, Kind: "store"}
	for _, g := range ds.Groups {
		show.group(g.Path, g.Attributes)
	}
	for _, a := range ds.Arrays {
		v := newInspected(a.Path, a.Type, a.Dimensions, a.Grid.Shape, a.Grid.Chunks, a.Codecs, a.Attributes)
		for row, err := range s.References(ctx, a.Path) {
			if err != nil {
				return nil, err
			}
			v.References++
			v.Bytes += max(row.Reference.Size, int64(len(row.Reference.Inline)))
		}
		v.Unwritten = a.Grid.Count() - v.References
		show.Variables = append(show.Variables, v)
	}
	return show, nil
}

func inspectFile(ctx context.Context, url string) (*inspected, error) {
	f, err := phases.OpenSource(ctx, url)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	show := &inspected{Name: url, Kind: f.Format()}
	for _, n := range f.Notes {
		show.Notes = append(show.Notes, inspectedNote(n))
	}
	for g := range f.Root().Walk() {
		show.group(g.Path, g.Attributes)
		for _, src := range g.Variables {
			v := newInspected(src.Path, src.Type, src.Dimensions, src.Shape, src.Chunks, src.Codecs, src.Attributes)
			if src.Refused != nil {
				v.Type, v.Refused = "", src.Refused.Error()
				show.Variables = append(show.Variables, v)
				continue
			}
			for c, err := range f.Chunks(ctx, src) {
				if err != nil {
					return nil, phases.SourceError(url, src.Path, err)
				}
				v.References++
				v.Bytes += max(c.Size, int64(len(c.Inline)))
			}
			v.Unwritten = virtual.Grid{Shape: src.Shape, Chunks: src.Chunks}.Count() - v.References
			show.Variables = append(show.Variables, v)
		}
	}
	return show, nil
}

func newInspected(path string, t cdm.DType, dims []string, shape, chunks []int64, pipeline []codecs.Codec, attrs []cdm.Attribute) inspectedVariable {
	v := inspectedVariable{Path: path, Type: t.String(), Dimensions: dims, Shape: shape, Chunks: chunks, Codecs: []string{}, Attributes: map[string]any{}, order: attrs}
	for _, c := range pipeline {
		v.Codecs = append(v.Codecs, c.Name())
	}
	for _, a := range attrs {
		v.Attributes[a.Name] = jsonable(a.Value)
	}
	return v
}

func (s *inspected) group(path string, attrs []cdm.Attribute) {
	g := inspectedGroup{Path: path, Attributes: map[string]any{}, order: attrs}
	for _, a := range attrs {
		g.Attributes[a.Name] = jsonable(a.Value)
	}
	s.Groups = append(s.Groups, g)
}

// jsonable turns the floats that JSON has no numbers for into text.
func jsonable(v any) any {
	switch v := v.(type) {
	case float32:
		return jsonable(float64(v))
	case float64:
		if v != v || v-v != 0 {
			return fmt.Sprint(v)
		}
		return v
	case []float64:
		if slices.ContainsFunc(v, func(f float64) bool { return f-f != 0 }) {
			return fmt.Sprint(v)
		}
	case []float32:
		if slices.ContainsFunc(v, func(f float32) bool { return f-f != 0 }) {
			return fmt.Sprint(v)
		}
	}
	return v
}

func (s *inspected) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s {\n", s.Kind, s.Name)
	lengths := map[string]int64{}
	var dims []string
	for _, v := range s.Variables {
		for d, name := range v.Dimensions {
			if _, ok := lengths[name]; !ok && d < len(v.Shape) {
				lengths[name] = v.Shape[d]
				dims = append(dims, name)
			}
		}
	}
	b.WriteString("dimensions:\n")
	for _, name := range dims {
		fmt.Fprintf(&b, "    %s = %d ;\n", name, lengths[name])
	}
	b.WriteString("variables:\n")
	for _, v := range s.Variables {
		fmt.Fprintf(&b, "    %s %s(%s) ;", orElse(v.Type, "?"), v.Path, strings.Join(v.Dimensions, ", "))
		if v.Refused != "" {
			fmt.Fprintf(&b, "  // refused: %s\n", v.Refused)
			continue
		}
		fmt.Fprintf(&b, "  // chunks %v, %s; %s, %s", v.Chunks, orElse(strings.Join(v.Codecs, "+"), "uncompressed"), count(v.References, "reference"), byteSize(v.Bytes))
		if v.Unwritten > 0 {
			fmt.Fprintf(&b, ", %d unwritten", v.Unwritten)
		}
		b.WriteByte('\n')
		printAttributes(&b, v.Path, v.order)
	}
	for _, g := range s.Groups {
		if len(g.order) > 0 {
			fmt.Fprintf(&b, "\n// attributes of /%s\n", g.Path)
			printAttributes(&b, "", g.order)
		}
	}
	if len(s.Notes) > 0 {
		b.WriteString("\n// not shown\n")
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "        %s:%s  // %s\n", n.Path, n.Attribute, n.Reason)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func printAttributes(b *strings.Builder, owner string, attrs []cdm.Attribute) {
	for _, a := range attrs {
		value := fmt.Sprint(a.Value)
		if s, ok := a.Value.(string); ok {
			value = strconv.Quote(s)
		}
		fmt.Fprintf(b, "        %s:%s = %s ;\n", owner, a.Name, value)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
