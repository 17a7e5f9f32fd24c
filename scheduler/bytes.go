package scheduler

// Bytes is an amount of memory, as text in sbatch's words: 500M, 128G, 6T.
type Bytes int64

// String writes b as --mem takes it.
func (b Bytes) String() string { return FormatMemory(int64(b)) }

// MarshalText writes what String does.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads an amount of memory.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := ParseMemory(string(text))
	*b = Bytes(n)
	return err
}
