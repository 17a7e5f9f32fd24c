package phases

// Progress is how far the work at one dataset, or at a part of one, has come.
type Progress struct {
	Done       int64 // files; in the test phase chunks
	Total      int64 // 0: not known
	References int64 // written so far, by compute
}
