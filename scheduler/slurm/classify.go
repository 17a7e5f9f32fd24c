package slurm

import (
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// state reads a job state of squeue or sacct ("CANCELLED by 1000" too). A task that is being put back into the queue is
// Pending, and one that is starting or ending is Running: neither outcome is known yet.
func state(word string) scheduler.State {
	word, _, _ = strings.Cut(strings.TrimSuffix(word, "+"), " ")
	switch word {
	case "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT", "POWER_UP_NODE", "EXPEDITING":
		return scheduler.Pending
	case "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING", "UPDATE_DB":
		return scheduler.Running
	case "COMPLETED":
		return scheduler.Completed
	case "FAILED", "LAUNCH_FAILED":
		return scheduler.Failed
	case "TIMEOUT", "DEADLINE":
		return scheduler.Timeout
	case "OUT_OF_MEMORY":
		return scheduler.OutOfMemory
	case "NODE_FAIL", "BOOT_FAIL", "RECONFIG_FAIL":
		return scheduler.NodeFail
	case "PREEMPTED":
		return scheduler.Preempted
	case "CANCELLED", "REVOKED":
		return scheduler.Cancelled
	}
	return scheduler.Unknown
}

// exitStatus reads an exit code: CODE:SIGNAL, or the raw wait status that squeue 22.05 prints.
func exitStatus(field string) (code, signal int) {
	if c, s, ok := strings.Cut(field, ":"); ok {
		code, _ = strconv.Atoi(c)
		signal, _ = strconv.Atoi(s)
		return code, signal
	}
	raw, err := strconv.ParseUint(field, 10, 32)
	if err != nil {
		return 0, 0
	}
	return int(raw >> 8 & 0xff), int(raw & 0x7f)
}

const sigkill = 9

// classify is the state of an ended task as a retry should see it. Where memory is not enforced by cgroups, a task over
// its memory is FAILED by SIGKILL, and only its peak tells.
func classify(t scheduler.TaskState) scheduler.State {
	if t.State == scheduler.Failed && killed(t) && t.Memory > 0 && t.PeakRSS >= t.Memory {
		return scheduler.OutOfMemory
	}
	return t.State
}

// killed reports whether the task, or what its script ran, was ended by SIGKILL.
func killed(t scheduler.TaskState) bool {
	return t.Signal == sigkill || t.ExitCode == 128+sigkill
}
