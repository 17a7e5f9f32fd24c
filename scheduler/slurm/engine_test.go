package slurm

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	slurmcluster "github.com/cedadev/kerchunk-builder/deploy/slurm-cluster"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/enginetest"
)

func newEngine(t *testing.T, c *slurmcluster.Cluster, interval time.Duration) *Engine {
	t.Helper()
	e, err := New(Options{Interval: interval, Cache: t.TempDir(), Conf: c.Conf})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func fixture(t *testing.T, c *slurmcluster.Cluster) enginetest.Fixture {
	return enginetest.Fixture{
		Engine: newEngine(t, c, 200*time.Millisecond),
		EndTime: func(t *testing.T, job scheduler.JobID) {
			c.Run(t, "scontrol", "update", "JobId="+string(job), "EndTime=now+2")
		},
	}
}

// TestMain spoils the environment that the engine must not hand on.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"ENGINETEST_LEAK": "1", "SBATCH_PARTITION": "nowhere", "SQUEUE_FORMAT": "%i", "SLURM_MEM_PER_NODE": "1", "SLURM_TIME_FORMAT": "relative",
	} {
		os.Setenv(name, value)
	}
	os.Exit(m.Run())
}

// TestConformance runs the suite on a SLURM with accounting that forgets a job as soon as it has ended, and on one without
// accounting.
func TestConformance(t *testing.T) {
	t.Run("Accounting", func(t *testing.T) {
		t.Parallel()
		c := slurmcluster.Start(t, slurmcluster.Options{Accounting: true, MinJobAge: 2})
		f := fixture(t, c)
		f.SeesMemory = true
		f.Forget = func(t *testing.T, job scheduler.JobID) {
			for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
				cmd := exec.Command("squeue", "--noheader", "--states=all", "--jobs="+string(job))
				cmd.Env = append(os.Environ(), "SLURM_CONF="+c.Conf, "SQUEUE_FORMAT=")
				if out, err := cmd.CombinedOutput(); err != nil && strings.Contains(string(out), "Invalid job id") {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("job %s is still in the queue", job)
				}
			}
		}
		enginetest.Run(t, f)
	})
	t.Run("NoAccounting", func(t *testing.T) {
		t.Parallel()
		enginetest.Run(t, fixture(t, slurmcluster.Start(t, slurmcluster.Options{})))
	})
}
