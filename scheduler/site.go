package scheduler

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/cedadev/kerchunk-builder/deploy/sites"
)

// Site describes a cluster as far as a submission has to know it. A zero limit is no limit, or an unknown one.
// deploy/sites/default.yaml says what each key means.
type Site struct {
	Name            string        `yaml:"name" json:"name"`
	Description     string        `yaml:"description" json:"description,omitempty"`
	Account         string        `yaml:"account" json:"account,omitempty"`
	AccountRequired bool          `yaml:"account_required" json:"account_required,omitempty"`
	Setup           []string      `yaml:"setup" json:"setup,omitempty"`
	Scratch         string        `yaml:"scratch" json:"scratch,omitempty"`
	Templates       string        `yaml:"templates" json:"templates,omitempty"`
	Throttle        int           `yaml:"throttle" json:"throttle,omitempty"`
	MaxArraySize    int           `yaml:"max_array_size" json:"max_array_size,omitempty"`
	MaxSubmit       int           `yaml:"max_submit" json:"max_submit,omitempty"`
	PollInterval    time.Duration `yaml:"poll_interval" json:"poll_interval"`
	SubmitFromJobs  bool          `yaml:"submit_from_jobs" json:"submit_from_jobs"`
	BusInterface    string        `yaml:"bus_interface" json:"bus_interface,omitempty"`
	ClientPython    string        `yaml:"client_python" json:"client_python,omitempty"`
	ClientDask      string        `yaml:"client_dask" json:"client_dask,omitempty"`
	MemoryPerCPU    Bytes         `yaml:"memory_per_cpu" json:"memory_per_cpu,omitempty"`
	MaxMemoryPerCPU Bytes         `yaml:"max_memory_per_cpu" json:"max_memory_per_cpu,omitempty"`
	Partitions      []Partition   `yaml:"partitions" json:"partitions,omitempty"` // in order of preference
	QoS             []QoS         `yaml:"qos" json:"qos,omitempty"`
}

// Partition is a set of nodes with its limits.
type Partition struct {
	Name      string        `yaml:"name" json:"name"`
	MaxTime   time.Duration `yaml:"max_time" json:"max_time,omitempty"`
	MaxCPUs   int           `yaml:"max_cpus" json:"max_cpus,omitempty"`     // of its largest node
	MaxMemory Bytes         `yaml:"max_memory" json:"max_memory,omitempty"` // of its largest node
	CPUs      int           `yaml:"cpus" json:"cpus,omitempty"`             // of all its nodes
	Memory    Bytes         `yaml:"memory" json:"memory,omitempty"`         // of all its nodes
	QoS       []string      `yaml:"qos" json:"qos,omitempty"`               // none: any
	Accounts  []string      `yaml:"accounts" json:"accounts,omitempty"`     // none: any
	OnRequest bool          `yaml:"on_request" json:"on_request,omitempty"` // never chosen unless it is named
}

// QoS is a quality of service with its limits.
type QoS struct {
	Name              string        `yaml:"name" json:"name"`
	Priority          int           `yaml:"priority" json:"priority,omitempty"`
	MaxTime           time.Duration `yaml:"max_time" json:"max_time,omitempty"`
	MaxCPUs           int           `yaml:"max_cpus" json:"max_cpus,omitempty"`
	MaxMemory         Bytes         `yaml:"max_memory" json:"max_memory,omitempty"`
	MaxJobs           int           `yaml:"max_jobs" json:"max_jobs,omitempty"`     // running at once, per user
	MaxSubmit         int           `yaml:"max_submit" json:"max_submit,omitempty"` // queued and running, per user
	OverPartitionTime bool          `yaml:"over_partition_time" json:"over_partition_time,omitempty"`
}

// LoadSite reads the profile at path, or the embedded profile of that name when there is one.
// Relative paths in a profile are relative to its file.
func LoadSite(nameOrPath string) (*Site, error) {
	text, err := fs.ReadFile(sites.Profiles, nameOrPath+".yaml")
	if err == nil {
		return parseSite(nameOrPath, text)
	}
	text, err = os.ReadFile(nameOrPath)
	if err != nil {
		return nil, fmt.Errorf("site %s: neither a file nor one of %s: %w", nameOrPath, strings.Join(SiteNames(), ", "), err)
	}
	s, err := parseSite(nameOrPath, text)
	if err != nil {
		return nil, err
	}
	if s.Templates != "" && !filepath.IsAbs(s.Templates) {
		s.Templates = filepath.Join(filepath.Dir(nameOrPath), s.Templates)
	}
	if strings.Contains(s.ClientPython, "/") && !filepath.IsAbs(s.ClientPython) { // others are looked for in PATH
		s.ClientPython = filepath.Join(filepath.Dir(nameOrPath), s.ClientPython)
	}
	return s, nil
}

