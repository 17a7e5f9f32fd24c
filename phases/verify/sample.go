package verify

import (
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"slices"
)

// shares divides n chunks among arrays with the given numbers of them: as evenly as their sizes
// allow, but at least two each. What small arrays leave goes to larger ones. A negative n is all.
func shares(chunks []int64, n int64) []int64 {
	out := make([]int64, len(chunks))
	order := make([]int, len(chunks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(min(1, max(-1, chunks[a]-chunks[b]))) })
	for done, i := range order {
		if n < 0 {
			out[i] = chunks[i]
			continue
		}
		out[i] = min(chunks[i], max(2, n/int64(len(order)-done)))
		n = max(0, n-out[i])
	}
	return out
}

// strata chooses n of count indexes, ascending: both ends, and at random one of each of n-2 equal
// stretches between them. As the files of an array follow one another in it, the choice is spread over them.
func strata(count, n int64, random *rand.Rand) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		if n >= count {
			for i := range count {
				if !yield(i) {
					return
				}
			}
			return
		}
		if n < 1 || !yield(0) {
			return
		}
		lo := int64(1)
		for left := n - 2; left > 0; left-- {
			hi := lo + (count-1-lo)/left
			if !yield(lo + random.Int64N(hi-lo)) {
				return
			}
			lo = hi
		}
		if n > 1 {
			yield(count - 1)
		}
	}
}

// randomFor is a source of random numbers for one array: the same for the same seed, whatever other arrays there are.
func randomFor(seed uint64, path string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(path)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
