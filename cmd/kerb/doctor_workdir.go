package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// checkWorkdir tries what the workdir's file system must be able to do.
func (d *doctor) workdir(dir string) {
	probe, err := os.MkdirTemp(dir, ".doctor-*")
	if err != nil {
		d.say("workdir", false, err.Error(), "choose a workdir that you may write to")
		return
	}
	defer os.RemoveAll(probe)
	a, b := filepath.Join(probe, "a"), filepath.Join(probe, "b")
	d.say("workdir", true, dir+" is writable", "")
	try := func(what, said, remedy string, err error) {
		if err != nil {
			said = err.Error()
		}
		d.say(what, err == nil, said, remedy)
	}
	start := time.Now()
	err = os.WriteFile(a, []byte("x"), 0o600)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(a, os.O_WRONLY, 0); err == nil {
			err = f.Sync()
			f.Close()
		}
	}
	try("fsync", fmt.Sprintf("works (%s)", time.Since(start).Round(time.Microsecond)), "records could be lost in a crash: use another file system", err)
	try("hard links", "work", "leases need link(2): use another file system for the workdir", os.Link(a, b))
	try("rename", "works", "atomic writes need rename(2)", os.Rename(b, filepath.Join(probe, "c")))
	info, err := os.Stat(a)
	if err == nil {
		if skew := time.Since(info.ModTime()).Abs(); skew > 5*time.Second {
			d.say("clock", false, fmt.Sprintf("this machine and the file server differ by %s", skew.Round(time.Second)), "have the clocks set; times shown will be off")
		}
	}
}
