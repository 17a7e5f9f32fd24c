package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/bus"
)

// bus serves the bus of a run that nobody has, and tries it from here and, when asked, from a compute node.
func (d *doctor) bus(ctx context.Context, site *scheduler.Site, opts doctorOptions) {
	var server *bus.Server
	switch site.BusInterface {
	case "":
		d.say("bus", true, "none for jobs: they are watched by their files; bus_interface in the site's file names an interface for live progress", "")
	case busOff:
		d.say("bus", true, "off: jobs are watched by their files", "")
	default:
		server = d.serve(ctx, site.BusInterface)
	}
	if server != nil {
		defer server.Close()
	}
	if opts.probe {
		d.probe(ctx, site, opts.workdir, server)
	}
}

// serve starts a server on an interface, and tries it; nil when it can't be had.
func (d *doctor) serve(ctx context.Context, iface string) *bus.Server {
	remedy := "set bus_interface in the site's file to one that compute nodes reach, or to off; here are " + strings.Join(interfaces(), ", ")
	s, err := bus.Serve(iface)
	if err != nil {
		d.say("bus", false, err.Error(), remedy)
		return nil
	}
	host, port, err := net.SplitHostPort(s.Address().Address)
	if err != nil || !bus.Answers(ctx, s.Address()) {
		d.say("bus", false, "a server on "+iface+" ("+s.Address().Address+") does not answer", remedy)
		_ = s.Close() // the finding says more
		return nil
	}
	found := "serves on " + iface + " (" + host + "), on a free port (now " + port + "), to who has the token in the run's bus.json, which only you may read"
	if ip := net.ParseIP(host); ip.IsLoopback() {
		found += "; this address reaches tasks on this machine only"
	}
	d.say("bus", true, found, "")
	return s
}

// interfaces lists the network interfaces of this machine with their addresses.
func interfaces() []string {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var list []string
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil || len(addrs) == 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		list = append(list, i.Name+" ("+addrs[0].String()+")")
	}
	return list
}

// probeScript runs on a compute node, with the workdir, this program, and the host and port of the bus. It prints a word for each that is there.
const probeScript = `echo "on $(hostname)"
if [ -n "$1" ] && test -w "$1"; then echo workdir; fi
if "$2" --version >/dev/null 2>&1; then echo kerb; fi
if [ -n "$3" ] && timeout 5 bash -c "exec 3<>/dev/tcp/$3/$4" 2>/dev/null; then echo bus; fi`

// The longest that a probe waits for a node, and for the end of its job after that.
const (
	nodeWithin  = 60 * time.Second
	probeWithin = nodeWithin + 30*time.Second
)

// probe tries on a compute node what tasks need there.
func (d *doctor) probe(ctx context.Context, site *scheduler.Site, workdir string, server *bus.Server) {
	p, err := site.Choose(scheduler.Placement{Request: scheduler.Request{CPUs: 1, Memory: 100 << 20, Time: time.Minute}})
	if err != nil {
		d.say("node", false, oneLine(err.Error()), "ask for another place with --account, --partition and --qos")
		return
	}
	kerb, err := os.Executable()
	if err != nil {
		d.say("node", false, err.Error(), "")
		return
	}
	args := []string{"--quiet", "--immediate=" + strconv.Itoa(int(nodeWithin.Seconds())), "--job-name=kerb.doctor", "--ntasks=1", "--mem=100M", "--time=1"}
	for _, f := range [][2]string{{"--partition=", p.Partition}, {"--qos=", p.QoS}, {"--account=", p.Account}} {
		if f[1] != "" {
			args = append(args, f[0]+f[1])
		}
	}
	host, port := "", ""
	if server != nil {
		host, port, _ = net.SplitHostPort(server.Address().Address) // serve has split it before
	}
	if workdir != "" {
		workdir = absolute(workdir)
	}
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	c := exec.CommandContext(ctx, "srun", append(args, "bash", "-c", probeScript, "probe", workdir, kerb, host, port)...)
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	words := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || !strings.HasPrefix(words[0], "on ") {
		d.say("node", false, "no job of a minute has run: "+oneLine(string(out)), "see that `srun hostname` works; a busy cluster may have no room now")
		return
	}
	node := strings.TrimPrefix(words[0], "on ")
	d.say("node", true, "a job has run on "+node, "")
	for _, c := range []struct{ word, has, hasnt, remedy string }{
		{"workdir", "may write to the workdir", "may not write to the workdir", "put the workdir on a file system that compute nodes share"},
		{"kerb", "runs " + kerb, "does not run " + kerb, "put kerb on a file system that compute nodes share"},
		{"bus", "reaches the bus", "does not reach the bus", "set bus_interface in the site's file to another interface, or to off: runs work without it"},
	} {
		if c.word == "workdir" && workdir == "" || c.word == "bus" && server == nil {
			continue
		}
		ok := slices.Contains(words[1:], c.word)
		said := c.hasnt
		if ok {
			said = c.has
		}
		d.say("node", ok, node+" "+said, c.remedy)
	}
}
