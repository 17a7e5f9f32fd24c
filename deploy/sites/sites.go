// Package sites holds the profiles of known SLURM sites, one YAML file each. A profile is read by
// scheduler.LoadSite; default.yaml documents every key.
package sites

import "embed"

// Profiles are the embedded profiles, NAME.yaml each.
//
//go:embed *.yaml
var Profiles embed.FS
