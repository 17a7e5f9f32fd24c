package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// The simulated archive: files of one time each, with variables that have the same number of chunks.
const (
	files     = 2000
	variables = 4
)

var (
	float4 = cdm.DType{Kind: cdm.Float, Size: 4}
	int8s  = cdm.DType{Kind: cdm.Int, Size: 8}
)

// simulatedPlan is the plan of a dataset of about refs references.
func simulatedPlan(refs int64) *virtual.Plan {
	perVariable := refs / files / variables
	p := &virtual.Plan{Axes: []virtual.Axis{{Path: "time", Length: files}}}
	p.Dataset.Groups = []virtual.Group{{}}
	p.Dataset.Arrays = append(p.Dataset.Arrays, virtual.Array{Path: "time", Type: int8s, Dimensions: []string{"time"}, Grid: virtual.Grid{Shape: []int64{files}, Chunks: []int64{files}}})
	p.Layouts = append(p.Layouts, virtual.Layout{Role: virtual.Decoded, Axes: []int{0}})
	for i := range variables {
		p.Dataset.Arrays = append(p.Dataset.Arrays, virtual.Array{Path: "v" + strconv.Itoa(i), Type: float4, Dimensions: []string{"time", "x"},
			Grid: virtual.Grid{Shape: []int64{files, perVariable}, Chunks: []int64{1, 1}}})
		p.Layouts = append(p.Layouts, virtual.Layout{Role: virtual.Concatenated, Axes: []int{0, -1}})
	}
	for i := range int64(files) {
		p.Files = append(p.Files, virtual.File{URL: fmt.Sprintf("/archive/a-product-with-a-long-name/v1.0/%04d/day%04d.nc", i/365, i), Size: 1 << 30, Start: []int64{i}, Length: []int64{1}})
	}
	return p
}

// simulated opens the files of the archive: nothing is read, and chunks come as fast as they can be counted.
func simulated(perVariable int64) phases.Opener {
	return func(_ context.Context, url string) (*phases.SourceFile, error) {
		at := strings.LastIndex(url, "day")
		day, err := strconv.ParseInt(strings.TrimSuffix(url[at+3:], ".nc"), 10, 64)
		if err != nil {
			return nil, err
		}
		f := &simulatedFile{day: day, per: perVariable}
		f.root.Variables = append(f.root.Variables, &cdm.Variable{Name: "time", Path: "time", Type: int8s, Shape: []int64{1}, Chunks: []int64{1}, Dimensions: []string{"time"}})
		for i := range variables {
			name := "v" + strconv.Itoa(i)
			f.root.Variables = append(f.root.Variables, &cdm.Variable{Name: name, Path: name, Type: float4, Shape: []int64{1, perVariable}, Chunks: []int64{1, 1}, Dimensions: []string{"time", "x"}})
		}
		return &phases.SourceFile{File: f, Size: 1 << 30}, nil
	}
}

type simulatedFile struct {
	root     cdm.Group
	day, per int64
}

func (f *simulatedFile) Format() string   { return "simulated" }
func (f *simulatedFile) Root() *cdm.Group { return &f.root }
func (f *simulatedFile) Close() error     { return nil }

// Chunks are deflated to sizes that differ, one after the other, as in real files.
func (f *simulatedFile) Chunks(_ context.Context, v *cdm.Variable) iter.Seq2[cdm.Chunk, error] {
	return func(yield func(cdm.Chunk, error) bool) {
		offset, state := int64(8192)+int64(v.Path[1])<<20, uint64(f.day)*2654435761+uint64(v.Path[1])
		for i := range f.per {
			state = state*6364136223846793005 + 1442695040888963407
			size := int64(1000 + state>>54)
			if !yield(cdm.Chunk{Index: i, Offset: offset, Size: size}, nil) {
				return
			}
			offset += size
		}
	}
}

func (f *simulatedFile) ReadChunk(context.Context, *cdm.Variable, int64) ([]byte, error) {
	return binary.LittleEndian.AppendUint64(nil, uint64(f.day)), nil
}
