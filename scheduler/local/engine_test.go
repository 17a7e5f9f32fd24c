package local

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cedadev/kerchunk-builder/scheduler/enginetest"
)

// TestMain lets the suite's tests, which mostly wait, run at the same time, and spoils the environment that must not be handed on.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	os.Setenv("ENGINETEST_LEAK", "1")
	goleak.VerifyTestMain(m)
}

// newEngine makes an engine that promises jobs more than the machine may have: the tests' jobs are small.
func newEngine(t *testing.T, dir string) *Engine {
	t.Helper()
	e, err := New(dir, Options{CPUs: 32, Memory: 4 << 30, KillWait: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// driven drives an engine until the test ends.
func driven(t *testing.T, e *Engine) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		for {
			if err := e.Run(ctx); err != nil {
				done <- err
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; ctx.Err() == nil {
			t.Error(err)
		}
	})
}

// TestConformance runs the suite with one engine that drives, and another, as of another process, that is asked.
func TestConformance(t *testing.T) {
	dir := t.TempDir()
	driven(t, newEngine(t, dir))
	enginetest.Run(t, enginetest.Fixture{Engine: newEngine(t, dir), SeesMemory: true})
}
