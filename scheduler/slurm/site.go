package slurm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// Complete fills in what a site's profile leaves open from what the cluster says of itself: scontrol show config, scontrol show
// partition and sinfo, and where limits are enforced sacctmgr show qos and associations. Its MaxArraySize is the cluster's own in any case. Of partitions that
// the profile does not describe only the default one is used unasked.
func (e *Engine) Complete(ctx context.Context, s scheduler.Site) (scheduler.Site, error) {
	text, err := e.commands.query(ctx, "scontrol", "show", "config")
	if err != nil {
		return s, fmt.Errorf("site %s: %w", s.Name, err)
	}
	config := configuration(text)
	if n := number(config["MaxArraySize"]); n > 0 {
		s.MaxArraySize = n
	}
	if s.MemoryPerCPU == 0 {
		s.MemoryPerCPU = mebibytes(config["DefMemPerCPU"])
	}
	if s.MaxMemoryPerCPU == 0 {
		s.MaxMemoryPerCPU = mebibytes(config["MaxMemPerCPU"])
	}
	if sized := func(p scheduler.Partition) bool { return p.CPUs > 0 }; len(s.Partitions) == 0 || !slices.ContainsFunc(s.Partitions, sized) {
		partitions, err := e.commands.query(ctx, "scontrol", "show", "partition", "--oneliner")
		if err != nil {
			return s, fmt.Errorf("site %s: %w", s.Name, err)
		}
		nodes, err := e.commands.query(ctx, "sinfo", "--noheader", "--exact", "--format=%R|%c|%m|%D")
		if err != nil {
			return s, fmt.Errorf("site %s: %w", s.Name, err)
		}
		s.Partitions = sizedLike(s.Partitions, parsePartitions(partitions, nodes))
	}
	enforced := strings.Split(config["AccountingStorageEnforce"], ",")
	if len(s.QoS) == 0 && (slices.Contains(enforced, "qos") || slices.Contains(enforced, "limits")) {
		qos, err := e.commands.query(ctx, "sacctmgr", "--noheader", "--parsable2", "show", "qos",
			"format=Name,Priority,MaxWall,MaxTRES,MaxJobsPU,MaxSubmitPU,Flags")
		switch said := (*commandError)(nil); {
		case err == nil:
			s.QoS = parseQoS(qos)
		case ctx.Err() != nil || !errors.As(err, &said):
			return s, fmt.Errorf("site %s: %w", s.Name, err)
		} // else the database is away, and its limits are unknown
	}
	if s.MaxSubmit == 0 && slices.Contains(enforced, "limits") {
		user, err := user.Current()
		if err != nil {
			return s, fmt.Errorf("site %s: %w", s.Name, err)
		}
		own, err := e.commands.query(ctx, "sacctmgr", "--noheader", "--parsable2", "show", "associations", "user="+user.Username, "format=Account,MaxSubmitJobs")
		switch said := (*commandError)(nil); {
		case err == nil:
			s.MaxSubmit = parseAssociations(own, s.Account)
		case ctx.Err() != nil || !errors.As(err, &said):
			return s, fmt.Errorf("site %s: %w", s.Name, err)
		}
	}
	return s, nil
}

// Version is SLURM's version: "22.05.8".
func (e *Engine) Version(ctx context.Context) (string, error) {
	text, err := e.commands.query(ctx, "sbatch", "--version")
	return strings.TrimPrefix(strings.TrimSpace(text), "slurm "), err
}

// configuration reads "Key   = value" lines.
func configuration(text string) map[string]string {
	config := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, "="); ok {
			config[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return config
}

// parsePartitions reads scontrol's one line a partition, and sinfo's lines of partition, CPUs, MiB and number, one for each kind
// of node. The default partition comes first.
func parsePartitions(text, nodes string) []scheduler.Partition {
	var all []scheduler.Partition
	for line := range strings.Lines(text) {
		f := map[string]string{}
		for word := range strings.FieldsSeq(line) {
			key, value, _ := strings.Cut(word, "=")
			f[key] = value
		}
		if f["PartitionName"] == "" || f["State"] != "UP" || f["RootOnly"] == "YES" {
			continue
		}
		p := scheduler.Partition{Name: f["PartitionName"], MaxTime: limit(f["MaxTime"]), QoS: list(f["AllowQos"]), Accounts: list(f["AllowAccounts"]),
			OnRequest: f["Default"] != "YES"}
		for node := range strings.Lines(nodes) {
			n := strings.Split(strings.TrimSpace(node), "|")
			if len(n) != 4 || n[0] != p.Name {
				continue
			}
			cpus, memory, nodes := number(n[1]), mebibytes(n[2]), number(n[3])
			if most := number(f["MaxCPUsPerNode"]); most > 0 {
				cpus = min(cpus, most)
			}
			if most := mebibytes(f["MaxMemPerNode"]); most > 0 {
				memory = min(memory, most)
			}
			p.MaxCPUs, p.MaxMemory = max(p.MaxCPUs, cpus), max(p.MaxMemory, memory)
			p.CPUs, p.Memory = p.CPUs+cpus*nodes, p.Memory+memory*scheduler.Bytes(nodes)
		}
		if p.OnRequest {
			all = append(all, p)
		} else {
			all = slices.Insert(all, 0, p)
		}
	}
	return all
}

// sizedLike are a profile's partitions with the sizes that the cluster gives those of their names, or the cluster's own where
// the profile describes none.
func sizedLike(described, own []scheduler.Partition) []scheduler.Partition {
	if len(described) == 0 {
		return own
	}
	sized := slices.Clone(described)
	for i := range sized {
		p := &sized[i]
		if k := slices.IndexFunc(own, func(o scheduler.Partition) bool { return o.Name == p.Name }); k >= 0 {
			p.CPUs, p.Memory = cmp.Or(p.CPUs, own[k].CPUs), cmp.Or(p.Memory, own[k].Memory)
		}
	}
	return sized
}

func parseQoS(text string) []scheduler.QoS {
	var all []scheduler.QoS
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 7 {
			continue
		}
		q := scheduler.QoS{Name: f[0], Priority: number(f[1]), MaxTime: limit(f[2]), MaxJobs: number(f[4]), MaxSubmit: number(f[5]),
			OverPartitionTime: slices.Contains(strings.Split(f[6], ","), "PartitionTimeLimit")}
		for tres := range strings.SplitSeq(f[3], ",") {
			switch name, value, _ := strings.Cut(tres, "="); name {
			case "cpu":
				q.MaxCPUs = number(value)
			case "mem":
				q.MaxMemory = scheduler.Bytes(memory(value))
			}
		}
		all = append(all, q)
	}
	return all
}

// parseAssociations finds the fewest jobs that a user may have queued under an account, or under any when none is named; 0: no limit.
func parseAssociations(text, account string) int {
	fewest := 0
	for line := range strings.Lines(text) {
		name, most, _ := strings.Cut(strings.TrimSpace(line), "|")
		if n := number(most); n > 0 && (account == "" || account == name) && (fewest == 0 || n < fewest) {
			fewest = n
		}
	}
	return fewest
}

// number reads a limit; UNLIMITED and what is no number are none. sinfo marks the least of several with a +.
func number(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "+"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func mebibytes(s string) scheduler.Bytes { return scheduler.Bytes(number(s)) << 20 }

func limit(s string) time.Duration {
	d, err := scheduler.ParseTime(s)
	if err != nil {
		return 0 // UNLIMITED, INFINITE
	}
	return d
}

func list(s string) []string {
	if s == "" || s == "ALL" || s == "N/A" || s == "(null)" {
		return nil
	}
	return strings.Split(s, ",")
}
