package catalog

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"sort"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The members of an intake catalogue
// (https://intake.readthedocs.io/en/v0/catalog.html#yaml-format).
type intakeFile struct {
	Metadata intakeMetadata          `yaml:"metadata"`
	Sources  map[string]intakeSource `yaml:"sources"`
}

type intakeMetadata struct {
	Version int    `yaml:"version"`
	Title   string `yaml:"title,omitempty"`
}

type intakeSource struct {
	Description string         `yaml:"description"`
	Driver      string         `yaml:"driver"`
	Args        map[string]any `yaml:"args"`
	Metadata    map[string]any `yaml:"metadata,omitempty"`
}

// intakeSources makes a group's intake catalogue. Its entries are opened by intake-xarray's driver "zarr", through fsspec's
// reference file system (https://filesystem-spec.readthedocs.io/en/latest/api.html#fsspec.implementations.reference.ReferenceFileSystem):
// the driver "netcdf", which can be told the engine "kerchunk", opens its path as a file first, which a folder of parquet is not.
func intakeSources(group string, items []*item) ([]byte, error) {
	f := intakeFile{Metadata: intakeMetadata{Version: 1, Title: group}, Sources: map[string]intakeSource{}}
	for _, it := range items {
		store := it.Assets["store"]
		options := map[string]any{"fo": store.Href}
		maps.Copy(options, store.Storage)
		args := maps.Clone(store.Open)
		delete(args, "engine") // the driver's own
		args["urlpath"], args["consolidated"], args["storage_options"] = "reference://", false, options
		f.Sources[it.ID] = intakeSource{
			Description: it.Properties.Title,
			Driver:      "zarr",
			Args:        args,
			Metadata:    map[string]any{"group": group, "license": it.Properties.License, "variables": dataVariables(it)},
		}
	}
	return yamlBytes(f)
}

// intakeGroups makes the intake catalogue of all groups' intake catalogues.
func intakeGroups(groups []string) ([]byte, error) {
	f := intakeFile{Metadata: intakeMetadata{Version: 1, Title: "Virtual Zarr stores"}, Sources: map[string]intakeSource{}}
	for _, g := range groups {
		f.Sources[g] = intakeSource{
			Description: "Virtual Zarr stores of group " + g,
			Driver:      "yaml_file_cat",
			Args:        map[string]any{"path": "{{ CATALOG_DIR }}/" + g + "/intake.yaml"},
		}
	}
	return yamlBytes(f)
}

func yamlBytes(v any) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("intake catalogue: %w", err)
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("intake catalogue: %w", err)
	}
	return b.Bytes(), nil
}

func dataVariables(it *item) []string {
	out := []string{}
	for name, v := range it.Properties.Variables {
		if v.Type == "data" {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// The members of an intake-esm catalogue
// (https://github.com/NCAR/esm-collection-spec/blob/master/collection-spec/collection-spec.md).
type esmFile struct {
	Version     string         `json:"esmcat_version"`
	ID          string         `json:"id"`
	Description string         `json:"description"`
	CatalogFile string         `json:"catalog_file"`
	Attributes  []esmAttribute `json:"attributes"`
	Assets      esmAssets      `json:"assets"`
	Aggregation esmAggregation `json:"aggregation_control"`
}

type esmAttribute struct {
	Column     string `json:"column_name"`
	Vocabulary string `json:"vocabulary"`
}

type esmAssets struct {
	Column string `json:"column_name"`
	Format string `json:"format"`
}

type esmAggregation struct {
	Variable     string   `json:"variable_column_name"`
	GroupBy      []string `json:"groupby_attrs"`
	Aggregations []any    `json:"aggregations"`
}

// esmColumns are the columns of the CSV file. "variables" is a list in Python's notation, which
// intake-esm reads with columns_with_iterables=["variables"].
var esmColumns = [...]string{"group", "proj_code", "title", "variables", "start", "end", "license", "path"}

func esmOf(group string) *esmFile {
	f := &esmFile{
		Version: "0.1.0", ID: group, Description: "Virtual Zarr stores of group " + group, CatalogFile: "esm.csv",
		Assets:      esmAssets{Column: "path", Format: "reference"},
		Aggregation: esmAggregation{Variable: "variables", GroupBy: []string{"group", "proj_code"}, Aggregations: []any{}},
	}
	for _, c := range esmColumns {
		if c != "path" {
			f.Attributes = append(f.Attributes, esmAttribute{Column: c})
		}
	}
	return f
}

// esmRows is the CSV file: one row a dataset.
func esmRows(group string, items []*item) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{esmColumns[:]}
	for _, it := range items {
		start, end := it.Properties.Start, it.Properties.End
		if start == "" && it.Properties.Datetime != nil {
			start, end = *it.Properties.Datetime, *it.Properties.Datetime
		}
		rows = append(rows, []string{
			group, it.ID, it.Properties.Title, pythonList(dataVariables(it)), start, end, it.Properties.License, it.Assets["store"].Href,
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("intake-esm rows: %w", err)
	}
	return b.Bytes(), nil
}

// pythonList writes strings as a Python list literal.
func pythonList(s []string) string {
	q := make([]string, len(s))
	for i, v := range s {
		q[i] = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(v) + "'"
	}
	return "[" + strings.Join(q, ", ") + "]"
}
