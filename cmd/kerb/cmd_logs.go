package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

type logsOptions struct {
	workdir string
	follow  bool
}

func newLogsCommand(env environment) *cli.Command {
	var opts logsOptions
	return &cli.Command{
		Name:      "logs",
		Usage:     "print the logs of a dataset or of a task",
		ArgsUsage: "GROUP DATASET|JOB_INDEX",
		Description: `Prints the logs of all tasks of a dataset in the newest run of a group, or of one task: JOB_INDEX is the plan's key
of the job or the scheduler's id, an underscore, and the array index.

Example:
   kerb logs ocean sst-daily -w /gws/me/work
   kerb logs ocean compute_3 -w /gws/me/work --follow`,
		Flags: []cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on printing what they say, and the logs that begin later, until interrupted", Destination: &opts.follow},
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 2, 2)
			if err != nil {
				return err
			}
			return runLogs(c.Context, args[0], args[1], opts, env)
		},
	}
}

// logFile is the log of one attempt at a task.
type logFile struct{ title, path string }

func runLogs(ctx context.Context, group, what string, opts logsOptions, env environment) error {
	o, err := openLatest(opts.workdir, group)
	if err != nil {
		return err
	}
	p := logPrinter{w: env.stdout, printed: map[string]int64{}}
	for {
		files, err := findLogs(o, what)
		if err != nil {
			return err
		}
		if len(files) == 0 && !opts.follow {
			return refused("see `"+commandLine(o.workdir.Root(), "status", o.info.Group, "--by", "dataset")+"`", "group %s has no logs of %s yet", o.info.Group, what)
		}
		for _, f := range files {
			if err := p.print(f, !opts.follow); err != nil {
				return err
			}
		}
		if !opts.follow {
			return nil
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// logPrinter prints what of logs it has not printed yet, each piece under the title of its log.
type logPrinter struct {
	w       io.Writer
	printed map[string]int64 // bytes, by path
	last    string           // the log printed last
}

// print prints what a log has gained. Of a log that is done with it says that it is empty.
func (p *logPrinter) print(l logFile, done bool) error {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	at := p.printed[l.path]
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() == at && done:
		_, err := fmt.Fprintf(p.w, "==> %s: nothing printed <==\n", l.title)
		return err
	case info.Size() <= at:
		return nil
	}
	if p.last != l.path {
		if _, err := fmt.Fprintf(p.w, "==> %s <==\n", l.title); err != nil {
			return err
		}
		p.last = l.path
	}
	n, err := io.Copy(p.w, io.NewSectionReader(f, at, info.Size()-at))
	p.printed[l.path] = at + n
	return err
}

// findLogs lists the logs of a dataset or of a task, oldest first.
func findLogs(o *orchestra, what string) ([]logFile, error) {
	var plan scheduler.Plan
	if err := o.run.ReadPlan(&plan); err != nil {
		return nil, err
	}
	ledger, err := scheduler.ReadLedger(o.run)
	if err != nil {
		return nil, err
	}
	wanted := func(s *scheduler.Submitted, i int) bool {
		job, ok := plan.Job(s.Ref.Key)
		if !ok || i >= len(job.Tasks) {
			return false
		}
		for _, item := range job.Tasks[i] {
			if item.Code == what || itemNames(scheduler.Task{item}) == what {
				return true
			}
		}
		return false
	}
	if cut := strings.LastIndexByte(what, '_'); cut > 0 {
		if index, err := strconv.Atoi(what[cut+1:]); err == nil {
			name := what[:cut]
			byDataset := wanted
			wanted = func(s *scheduler.Submitted, i int) bool {
				return i == index && (s.Ref.Key == name || s.Ref.String() == name || string(s.Job) == name) || byDataset(s, i)
			}
		}
	}
	var files []logFile
	for _, s := range ledger.Submissions {
		for _, i := range s.Indices {
			path := o.run.Log(s.Ref.String(), i)
			if !wanted(s, i) {
				continue
			}
			if _, err := os.Stat(path); err == nil {
				files = append(files, logFile{fmt.Sprintf("%s index %d (job %s)", s.Ref, i, s.Job), path})
			}
		}
	}
	return files, nil
}
