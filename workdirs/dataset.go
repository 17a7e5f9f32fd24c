package workdirs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Dataset is the folder of one dataset: datasets/PROJ_CODE.
type Dataset struct {
	Code string
	dir  string
}

// Source is one source file as init found it.
type Source struct {
	URL   string    `json:"url"`
	Size  int64     `json:"size"`
	MTime time.Time `json:"mtime"`
}

// Definition is what init recorded of a dataset: dataset.json.
type Definition struct {
	Code     string         `json:"proj_code"`
	Pattern  string         `json:"pattern"`
	Updates  map[string]any `json:"updates,omitempty"`  // attributes to set, "attr" or "variable.attr"
	Removals []string       `json:"removals,omitempty"` // attributes to remove
	Keep     []string       `json:"keep_variables,omitempty"`
	Files    int            `json:"files"`
	Bytes    int64          `json:"bytes"`
}

// Dataset returns the dataset with a project code. It need not exist.
func (w *Workdir) Dataset(code string) (*Dataset, error) {
	if err := CheckName(code); err != nil {
		return nil, fmt.Errorf("project code %w", err)
	}
	return &Dataset{Code: code, dir: filepath.Join(w.root, "datasets", code)}, nil
}

// Exists reports whether init has recorded the dataset.
func (d *Dataset) Exists() bool {
	_, err := os.Stat(filepath.Join(d.dir, "dataset.json"))
	return err == nil
}

// Dir is the dataset's folder.
func (d *Dataset) Dir() string { return d.dir }

// Path is the path of one of the dataset's own files: "scan.json", "configure.json", ...
func (d *Dataset) Path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

// The files of a dataset's folder.
const (
	DefinitionFile = "dataset.json"
	SourcesFile    = "files.ndjson"
	ScanFile       = "scan.json"
	ConfigureFile  = "configure.json"
	OverrideFile   = "override.yaml"
	HistoryFile    = "history.ndjson"
	AppendFile     = "append.json" // what an append is about to do, while it does it
	PartsDir       = "parts"
	StoresDir      = "stores"
	TestDir        = "test"
	CatalogDir     = "catalog"
)

// Define records a dataset and its source files. The definition is written last: a dataset exists
// only when all of it is there.
func (d *Dataset) Define(def Definition, sources []Source) error {
	err := WriteFile(d.Path(SourcesFile), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for i := range sources {
			if err := enc.Encode(&sources[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return WriteJSON(d.Path(DefinitionFile), def)
}

// Definition reads what init recorded.
func (d *Dataset) Definition() (Definition, error) {
	var def Definition
	err := ReadJSON(d.Path(DefinitionFile), &def)
	if errors.Is(err, fs.ErrNotExist) {
		return def, fmt.Errorf("dataset %s is not in this workdir: add it with `kerb init`", d.Code)
	}
	return def, err
}

// Sources reads the list of source files.
func (d *Dataset) Sources() ([]Source, error) {
	var list []Source
	err := ReadLines(d.Path(SourcesFile), func(line []byte) error {
		var s Source
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		list = append(list, s)
		return nil
	})
	return list, err
}

// Note appends an event to the dataset's history: who did what, when and where. Nothing in the
// history has an influence on what is computed.
func (d *Dataset) Note(event string, detail any) error {
	host, _ := os.Hostname()
	return AppendLine(d.Path(HistoryFile), struct {
		Time   time.Time `json:"time"`
		Event  string    `json:"event"`
		Host   string    `json:"host"`
		PID    int       `json:"pid"`
		Detail any       `json:"detail,omitempty"`
	}{time.Now().UTC(), event, host, os.Getpid(), detail})
}

// StoreName is the name of a version of the dataset's store: CODE.kr1.MINOR with ext ".parq" or ".json".
func (d *Dataset) StoreName(minor int, ext string) string {
	return fmt.Sprintf("%s.kr1.%d%s", d.Code, minor, ext)
}

// StoreVersion is one published store of a dataset.
type StoreVersion struct {
	Path  string
	Minor int
}

// Stores lists the published versions, oldest first.
func (d *Dataset) Stores() ([]StoreVersion, error) {
	entries, err := os.ReadDir(d.Path(StoresDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []StoreVersion
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), d.Code+".kr1.")
		if !ok {
			continue
		}
		digits, ext, _ := strings.Cut(rest, ".")
		minor, err := strconv.Atoi(digits)
		if err != nil || (ext != "parq" && ext != "json") {
			continue
		}
		list = append(list, StoreVersion{d.Path(StoresDir, e.Name()), minor})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Minor < list[j].Minor })
	return list, nil
}

// LatestStore is the newest published store, or an error that says how to make one.
func (d *Dataset) LatestStore() (StoreVersion, error) {
	list, err := d.Stores()
	if err != nil {
		return StoreVersion{}, err
	}
	if len(list) == 0 {
		return StoreVersion{}, fmt.Errorf("dataset %s has no store yet: run `kerb run compute %s`", d.Code, d.Code)
	}
	return list[len(list)-1], nil
}

// Rel is a path of this dataset's stores as it stands beside them: its last element.
func (d *Dataset) Rel(path string) string { return filepath.Base(path) }

// BuildDir makes an empty folder beside the published stores for the building of one, and removes what earlier attempts at
// the same name have left behind. A process that still writes into one of those fails, and publishes nothing.
func (d *Dataset) BuildDir(name string) (string, error) {
	return attemptDir(d.Path(StoresDir), ".building-"+name)
}

// PartBuildDir is BuildDir for a folder below the dataset's parts that will be renamed to final.
func (d *Dataset) PartBuildDir(final string) (string, error) {
	return attemptDir(filepath.Dir(final), ".building-"+filepath.Base(final))
}

func attemptDir(dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	old, err := filepath.Glob(filepath.Join(dir, name+".tmp-*"))
	if err != nil {
		return "", err
	}
	for _, o := range old {
		if err := os.RemoveAll(o); err != nil {
			return "", err
		}
	}
	tmp, err := os.MkdirTemp(dir, TempPattern(strings.TrimPrefix(name, ".")))
	if err != nil {
		return "", err
	}
	return tmp, os.Chmod(tmp, 0o755)
}

// ScanBuildDir is BuildDir for the store of scan's sample.
func (d *Dataset) ScanBuildDir() (string, error) {
	return attemptDir(d.Path("scan"), ".building-sample")
}
