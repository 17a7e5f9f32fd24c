package scheduler

import (
	"slices"
	"strings"
)

// passed are the variables of the submitting process that a job sees: who and where the user is, how text is written,
// and the proxies that remote sources are read through.
var passed = []string{"HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "TZ",
	"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}

// JobEnvironment is the part of environ that a job is given, KERB_* included. The rest stays behind, so that a job runs
// alike from a login shell, from cron and from within another job (whose SLURM_* and SBATCH_* would change what
// the script asks for). sbatch's own --export=NONE has the node start the user's login shell instead, which is slow and may fail.
func JobEnvironment(environ []string) []string {
	var env []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(passed, name) || strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "KERB_") {
			env = append(env, kv)
		}
	}
	return env
}
