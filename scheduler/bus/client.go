package bus

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// How a task publishes: it never waits for the network.
const (
	answerWithin = 2 * time.Second        // of a server, or it is not used
	askAgain     = 15 * time.Second       // after this, whether somebody watches now
	lastWords    = 500 * time.Millisecond // for what is left at the end
	queueLength  = 256                    // events that wait for the connection; more are dropped
)

// Client is a task's end: it publishes to the server whose address find returns. While there is none, or it does not answer, events are
// dropped, and find is asked again from time to time, since somebody may begin to watch at any time.
type Client struct {
	find   func() (workdirs.BusAddress, error)
	done   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	queue  chan Event
	closed bool
}

// Join makes a task's end of the bus. It returns at once: the connection is made beside the task's work, when it has something to say.
func Join(find func() (workdirs.BusAddress, error)) *Client {
	c := &Client{find: find, done: make(chan struct{}), queue: make(chan Event, queueLength)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	go c.run()
	return c
}

type queueFullError struct{}

func (queueFullError) Error() string {
	return "bus: no connection yet, and too many events wait for it"
}

// Publish queues the event.
func (c *Client) Publish(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	select {
	case c.queue <- e:
		return nil
	default:
		return queueFullError{}
	}
}

// Close waits a moment for what is queued, and ends the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
	c.mu.Unlock()
	late := time.AfterFunc(lastWords, c.cancel)
	<-c.done
	late.Stop()
	c.cancel()
	return nil
}

func (c *Client) run() {
	defer close(c.done)
	var conn *nats.Conn
	var asked time.Time
	for e := range c.queue {
		if conn == nil || conn.IsClosed() {
			if conn = nil; !asked.IsZero() && time.Since(asked) < askAgain {
				continue
			}
			asked = time.Now()
			if conn = c.connect(); conn == nil {
				continue
			}
		}
		_ = send(conn, e) // best effort: the event is in the task's file
	}
	if conn != nil {
		_ = conn.FlushTimeout(lastWords)
		conn.Close()
	}
}

// connect connects to the server, if there is one; nil when there is not.
func (c *Client) connect() *nats.Conn {
	a, err := c.find()
	if err != nil {
		return nil // nobody watches, or it is not for us
	}
	conn, err := connect(c.ctx, a)
	if err != nil {
		return nil
	}
	return conn
}

// Answers reports whether the server at an address answers, and takes the token.
func Answers(ctx context.Context, a workdirs.BusAddress) bool {
	conn, err := connect(ctx, a)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func connect(ctx context.Context, a workdirs.BusAddress) (*nats.Conn, error) {
	host, _, err := net.SplitHostPort(a.Address)
	if err != nil {
		return nil, err
	}
	// A loopback address is another server on another machine: it must not get the token.
	if me, err := os.Hostname(); net.ParseIP(host).IsLoopback() && (err != nil || me != a.Host) {
		return nil, fmt.Errorf("the bus is for tasks on %s only", a.Host)
	}
	return nats.Connect("nats://"+a.Address, nats.Token(a.Token), nats.Name("kerb task"), quiet,
		nats.NoReconnect(), nats.Timeout(answerWithin/2), nats.FlusherTimeout(answerWithin), nats.SetCustomDialer(dialer{ctx}))
}

// dialer makes connections that end with ctx.
type dialer struct{ ctx context.Context }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	n := net.Dialer{Timeout: answerWithin / 2}
	conn, err := n.DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	return conn, nil
}
