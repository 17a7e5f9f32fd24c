package bus

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Limits of the server. It lives as long as the process that watches, and its stream in a temporary folder of that.
const (
	maxControlLine = 4096
	maxStore       = 64 << 20
	maxAge         = time.Hour // what is older, the files tell
	maxConnections = 1 << 14   // tasks at once; others go without
	startWithin    = 5 * time.Second
)

// Server is a NATS server inside this process, and the watcher's end of its stream.
type Server struct {
	address workdirs.BusAddress
	dir     string // of the stream
	options server.Options
	nats    *server.Server
	conn    *nats.Conn // inside the process
	watch   *consumer
	reading sync.Mutex
	ignored atomic.Int64

	ctx    context.Context // ends with the bus
	cancel context.CancelFunc
	once   sync.Once
}

// Serve starts a server on one interface of this machine, which is named or given by its address, and on a free port. Only who knows its token,
// which is made anew, may use it.
func Serve(iface string) (_ *Server, err error) {
	host, err := address(iface)
	if err != nil {
		return nil, err
	}
	dir, err := streamDir()
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	s := &Server{dir: dir}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			_ = s.Close() // the error that led here says more
		}
	}()
	s.address = workdirs.BusAddress{Token: rand.Text(), PID: os.Getpid(), Since: time.Now().UTC()}
	s.address.Host, _ = os.Hostname()
	s.options = server.Options{
		ServerName: "kerb", Host: host, Port: server.RANDOM_PORT, Authorization: s.address.Token,
		JetStream: true, StoreDir: dir, JetStreamMaxStore: maxStore, JetStreamMaxMemory: 1 << 20,
		MaxPayload: MaxEvent, MaxControlLine: maxControlLine, MaxConn: maxConnections,
		NoLog: true, NoSigs: true, // both are this process's own affair
	}
	if s.nats, err = server.NewServer(s.options.Clone()); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	s.nats.Start()
	if !s.nats.ReadyForConnections(startWithin) {
		return nil, fmt.Errorf("bus: no server on %s within %v", host, startWithin)
	}
	s.address.Address = s.nats.Addr().String()
	if s.conn, err = nats.Connect("", nats.InProcessServer(s.nats), nats.Token(s.address.Token), quiet); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	if s.watch, err = newConsumer((&url.URL{Scheme: "nats", User: url.User(s.address.Token), Host: s.address.Address}).String()); err != nil {
		return nil, err
	}
	return s, s.limit()
}

// limit gives the stream the limits that natty can't set.
func (s *Server) limit() error {
	js, err := s.conn.JetStream()
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	_, err = js.UpdateStream(&nats.StreamConfig{
		Name: streamName, Subjects: []string{subject}, Discard: nats.DiscardOld,
		MaxMsgs: maxMessages, MaxBytes: maxStore / 2, MaxAge: maxAge, MaxMsgSize: MaxEvent,
	})
	if err != nil {
		return fmt.Errorf("bus: limits of the stream: %w", err)
	}
	return nil
}

// quiet keeps nats.go from writing errors that come later to standard error: what is lost here, the files hold.
func quiet(o *nats.Options) error {
	o.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) {}
	return nil
}

// Address is where the server listens, and its token.
func (s *Server) Address() workdirs.BusAddress { return s.address }

// Ignored counts the messages that were no events.
func (s *Server) Ignored() int64 { return s.ignored.Load() }

// Publish hands an event to the server of this process.
func (s *Server) Publish(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return ErrClosed
	}
	return send(s.conn, e)
}

// send publishes an event. The stream takes it by its subject; nobody waits for that.
func send(conn *nats.Conn, e Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(b) > MaxEvent {
		return fmt.Errorf("event of %s[%d] takes %d bytes, more than %d", e.Job, e.Index, len(b), MaxEvent)
	}
	return conn.Publish(subject, b)
}

// Events yields what the stream holds and gets. What is no event is passed over, and counted. A second reader waits for the first.
func (s *Server) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(s.ctx, cancel)
		defer stop()
		s.reading.Lock()
		defer s.reading.Unlock()

		events := make(chan Event)
		var failed error
		done := make(chan struct{})
		go func() {
			defer close(done)
			failed = s.watch.run(ctx, func(data []byte) bool {
				var e Event
				if json.Unmarshal(data, &e) != nil || check(&e) != nil {
					s.ignored.Add(1)
					return true
				}
				select {
				case events <- e:
					return true
				case <-ctx.Done():
					return false
				}
			})
		}()
		defer func() { cancel(); <-done }()
		for {
			select {
			case e := <-events:
				if !yield(e, nil) {
					return
				}
			case <-done:
				if failed != nil && ctx.Err() == nil {
					yield(Event{}, fmt.Errorf("bus: %w", failed))
				}
				return
			}
		}
	}
}

// hangUp ends natty's connection, for which it has no function of its own: nats.go connects again after every error but a few. One of them is
// the server's answer to a message over its limit, which is lowered here after the client has been told of the higher one.
func (s *Server) hangUp() error {
	o := s.options.Clone()
	o.MaxPayload = 1
	if err := s.nats.ReloadOptions(o); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	s.watch.farewell()
	return nil
}

// stopWithin bounds the wait for a server that stops.
const stopWithin = 5 * time.Second

// Close ends the readers, stops the server and removes its stream.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		s.cancel()
		s.reading.Lock() // until the reader has let go
		defer s.reading.Unlock()
		if s.watch != nil {
			err = s.hangUp()
		}
		if s.conn != nil {
			s.conn.Close()
		}
		if s.nats != nil {
			s.nats.Shutdown()
			stopped := make(chan struct{})
			go func() { s.nats.WaitForShutdown(); close(stopped) }()
			select {
			case <-stopped:
			case <-time.After(stopWithin):
				err = errors.Join(err, errors.New("bus: the server does not stop"))
			}
		}
		err = errors.Join(err, os.RemoveAll(s.dir))
	})
	return err
}
