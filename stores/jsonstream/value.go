package jsonstream

import (
	"bytes"
	"fmt"
	"io"
)

// Literal is a number as the text has it.
type Literal string

// Member is a member of an object.
type Member struct {
	Name  string
	Value any
}

// Object is an object with its members in the text's order.
type Object []Member

// Get returns the value of the named member. Of members of one name the last counts, as in Python.
func (o Object) Get(name string) (any, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Name == name {
			return o[i].Value, true
		}
	}
	return nil, false
}

// Value reads one whole value: an Object, []any, string, Literal, bool or nil.
func (r *Reader) Value() (any, error) {
	t, err := r.Next()
	if err != nil {
		return nil, early(err)
	}
	return r.ValueOf(t)
}

// ValueOf is Value when its first token t has been read.
func (r *Reader) ValueOf(t Token) (any, error) {
	switch t {
	case String:
		return string(r.text), nil
	case Number:
		return Literal(r.text), nil
	case True:
		return true, nil
	case False:
		return false, nil
	case Null:
		return nil, nil
	case BeginArray:
		list := []any{}
		for {
			t, err := r.Next()
			if err != nil {
				return nil, early(err)
			}
			if t == EndArray {
				return list, nil
			}
			v, err := r.ValueOf(t)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
	case BeginObject:
		object := Object{}
		for {
			t, err := r.Next()
			if err != nil {
				return nil, early(err)
			}
			if t == EndObject {
				return object, nil
			}
			name := string(r.text)
			v, err := r.Value()
			if err != nil {
				return nil, err
			}
			object = append(object, Member{name, v})
		}
	}
	return nil, fmt.Errorf("%w: unexpected %q at byte %d", ErrSyntax, byte(t), r.off)
}

// Parse reads a text that is one value.
func Parse(text []byte) (any, error) {
	r := NewReader(bytes.NewReader(text))
	v, err := r.Value()
	if err != nil {
		return nil, err
	}
	if _, err := r.Next(); err != io.EOF {
		return nil, fmt.Errorf("%w: more text after the value, at byte %d", ErrSyntax, r.off)
	}
	return v, nil
}
