package verify

import (
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
)

// withoutLinks answers s with its references as they were before its links were rewritten: to the files that the plan is of.
func withoutLinks(s zarr.Store) zarr.Store { return compute.Unlinked(s) }
