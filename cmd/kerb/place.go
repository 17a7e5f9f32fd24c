package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/scheduler"
)

// placeOptions say where a user wants a run's jobs to be: what is left open is for the site's profile to choose.
type placeOptions struct{ account, partition, qos string }

func (p *placeOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "account", Usage: "SLURM: the `ACCOUNT` to charge", Destination: &p.account},
		&cli.StringFlag{Name: "partition", Usage: "SLURM: use `PARTITION` only", Destination: &p.partition},
		&cli.StringFlag{Name: "qos", Usage: "SLURM: use `QOS` only", Destination: &p.qos},
	}
}

func (p placeOptions) given() bool { return p != placeOptions{} }

// settle makes the run's site what its profile, the user and the cluster say. A cluster that can't be asked is an ErrUnreachable, after which
// the site is what the others say.
func (o *orchestra) settle(ctx context.Context, p placeOptions) error {
	if p.given() && o.local != nil {
		return usagef("--account, --partition and --qos are for SLURM, not for --scheduler local")
	}
	if p.account != "" {
		o.site.Account = p.account
	}
	unknown := o.complete(ctx)
	if err := o.site.Narrow(p.partition, p.qos); err != nil {
		return &phases.Error{Class: phases.Input, Err: err, Remedy: "see `kerb doctor --site " + siteName(o.info.Site) + "`"}
	}
	return unknown
}

// move settles anew where the jobs of a run are to be that are submitted from now on.
func (o *orchestra) move(ctx context.Context, p placeOptions) error {
	if !p.given() {
		return nil
	}
	site, err := scheduler.LoadSite(siteName(o.info.Site))
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
	}
	site.Account = o.site.Account
	o.site = site
	if err := o.settle(ctx, p); err != nil {
		return err
	}
	return o.run.WriteSite(o.site)
}
