package refjson

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/cedadev/kerchunk-builder/stores/jsonstream"
)

// RewriteURLs copies a store from in to out with each url as rewrite makes it; all else keeps its value.
// It streams. A store with templates is refused: what its urls begin with is not in them.
func RewriteURLs(ctx context.Context, in io.Reader, out io.Writer, rewrite func(url string) (string, error)) error {
	c := &copier{ctx: ctx, in: jsonstream.NewReader(in), out: bufio.NewWriterSize(out, 1<<20), rewrite: rewrite}
	t, err := c.in.Next()
	if err != nil {
		return err
	}
	if t != jsonstream.BeginObject {
		return fmt.Errorf("not a reference store: no JSON object")
	}
	if err := c.object(true); err != nil {
		return err
	}
	if _, err := c.in.Next(); err != io.EOF {
		if err == nil {
			err = fmt.Errorf("more text after the store")
		}
		return err
	}
	_ = c.out.WriteByte('\n')
	return c.out.Flush()
}

type copier struct {
	ctx     context.Context
	in      *jsonstream.Reader
	out     *bufio.Writer
	rewrite func(string) (string, error)
	buf     []byte
}

// object copies the store's outer object, or its refs, after the opening brace.
func (c *copier) object(outer bool) error {
	_ = c.out.WriteByte('{')
	for n := 0; ; n++ {
		if n%4096 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		t, err := c.in.Next()
		if err != nil {
			return err
		}
		if t == jsonstream.EndObject {
			if n > 0 && !outer {
				_ = c.out.WriteByte('\n')
			}
			return c.out.WriteByte('}')
		}
		c.buf = c.buf[:0]
		if n > 0 {
			c.buf = append(c.buf, ',')
		}
		if !outer {
			c.buf = append(c.buf, '\n')
		}
		key := string(c.in.Text())
		c.buf = append(jsonstream.AppendString(c.buf, key), ':')
		if _, err := c.out.Write(c.buf); err != nil {
			return err
		}
		if t, err = c.in.Next(); err != nil {
			return err
		}
		if outer && key == "refs" && t == jsonstream.BeginObject {
			if err := c.object(false); err != nil {
				return err
			}
			continue
		}
		v, err := c.in.ValueOf(t)
		if err != nil {
			return err
		}
		if l, ok := v.([]any); ok && key == "gen" && outer && len(l) > 0 {
			return fmt.Errorf("the store has generated references (gen), which can't be rewritten")
		} else if ok && len(l) > 0 {
			url, ok := l[0].(string)
			if !ok {
				return fmt.Errorf("%s: not a reference", key)
			}
			if l[0], err = c.rewrite(url); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		if o, ok := v.(jsonstream.Object); ok && outer && key == "templates" && len(o) > 0 {
			return fmt.Errorf("the store has templates; write it without them first")
		}
		c.buf = jsonstream.AppendValue(c.buf[:0], v)
		if _, err := c.out.Write(c.buf); err != nil {
			return err
		}
	}
}