// SiteNames returns the names of the embedded profiles.
func SiteNames() []string {
	var names []string
	entries, _ := fs.ReadDir(sites.Profiles, ".") // an embedded folder can't fail to be read
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

func parseSite(name string, text []byte) (*Site, error) {
	s := &Site{}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true) // a misspelt limit must not become no limit
	if err := dec.Decode(s); err != nil {
		return nil, fmt.Errorf("site %s: %w", name, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("site %s: %w", name, err)
	}
	return s, nil
}

func (s *Site) check() error {
	if s.PollInterval <= 0 {
		return errors.New("poll_interval must be more than 0")
	}
	if s.ClientDask != "" && s.ClientPython == "" {
		return errors.New("client_dask needs client_python, which is to connect to it")
	}
	for _, p := range s.Partitions {
		if p.Name == "" {
			return errors.New("a partition has no name")
		}
		for _, q := range p.QoS {
			if len(s.QoS) > 0 && s.qos(q) == nil {
				return fmt.Errorf("partition %s allows QoS %s, which is not described", p.Name, q)
			}
		}
	}
	for _, q := range s.QoS {
		if q.Name == "" {
			return errors.New("a QoS has no name")
		}
	}
	return nil
}

func (s *Site) qos(name string) *QoS {
	for i := range s.QoS {
		if s.QoS[i].Name == name {
			return &s.QoS[i]
		}
	}
	return nil
}

func (s *Site) partition(name string) *Partition {
	for i := range s.Partitions {
		if s.Partitions[i].Name == name {
			return &s.Partitions[i]
		}
	}
	return nil
}

// Placement is what a job asks of a site: its request, and where that is to run. Empty partition, QoS and account leave
// the choice to the site.
type Placement struct {
	Request   Request // of one task
	Partition string
	QoS       string
	Account   string
	Tasks     int // 1 for a job that is no array
	MaxIndex  int // highest array index; 0 for a job that is no array
	Throttle  int // most tasks at once; 0: no limit
}

// ErrNoAccount says that the site wants an account, and that none is known.
var ErrNoAccount = errors.New("an account is required: give it with --account, or as account in the site's file")

// Check reports why w could never start at the site as it stands, naming the limit and what it is. SLURM itself
// takes most such requests, and leaves them pending for ever. A nil error promises nothing: a profile may be incomplete.
func (s *Site) Check(w Placement) error {
	var errs []error
	refuse := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	switch {
	case w.Request.CPUs < 1:
		refuse("%d CPUs asked for: at least 1 is needed", w.Request.CPUs)
	case w.Request.Memory <= 0:
		refuse("no memory asked for")
	case w.Request.Time <= 0:
		refuse("no time asked for")
	}
	if s.AccountRequired && w.Account == "" {
		refuse("%w", ErrNoAccount)
	}
	if s.MaxArraySize > 0 && w.MaxIndex >= s.MaxArraySize {
		refuse("array index %d is over MaxArraySize %d (highest index %d)", w.MaxIndex, s.MaxArraySize, s.MaxArraySize-1)
	}
	cpus := w.Request.CPUs
	if most := int64(s.MaxMemoryPerCPU); most > 0 {
		cpus = max(cpus, int((w.Request.Memory+most-1)/most)) // SLURM charges the CPUs that the memory is worth
	}
	var q *QoS
	if w.QoS != "" && len(s.QoS) > 0 {
		if q = s.qos(w.QoS); q == nil {
			refuse("no QoS %s here", w.QoS)
		}
	}
	if w.Partition != "" && len(s.Partitions) > 0 {
		if p := s.partition(w.Partition); p == nil {
			refuse("no partition %s here", w.Partition)
		} else {
			name := "partition " + p.Name
			if !(q != nil && q.OverPartitionTime) {
				over(refuse, "time", w.Request.Time, p.MaxTime, name)
			}
			over(refuse, "CPUs", cpus, p.MaxCPUs, "a node of "+name)
			over(refuse, "memory", Bytes(w.Request.Memory), p.MaxMemory, "a node of "+name)
			if len(p.QoS) > 0 && w.QoS != "" && !slices.Contains(p.QoS, w.QoS) {
				refuse("partition %s allows QoS %s, not %s", p.Name, strings.Join(p.QoS, ", "), w.QoS)
			}
			if len(p.Accounts) > 0 && w.Account != "" && !slices.Contains(p.Accounts, w.Account) {
				refuse("partition %s allows account %s, not %s", p.Name, strings.Join(p.Accounts, ", "), w.Account)
			}
		}
	}
	if q != nil {
		name := "QoS " + q.Name
		over(refuse, "time", w.Request.Time, q.MaxTime, name)
		over(refuse, "CPUs", cpus, q.MaxCPUs, name)
		over(refuse, "memory", Bytes(w.Request.Memory), q.MaxMemory, name)
		over(refuse, "tasks", w.Tasks, q.MaxSubmit, "what a user may have queued in "+name)
	}
	return errors.Join(errs...)
}

// over refuses a value over its limit; a limit of zero is none.
func over[T cmp.Ordered](refuse func(string, ...any), what string, value, limit T, of string) {
	var none T
	if limit != none && value > limit {
		refuse("%s %v is over the limit of %s: %v", what, value, of, limit)
	}
}

// Choose fills in what w leaves open: account, memory, the first partition and there the QoS of the highest priority
// that could run it, and a throttle within the QoS's limit of running jobs. It is an error when none could; the
// error gives each one's reason.
func (s *Site) Choose(w Placement) (Placement, error) {
	w.Account = cmp.Or(w.Account, s.Account)
	w.Request.CPUs = max(w.Request.CPUs, 1)
	w.Tasks = max(w.Tasks, 1)
	w.Request.Memory = cmp.Or(w.Request.Memory, int64(s.MemoryPerCPU)*int64(w.Request.CPUs))
	w.Throttle = lower(w.Throttle, s.Throttle)
	if s.AccountRequired && w.Account == "" {
		return w, fmt.Errorf("site %s: %w", s.Name, ErrNoAccount)
	}
	var errs []error
	for _, c := range s.candidates(w) {
		err := s.Check(c)
		if err == nil {
			if q := s.qos(c.QoS); q != nil && c.Tasks > 1 {
				c.Throttle = lower(c.Throttle, q.MaxJobs)
			}
			return c, nil
		}
		name := strings.Trim(c.Partition+"/"+c.QoS, "/")
		errs = append(errs, fmt.Errorf("%s: %s", cmp.Or(name, "as asked"), strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	return w, fmt.Errorf("site %s could never run this (%d CPUs, %s, %s): %w", s.Name, w.Request.CPUs, Bytes(w.Request.Memory), w.Request.Time, errors.Join(errs...))
}

// candidates are the ways to run w, best first.
func (s *Site) candidates(w Placement) []Placement {
	var with []Placement
	for _, p := range s.Partitions {
		if w.Partition == p.Name || w.Partition == "" && !p.OnRequest {
			c := w
			c.Partition = p.Name
			with = append(with, c)
		}
	}
	if len(with) == 0 {
		with = []Placement{w} // no partition is described, or the one that is named isn't: Check says so
	}
	byPriority := slices.Clone(s.QoS)
	slices.SortStableFunc(byPriority, func(a, b QoS) int { return cmp.Compare(b.Priority, a.Priority) })
	var all []Placement
	for _, c := range with {
		p := s.partition(c.Partition)
		if c.QoS != "" || p == nil || len(p.QoS) == 0 || len(s.QoS) == 0 {
			all = append(all, c) // where the partition names no QoS, the user's default one is SLURM's choice
			continue
		}
		for _, q := range byPriority {
			if slices.Contains(p.QoS, q.Name) {
				c.QoS = q.Name
				all = append(all, c)
			}
		}
	}
	return all
}

// Width is how many tasks with a request can run at once where the site would put them; 0 when that is not known.
func (s *Site) Width(r Request) int {
	c, err := s.Choose(Placement{Request: r, Tasks: 2})
	if err != nil {
		return 0 // whoever submits is told why
	}
	width := c.Throttle
	if most := s.MaxQueued(); most > 0 {
		width = lower(width, max(most/len(chainSteps), 1)) // the steps after it are queued with it
	}
	p := s.partition(c.Partition)
	if p == nil || p.CPUs == 0 {
		return width
	}
	node := cmp.Or(p.MaxCPUs, p.CPUs)
	whole := node / c.Request.CPUs // tasks of a node, of which none is shared between two
	if p.MaxMemory > 0 && c.Request.Memory > 0 {
		whole = min(whole, int(int64(p.MaxMemory)/c.Request.Memory))
	}
	width = lower(width, max(p.CPUs*whole/node, 1))
	if p.Memory > 0 && c.Request.Memory > 0 {
		width = lower(width, max(int(int64(p.Memory)/c.Request.Memory), 1))
	}
	return width
}

// MaxQueued is how many tasks a user may have queued and running at once, whichever of the partitions that are chosen unasked
// they go to; 0 when there is no limit, or none is known.
func (s *Site) MaxQueued() int {
	most := s.MaxSubmit
	for _, q := range s.QoS {
		usual := len(s.Partitions) == 0
		for _, p := range s.Partitions {
			usual = usual || !p.OnRequest && (len(p.QoS) == 0 || slices.Contains(p.QoS, q.Name))
		}
		if usual {
			most = lower(most, q.MaxSubmit)
		}
	}
	return most
}

// lower is the lower of two limits, of which zero is none.
func lower(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
