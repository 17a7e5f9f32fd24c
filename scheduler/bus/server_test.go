package bus_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cedadev/kerchunk-builder/scheduler/bus"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

func TestTokenIsAsked(t *testing.T) {
	s := serve(t)
	url := "nats://" + s.Address().Address
	for name, options := range map[string][]nats.Option{
		"none":     nil,
		"wrong":    {nats.Token("guess")},
		"as user":  {nats.UserInfo("kerb", s.Address().Token)},
		"a prefix": {nats.Token(s.Address().Token[:len(s.Address().Token)-1])},
	} {
		if conn, err := nats.Connect(url, options...); err == nil {
			conn.Close()
			t.Errorf("token %s: let in", name)
		}
	}
	wrong := s.Address()
	wrong.Token = "guess"
	p := bus.Join(func() (workdirs.BusAddress, error) { return wrong, nil })
	if err := p.Publish(t.Context(), event(7, 1)); err != nil {
		t.Error(err) // it is not known yet
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Publish(t.Context(), event(8, 1)); err != nil {
		t.Fatal(err)
	}
	read(t, fixture{reader: s, carries: true}, 1, func(e bus.Event) {
		if e.Index != 8 {
			t.Errorf("what came first is of %d", e.Index)
		}
	})
}

// TestHostileMessages: one who has the token sends what is no event, or can't be; none of it is shown, and the next event is.
func TestHostileMessages(t *testing.T) {
	s := serve(t)
	conn, err := nats.Connect("nats://"+s.Address().Address, nats.Token(s.Address().Token))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	bad := func(change func(*bus.Event)) string {
		e := event(1, 1)
		change(&e)
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	messages := []string{
		"", "\x00\xff", "null", "[]", "{}", `{"job":1}`, strings.Repeat("[", 10_000), strings.Repeat("x", bus.MaxEvent-1),
		bad(func(e *bus.Event) { e.Job = "" }), bad(func(e *bus.Event) { e.Index = -1 }), bad(func(e *bus.Event) { e.Attempt = 0 }),
		bad(func(e *bus.Event) { e.Seq = 0 }), bad(func(e *bus.Event) { e.Done = -1 }), bad(func(e *bus.Event) { e.Total = -1 }),
		bad(func(e *bus.Event) { e.Refs = -1 }), bad(func(e *bus.Event) { e.Code = "\x1b[2J" }), bad(func(e *bus.Event) { e.Message = "a\nb" }),
		bad(func(e *bus.Event) { e.Host = "\u202e" }), bad(func(e *bus.Event) { e.Message = strings.Repeat("m", 2000) }),
	}
	for _, m := range messages {
		if err := conn.Publish("kerb.progress", []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Publish("kerb.progress", make([]byte, bus.MaxEvent+1)); err == nil {
		t.Error("a message over the limit was taken")
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), event(2, 1)); err != nil {
		t.Fatal(err)
	}
	read(t, fixture{reader: s, carries: true}, 1, func(e bus.Event) {
		if e.Index != 2 {
			t.Errorf("shown: %+v", e)
		}
	})
	if n := int(s.Ignored()); n != len(messages) {
		t.Errorf("%d of %d messages were ignored", n, len(messages))
	}

	huge := event(3, 1)
	huge.Message = strings.Repeat("m", bus.MaxEvent)
	if err := s.Publish(t.Context(), huge); err == nil {
		t.Error("an event over the limit was published")
	}
}

// TestOversizedWire: a client that does not keep to the limit that the server told it is cut off, and the server goes on.
func TestOversizedWire(t *testing.T) {
	s := serve(t)
	conn, err := net.Dial("tcp", s.Address().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		_, _ = conn.Write([]byte(`CONNECT {"verbose":false,"auth_token":"` + s.Address().Token + `"}` + "\r\nPUB kerb.progress 1000000000\r\n"))
		for range 1 << 10 {
			if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(within))
	for buf := make([]byte, 4<<10); ; {
		if _, err := conn.Read(buf); err != nil {
			if n, ok := err.(net.Error); ok && n.Timeout() {
				t.Fatal("the client was not cut off")
			}
			break
		}
	}
	if err := s.Publish(t.Context(), event(0, 1)); err != nil {
		t.Fatal(err)
	}
	read(t, fixture{reader: s, carries: true}, 1, func(bus.Event) {})
}

func TestOneInterface(t *testing.T) {
	for _, all := range []string{"0.0.0.0", "::", "no-such-interface", ""} {
		if s, err := bus.Serve(all); err == nil {
			s.Close()
			t.Errorf("bus_interface %q: served", all)
		}
	}
	ifaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range ifaces {
		if i.Flags&net.FlagLoopback == 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		s, err := bus.Serve(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		host, _, err := net.SplitHostPort(s.Address().Address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			t.Errorf("%s: serves %s", i.Name, s.Address().Address)
		}
		return
	}
	t.Skip("this machine has no loopback interface that is up")
}

func TestNothingIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := serve(t)
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) != 1 {
		t.Fatalf("while it runs there are %d entries, not one: %v", len(entries), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) != 0 {
		t.Errorf("%d entries are left: %v", len(entries), err)
	}
	if conn, err := net.DialTimeout("tcp", s.Address().Address, time.Second); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
}

func TestAddressIsForItsOwner(t *testing.T) {
	run := newRun(t)
	a := workdirs.BusAddress{Address: "127.0.0.1:1", Token: "secret"}
	if err := run.WriteBusAddress(a); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(run.Dir(), "bus.json")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v: %v", info.Mode(), err)
	}
	if got, err := run.BusAddress(); err != nil || got != a {
		t.Errorf("got %v: %v", got, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run.BusAddress(); err == nil {
		t.Error("a token that anybody could read was taken")
	} else if strings.Contains(err.Error(), a.Token) {
		t.Error("the token is in the error")
	}
}
