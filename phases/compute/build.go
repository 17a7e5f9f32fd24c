package compute

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// batchSize is how many references travel together from the readers of files to the writer of the store.
const batchSize = 2048

// ahead is how many files are read at once, in front of the one whose references are being written: enough to hide an
// archive's latency.
func ahead() int { return max(4, 2*runtime.GOMAXPROCS(0)) }

// work is what a stretch of files has to contribute: the arrays that each owns a stretch of.
type work struct {
	plan *virtual.Plan
	opts Options
	refs [][]int // by file: arrays made of references
	vals [][]int // by file: arrays stored by value
	link func(url string) (string, error)
}

func newWork(p *virtual.Plan, opts Options) *work {
	w := &work{plan: p, opts: opts, refs: make([][]int, len(p.Files)), vals: make([][]int, len(p.Files))}
	var steps []Step
	if opts.Links != nil {
		steps = []Step{linking(*opts.Links)}
	}
	w.link = func(url string) (string, error) { return Home(steps, url) }
	for a, owners := range p.Owners() {
		for _, f := range owners {
			if p.Layouts[a].Role == virtual.Decoded {
				w.vals[f] = append(w.vals[f], a)
			} else {
				w.refs[f] = append(w.refs[f], a)
			}
		}
	}
	return w
}

// run visits the files from up to but not including to, several at once, and puts their references into store in the order of the files.
// What is stored by value goes to values. Either may be nil: then that is left to another step.
func (w *work) run(ctx context.Context, from, to int, store *refparquet.Writer, values *decoded) error {
	g, ctx := errgroup.WithContext(ctx)
	queue := make(chan chan []entry, ahead()) // one channel a file, in order
	spare := make(chan []entry, 4*ahead())
	g.Go(func() error {
		defer close(queue)
		for f := from; f < to; f++ {
			if !w.contributes(f, store, values) {
				continue
			}
			batches := make(chan []entry, 2)
			select {
			case queue <- batches:
			case <-ctx.Done():
				return ctx.Err()
			}
			g.Go(func() error {
				defer close(batches)
				return w.visit(ctx, f, store != nil, values, batches, spare)
			})
		}
		return nil
	})
	g.Go(func() error {
		at := phases.Progress{Total: w.visits(from, to, store, values)}
		for batches := range queue {
			for batch := range batches {
				for i := range batch {
					if err := put(store, &batch[i]); err != nil {
						return err
					}
					if batch[i].unwritten == 0 {
						at.References++
					}
				}
				select {
				case spare <- batch[:0]:
				default:
				}
			}
			if at.Done++; w.opts.Progress != nil && ctx.Err() == nil {
				w.opts.Progress(at)
			}
		}
		return nil
	})
	return g.Wait()
}

// contributes reports whether file f is read at all for what is wanted.
func (w *work) contributes(f int, store *refparquet.Writer, values *decoded) bool {
	return store != nil && len(w.refs[f]) > 0 || values != nil && len(w.vals[f]) > 0
}

// visits counts the files that are read.
func (w *work) visits(from, to int, store *refparquet.Writer, values *decoded) int64 {
	n := int64(0)
	for f := from; f < to; f++ {
		if w.contributes(f, store, values) {
			n++
		}
	}
	return n
}

func put(store *refparquet.Writer, e *entry) error {
	if e.unwritten > 0 {
		return store.Missing(e.array, e.index, e.unwritten)
	}
	return store.Put(e.array, e.index, e.ref)
}

// visit opens file f and sends what it contributes in batches.
func (w *work) visit(ctx context.Context, f int, refs bool, values *decoded, batches chan<- []entry, spare <-chan []entry) error {
	where := &w.plan.Files[f]
	src, err := w.opts.Open(ctx, where.URL)
	if err != nil {
		return err
	}
	defer src.Close()
	src = &phases.SourceFile{File: w.plan.View(f, src.File), Size: src.Size, MTime: src.MTime, Stats: src.Stats}
	if src.Size != where.Size {
		return phases.Errorf(phases.Damaged, "run configure again", "%s has %d bytes, but had %d when configure ran", where.URL, src.Size, where.Size)
	}
	var batch []entry
	send := func() error {
		select {
		case batches <- batch:
			batch = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	v := &visitor{plan: w.plan, file: f, src: src, link: w.link, yield: func(e entry) error {
		if batch == nil {
			select {
			case batch = <-spare:
			default:
				batch = make([]entry, 0, batchSize)
			}
		}
		if batch = append(batch, e); len(batch) == batchSize {
			return send()
		}
		return nil
	}}
	if refs {
		for _, a := range w.refs[f] {
			if err := v.references(ctx, a); err != nil {
				return err
			}
		}
	}
	if values != nil {
		for _, a := range w.vals[f] {
			if err := values.add(ctx, v, a); err != nil {
				return err
			}
		}
	}
	if len(batch) > 0 {
		return send()
	}
	return nil
}
