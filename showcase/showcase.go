// Package showcase holds the example files that `kerb demo` works on.
package showcase

import "embed"

// Files holds datasets.csv and, under data, the files that it lists. They are made by make.py.
//
//go:embed datasets.csv data
var Files embed.FS
