package cdm

import "github.com/cedadev/kerchunk-builder/formats/codecs"

// EncodeStrings frames the strings of a chunk of Object type as numcodecs' vlen-utf8 codec does.
// A string that is not UTF-8 is an error.
func EncodeStrings(values []string) ([]byte, error) { return codecs.EncodeStrings(values) }

// DecodeStrings undoes [EncodeStrings].
func DecodeStrings(chunk []byte) ([]string, error) { return codecs.DecodeStrings(chunk) }
