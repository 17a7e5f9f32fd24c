package scheduler

import (
	"fmt"
	"slices"
	"strings"
)

// Narrow leaves of the site what a user has asked for: one partition, or one QoS, or both; "" leaves the choice to the site's profile.
// Where neither the profile nor the cluster describes any, what was asked for is taken as it is. It is an error to ask for what is not there.
func (s *Site) Narrow(partition, qos string) error {
	if partition != "" {
		p, err := named(s.Partitions, partition, "partition", func(p *Partition) string { return p.Name })
		if err != nil {
			return err
		}
		p.Name, p.OnRequest = partition, false
		s.Partitions = []Partition{p}
		s.QoS = slices.DeleteFunc(slices.Clone(s.QoS), func(q QoS) bool { return !p.allows(q.Name) })
	}
	if qos == "" {
		return nil
	}
	q, err := named(s.QoS, qos, "QoS", func(q *QoS) string { return q.Name })
	if err != nil {
		return err
	}
	q.Name = qos
	s.QoS = []QoS{q}
	fit := slices.DeleteFunc(slices.Clone(s.Partitions), func(p Partition) bool { return !p.allows(qos) })
	switch {
	case len(s.Partitions) == 0:
		fit = []Partition{{}} // the cluster's own default one
	case len(fit) == 0:
		return fmt.Errorf("no partition allows QoS %s", qos)
	}
	asked := !slices.ContainsFunc(fit, func(p Partition) bool { return !p.OnRequest }) // with the QoS, for its partition
	for i := range fit {
		fit[i].QoS = []string{qos}
		fit[i].OnRequest = fit[i].OnRequest && !asked
	}
	s.Partitions = fit
	return nil
}

func (p *Partition) allows(qos string) bool { return len(p.QoS) == 0 || slices.Contains(p.QoS, qos) }

// named finds what has a name in list. Where list is empty it is a new one, without a name.
func named[T any](list []T, want, what string, name func(*T) string) (T, error) {
	var none T
	var all []string
	for i := range list {
		if name(&list[i]) == want {
			return list[i], nil
		}
		all = append(all, name(&list[i]))
	}
	if len(all) > 0 {
		return none, fmt.Errorf("there is no %s %s here, only %s", what, want, strings.Join(all, ", "))
	}
	return none, nil
}
