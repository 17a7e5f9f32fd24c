package bus

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/batchcorp/natty"
	"github.com/nats-io/nats.go"
)

// This file is all there is of github.com/batchcorp/natty: it takes the stream's messages for the watcher. To do without it, replace
// consumer by a pull subscription of nats.go; nothing else knows of it.
//
// Its tag v0.0.16, the only one that can be had with a checked sum and does not lose messages, holds no licence file; the MIT
// licence was added to its repository later (commit 253238b, 2022-05-26). Who distributes this program has to decide whether that is enough.
//
// What it takes to use it well:
//   - New creates the stream with a name, subjects and a number of messages alone, and refuses one that differs: further limits come after.
//   - New writes the URL, and with it the token, to standard output when it can't connect. So only the process that runs the server calls
//     it, when the server is ready; tasks publish by nats.go.
//   - A fetch waits for a full batch for five seconds: of progress that trickles in, batches must be of one.
//   - Errors are handed out in one goroutine each, and after a connection is lost in a busy loop. So it gets no channel for them, and a loop of ours.
//   - There is no Close: see Server.hangUp.
type consumer struct {
	natty *natty.Natty
	loop  *loop
}

const (
	streamName = "kerb"
	subject    = "kerb.progress"

	// maxMessages bounds the stream: the oldest go first.
	maxMessages = 200_000
)

// newConsumer connects to the server at url, and creates the stream and its one consumer.
func newConsumer(url string) (*consumer, error) {
	l := &loop{}
	n, err := natty.New(&natty.Config{
		NatsURL: []string{url}, StreamName: streamName, StreamSubjects: []string{subject}, ConsumerName: "watch",
		MaxMsgs: maxMessages, FetchSize: 1, ConsumerLooper: l,
	})
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	return &consumer{natty: n, loop: l}, nil
}

// run calls take with every message until ctx ends. A message that take refuses comes again later.
func (c *consumer) run(ctx context.Context, take func(data []byte) bool) error {
	c.loop.ctx = ctx
	return c.natty.Consume(ctx, subject, nil, func(_ context.Context, m *nats.Msg) error {
		c.loop.handled.Add(1)
		if !take(m.Data) {
			return m.Nak()
		}
		return m.Ack()
	})
}

// farewell publishes a message of a few bytes, at which a server that takes none hangs up.
func (c *consumer) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.natty.Publish(ctx, subject, []byte("bye")) // its answer is the end of the connection
}

// loop turns natty's fetches until ctx ends. When they fail at once, as they do without a connection, it slows them down.
type loop struct {
	ctx     context.Context
	handled atomic.Int64
}

func (l *loop) Loop(fetch func() error) {
	for l.ctx.Err() == nil {
		before, start := l.handled.Load(), time.Now()
		_ = fetch() // natty's never returns one
		if l.handled.Load() == before && time.Since(start) < 10*time.Millisecond {
			select {
			case <-l.ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

func (l *loop) Quit()       {}
func (l *loop) Done(error)  {}
func (l *loop) Wait() error { return nil }
