// Package jsonstream reads and writes JSON as a stream of tokens, with two things that
// encoding/json lacks and reference stores need: the literals NaN, Infinity and -Infinity, which
// Python writes and reads, and objects whose members keep their order.
package jsonstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Token is the kind of a token. Delimiters are their own character.
type Token byte

// The tokens. ':' and ',' are checked and not reported.
const (
	BeginObject Token = '{'
	EndObject   Token = '}'
	BeginArray  Token = '['
	EndArray    Token = ']'
	String      Token = 's'
	Number      Token = 'n' // also NaN, Infinity and -Infinity
	True        Token = 't'
	False       Token = 'f'
	Null        Token = '0'
)

// ErrSyntax marks text that is not JSON.
var ErrSyntax = errors.New("not valid JSON")

// maxDepth is the deepest nesting that is read; stores need five levels.
const maxDepth = 256

// Reader reads tokens. Its memory is that of the longest string.
type Reader struct {
	r     *bufio.Reader
	off   int64
	stack []byte // '{' or '[' of the open containers
	state byte
	text  []byte
	err   error
}

// What may follow, in the grammar of RFC 8259.
const (
	wantValue    = byte(iota) // a value
	wantFirst                 // a value or ']'
	wantKey                   // a key
	wantKeyOrEnd              // a key or '}'
	wantColon                 // ':' and a value
	wantComma                 // ',' or the end of the container
	wantEnd                   // nothing
)

// NewReader returns a Reader of one JSON text.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Offset is the number of bytes read.
func (r *Reader) Offset() int64 { return r.off }

// Text is the last token's string, unescaped, or its number as it is written. It is valid until the
// next call of Next.
func (r *Reader) Text() []byte { return r.text }

// Next returns the next token, io.EOF after the text's end. Errors repeat. A key of an object is
// a String like any other: it is the caller who knows where he is.
func (r *Reader) Next() (Token, error) {
	if r.err != nil {
		return 0, r.err
	}
	t, err := r.next()
	if err != nil {
		if err == io.EOF && r.state != wantEnd {
			err = fmt.Errorf("%w: it ends early, at byte %d", ErrSyntax, r.off)
		}
		r.err = err
	}
	return t, err
}

func (r *Reader) next() (Token, error) {
	for {
		c, err := r.skipSpace()
		if err != nil {
			return 0, err
		}
		switch r.state {
		case wantEnd:
			return 0, r.unexpected(c)
		case wantColon:
			if c != ':' {
				return 0, r.unexpected(c)
			}
			r.state = wantValue
			continue
		case wantComma:
			if c == ',' {
				if r.stack[len(r.stack)-1] == '{' {
					r.state = wantKey
				} else {
					r.state = wantValue
				}
				continue
			}
			return r.end(c)
		case wantKey, wantKeyOrEnd:
			if c == '"' {
				r.state = wantColon
				return String, r.readString()
			}
			if r.state == wantKeyOrEnd {
				return r.end(c)
			}
			return 0, r.unexpected(c)
		case wantFirst:
			if c == ']' {
				return r.end(c)
			}
		}
		return r.value(c)
	}
}

func (r *Reader) end(c byte) (Token, error) {
	if c != '}' && c != ']' || r.stack[len(r.stack)-1] != c-2 { // '{' and '}' are 2 apart, and so are '[' and ']'
		return 0, r.unexpected(c)
	}
	r.stack = r.stack[:len(r.stack)-1]
	r.after()
	return Token(c), nil
}

// after sets what may follow a whole value.
func (r *Reader) after() {
	r.state = wantComma
	if len(r.stack) == 0 {
		r.state = wantEnd
	}
}

func (r *Reader) value(c byte) (Token, error) {
	switch c {
	case '{', '[':
		if len(r.stack) == maxDepth {
			return 0, fmt.Errorf("%w: nested deeper than %d levels at byte %d", ErrSyntax, maxDepth, r.off)
		}
		r.stack = append(r.stack, c)
		if r.state = wantFirst; c == '{' {
			r.state = wantKeyOrEnd
		}
		return Token(c), nil
	case '"':
		r.after()
		return String, r.readString()
	case 't':
		r.after()
		return True, r.literal("rue")
	case 'f':
		r.after()
		return False, r.literal("alse")
	case 'n':
		r.after()
		return Null, r.literal("ull")
	case 'N':
		r.after()
		r.text = append(r.text[:0], "NaN"...)
		return Number, r.literal("aN")
	case 'I':
		r.after()
		r.text = append(r.text[:0], "Infinity"...)
		return Number, r.literal("nfinity")
	}
	if c == '-' || c >= '0' && c <= '9' {
		r.after()
		return Number, r.readNumber(c)
	}
	return 0, r.unexpected(c)
}

func (r *Reader) readByte() (byte, error) {
	c, err := r.r.ReadByte()
	if err == nil {
		r.off++
	}
	return c, err
}

