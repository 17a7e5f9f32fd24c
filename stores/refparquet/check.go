package refparquet

// Check reports whether everything that the part's manifest names is there as it says, in the part's own folder or already
// in dst, where an earlier [Combine] may have put it.
func (p Part) Check(dst string) error {
	coder, err := newCoder()
	if err != nil {
		return err
	}
	c := &combiner{dst: dst, parts: []Part{p}, opts: CombineOptions{Digests: true}}
	for i := range p.Manifest.Records {
		if _, err := c.locate(&claim{whole: &p.Manifest.Records[i]}); err != nil {
			return err
		}
	}
	for _, f := range p.Manifest.Fragments {
		if err := c.readFragment(fragmentOf{0, f}, coder, &rows{}); err != nil {
			return err
		}
	}
	return nil
}
