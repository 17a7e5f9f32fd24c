package refparquet

// Manifest says what a part wrote.
type Manifest struct {
	RecordSize int        `json:"record_size"`
	Records    []Record   `json:"records,omitempty"`
	Fragments  []Fragment `json:"fragments,omitempty"`
}

// Record is a whole record: the file ARRAY/refs.N.parq.
type Record struct {
	Array   string `json:"array"`
	N       int64  `json:"n"`
	Rows    int    `json:"rows"`    // all rows of the record
	Missing int    `json:"missing"` // those of them that have no reference
	Bytes   int64  `json:"bytes"`
	Digest  string `json:"digest"`
}

// Fragment is some rows of a record that others have to complete: bytes of the part's fragment file.
// A record may have several.
type Fragment struct {
	Array   string `json:"array"`
	N       int64  `json:"n"`
	Rows    int    `json:"rows"`
	Missing int    `json:"missing"`
	Offset  int64  `json:"offset"`
	Bytes   int64  `json:"bytes"`
	Digest  string `json:"digest"`
}