func (r *Reader) skipSpace() (byte, error) {
	for {
		c, err := r.readByte()
		if err != nil || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, err
		}
	}
}

func (r *Reader) literal(rest string) error {
	for i := range len(rest) {
		c, err := r.readByte()
		if err != nil {
			return early(err)
		}
		if c != rest[i] {
			return r.unexpected(c)
		}
	}
	return nil
}

// maxNumber is more digits than any number needs.
const maxNumber = 1 << 10

func (r *Reader) readNumber(c byte) error {
	r.text = append(r.text[:0], c)
	for {
		buf, err := r.buffered()
		if err != nil && err != io.EOF {
			return err
		}
		i := 0
		for i < len(buf) && numeric(buf[i]) {
			i++
		}
		r.text = append(r.text, buf[:i]...)
		r.skip(i)
		if len(r.text) > maxNumber {
			return fmt.Errorf("%w: a number of more than %d digits at byte %d", ErrSyntax, maxNumber, r.off)
		}
		if i < len(buf) || err == io.EOF {
			break
		}
	}
	if string(r.text) == "-I" {
		r.text = append(r.text[:0], "-Infinity"...)
		return r.literal("nfinity")
	}
	if !validNumber(r.text) {
		return fmt.Errorf("%w: %q at byte %d is no number", ErrSyntax, r.text, r.off)
	}
	return nil
}

// buffered is what can be had without reading, or else after one read.
func (r *Reader) buffered() ([]byte, error) {
	if r.r.Buffered() == 0 {
		if _, err := r.r.Peek(1); err != nil {
			return nil, err
		}
	}
	return r.r.Peek(r.r.Buffered())
}

func (r *Reader) skip(n int) {
	_, _ = r.r.Discard(n) // of what is buffered: it can't fail
	r.off += int64(n)
}

func numeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-' || c == 'I'
}

// validNumber is RFC 8259 section 6.
func validNumber(s []byte) bool {
	digits := func() bool {
		n := 0
		for len(s) > 0 && s[0] >= '0' && s[0] <= '9' {
			s, n = s[1:], n+1
		}
		return n > 0
	}
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	if len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		return false
	}
	if !digits() {
		return false
	}
	if len(s) > 0 && s[0] == '.' {
		s = s[1:]
		if !digits() {
			return false
		}
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(s) == 0
}

// readString reads the rest of a string, after its opening quote.
func (r *Reader) readString() error {
	r.text = r.text[:0]
	for {
		// A plain run is taken from the buffer in one piece.
		buf, err := r.buffered()
		if err != nil {
			return early(err)
		}
		i := 0
		for i < len(buf) && buf[i] != '"' && buf[i] != '\\' && buf[i] >= ' ' {
			i++
		}
		r.text = append(r.text, buf[:i]...)
		stop := i < len(buf)
		var c byte
		if stop {
			c = buf[i]
			i++
		}
		r.skip(i)
		if !stop {
			continue
		}
		switch c {
		case '"':
			if !utf8.Valid(r.text) {
				return fmt.Errorf("%w: a string that ends at byte %d is not UTF-8", ErrSyntax, r.off)
			}
			return nil
		case '\\':
			if err := r.escape(); err != nil {
				return early(err)
			}
		default:
			return r.unexpected(c)
		}
	}
}

func (r *Reader) escape() error {
	c, err := r.readByte()
	if err != nil {
		return err
	}
	switch c {
	case '"', '\\', '/':
		r.text = append(r.text, c)
	case 'b':
		r.text = append(r.text, '\b')
	case 'f':
		r.text = append(r.text, '\f')
	case 'n':
		r.text = append(r.text, '\n')
	case 'r':
		r.text = append(r.text, '\r')
	case 't':
		r.text = append(r.text, '\t')
	case 'u':
		u, err := r.hex4()
		if err != nil {
			return err
		}
		if utf16.IsSurrogate(u) {
			if p, err := r.r.Peek(2); err == nil && p[0] == '\\' && p[1] == 'u' {
				r.skip(2)
				v, err := r.hex4()
				if err != nil {
					return err
				}
				if both := utf16.DecodeRune(u, v); both != utf8.RuneError {
					u = both
				} else {
					r.text = utf8.AppendRune(r.text, utf8.RuneError)
					u = v
				}
			}
		}
		r.text = utf8.AppendRune(r.text, u) // a lone surrogate becomes U+FFFD
	default:
		return r.unexpected(c)
	}
	return nil
}

func (r *Reader) hex4() (rune, error) {
	var u rune
	for range 4 {
		c, err := r.readByte()
		if err != nil {
			return 0, err
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, r.unexpected(c)
		}
		u = u<<4 | rune(c)
	}
	return u, nil
}

func (r *Reader) unexpected(c byte) error {
	return fmt.Errorf("%w: unexpected %q at byte %d", ErrSyntax, c, r.off-1)
}

// early makes an end inside a token the error that it is.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
