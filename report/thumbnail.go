package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
)

const (
	thumbnailWidth = 640       // pixels: sharp at half of that on a dense screen
	mostPixels     = 100 << 20 // of a picture that is read
)

// thumbnail is a small copy of the PNG at path, for use in the page. A missing picture is an empty one.
func thumbnail(path string) (template.URL, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	size, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if size.Width > mostPixels/max(size.Height, 1) {
		return "", fmt.Errorf("%s: %dx%d pixels are too many for a picture of the test phase", path, size.Width, size.Height)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	var small bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.DefaultCompression}
	if err := enc.Encode(&small, shrink(img, thumbnailWidth)); err != nil {
		return "", err
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(small.Bytes())), nil
}

// shrink scales an image down to a width; each new pixel is the mean of the pixels that it covers.
func shrink(img image.Image, width int) image.Image {
	from := img.Bounds()
	if from.Dx() <= width {
		return img
	}
	height := max(1, from.Dy()*width/from.Dx())
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		y0, y1 := y*from.Dy()/height, max((y+1)*from.Dy()/height, y*from.Dy()/height+1)
		for x := range width {
			x0, x1 := x*from.Dx()/width, (x+1)*from.Dx()/width
			var r, g, b, a, n uint32
			for v := y0; v < y1; v++ {
				for u := x0; u < x1; u++ {
					cr, cg, cb, ca := img.At(from.Min.X+u, from.Min.Y+v).RGBA()
					r, g, b, a, n = r+cr>>8, g+cg>>8, b+cb>>8, a+ca>>8, n+1
				}
			}
			to.SetRGBA(x, y, color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), uint8(a / n)})
		}
	}
	return to
}
