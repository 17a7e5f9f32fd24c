// Command bench measures what the program promises about its speed and prints one table: each figure of ours beside that of
// a peer doing the same work on the same files, and their ratio.
//
//	go run ./deploy/bench [-only build,index,large,orchestrate] [-refs 1000000,10000000] [-chunks 1000000]
//
// Every step is a process of its own, so that its processor time (user and system) and its peak memory are the kernel's
// figures for that step and nothing else. Ratios are of processor time, which other work on the machine disturbs least; the time
// on the clock stands beside it, and is what counts on a machine with nothing else to do. Files are in the page cache.
//
// The peers (kerchunk, and libhdf5's own H5Dchunk_iter in C) run in the oracle: a folder with an executable "run" that runs its
// arguments in an environment that has them and sees the temporary folder. KERB_ORACLE names it; ../shared/oracle is looked at too. Without it, python3 and
// cc of this machine are tried; where a peer is missing its column says so.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// row is a line of the table.
type row struct {
	work, ours, peer, ratio, more string
}

// bench is what the sections share.
type bench struct {
	dir    string // temporary
	peers  peers
	refs   []int64 // sizes of the simulated datasets
	chunks int64   // of the large single files
	rows   []row
}

func (b *bench) add(work, ours, peer, ratio, more string) {
	b.rows = append(b.rows, row{work, ours, peer, ratio, more})
	fmt.Fprintf(os.Stderr, "bench: %s: %s; %s; %s %s\n", work, ours, peer, ratio, more)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "step" {
		if err := step(context.Background(), os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	only := flag.String("only", "build,index,large,orchestrate", "the sections to run")
	refs := flag.String("refs", "1000000,10000000", "references of the simulated datasets")
	chunks := flag.Int64("chunks", 1_000_000, "chunks of the large single files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *refs, *chunks); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only, refs string, chunks int64) error {
	b := &bench{chunks: chunks}
	for s := range strings.SplitSeq(refs, ",") {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < files*variables {
			return fmt.Errorf("-refs: %q is no number from %d up", s, files*variables)
		}
		b.refs = append(b.refs, n)
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "kerb-bench-*"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	b.peers = findPeers(b.dir)
	began := time.Now()
	for name := range strings.SplitSeq(only, ",") {
		section := map[string]func(context.Context) error{"build": b.build, "index": b.index, "large": b.large, "orchestrate": b.orchestrate}[name]
		if section == nil {
			return fmt.Errorf("-only: no section %q", name)
		}
		if err := section(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Printf("%d cores, %s; peers: %s; cpu is processor time, wall is the clock, rss is peak memory; %s\n\n", runtime.NumCPU(), runtime.Version(), b.peers, time.Since(began).Round(time.Second))
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WORK\tOURS\tPEER\tRATIO\tMORE")
	for _, r := range b.rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.work, r.ours, r.peer, r.ratio, r.more)
	}
	return t.Flush()
}
