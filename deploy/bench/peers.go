package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The peers' side of each measurement.
//
//go:embed peers
var peerFiles embed.FS

// peers runs the peers' programs.
type peers struct {
	dir    string
	prefix []string // of every command: the oracle's run, or nothing
}

// errNoPeer says that a peer isn't there.
var errNoPeer = errors.New("not here")

func findPeers(dir string) peers {
	p := peers{dir: filepath.Join(dir, "peers")}
	for _, oracle := range []string{os.Getenv("KERB_ORACLE"), "../shared/oracle"} {
		if abs, err := filepath.Abs(filepath.Join(oracle, "run")); err == nil && oracle != "" {
			if info, err := os.Stat(abs); err == nil && info.Mode()&0o111 != 0 {
				p.prefix = []string{abs}
				break
			}
		}
	}
	return p
}

func (p peers) String() string {
	if p.prefix != nil {
		return "the oracle's"
	}
	return "this machine's, where it has them"
}

// command runs a peer's command and decodes what it prints into out.
func (p peers) command(ctx context.Context, out any, name string, args ...string) (usage, error) {
	if p.prefix == nil {
		if _, err := exec.LookPath(name); err != nil {
			return usage{}, fmt.Errorf("%s: %w", name, errNoPeer)
		}
	}
	all := append(append(append([]string{}, p.prefix...), name), args...)
	u, err := process(ctx, out, nil, all[0], all[1:]...)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", errNoPeer, err)
	}
	return u, err
}

// file puts one of the peers' programs where they can run it.
func (p peers) file(name string) (string, error) {
	text, err := peerFiles.ReadFile("peers/" + name)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(p.dir, name)
	return path, os.WriteFile(path, text, 0o644)
}

// python runs one of the peers' Python programs.
func (p peers) python(ctx context.Context, out any, name string, args ...string) (usage, error) {
	path, err := p.file(name)
	if err != nil {
		return usage{}, err
	}
	return p.command(ctx, out, "python3", append([]string{path}, args...)...)
}

// compiled compiles one of the peers' C programs against libhdf5.
func (p peers) compiled(ctx context.Context, name string) (string, error) {
	path, err := p.file(name)
	if err != nil {
		return "", err
	}
	bin := path + ".bin"
	_, err = p.command(ctx, nil, "h5cc", "-O2", "-o", bin, path)
	return bin, err
}
