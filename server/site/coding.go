package site

import (
	"bytes"
	"compress/gzip"
	"io"
	"path"

	"github.com/andybalholm/brotli"
)

// coding is a content coding of HTTP.
type coding struct {
	name   string   // in Accept-Encoding
	header []string // in Content-Encoding
	suffix string   // of a file that holds this form
	writer func(w io.Writer, length int) (io.WriteCloser, error)
}

// codings in the order of preference.
var codings = []coding{
	{"br", []string{"br"}, ".br", func(w io.Writer, length int) (io.WriteCloser, error) {
		return brotli.NewWriterLevel(w, brotliLevel(length)), nil
	}},
	{"gzip", []string{"gzip"}, ".gz", func(w io.Writer, _ int) (io.WriteCloser, error) {
		return gzip.NewWriterLevel(w, gzip.BestCompression)
	}},
}

// brotliLevel is 9 for the wasm, which is compressed when it is built: the last
// two levels take minutes for a few percent. The page's files are compressed at every
// start (docs/server.md says how long that takes); from level 6 on the writer's tables
// take most of the time of small ones.
func brotliLevel(length int) int {
	if length > 4<<20 {
		return 9
	}
	return 5
}

// compressible says whether compression is worth its time. Weights lose 8 % of
// their length, sealed models none.
func compressible(name string) bool {
	kind := path.Ext(name)
	return kind != ".onnx" && kind != ".age"
}

func (c coding) encode(content []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := c.writer(&out, len(content))
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Compressed returns the compressed forms of content by the suffix of the file
// that AddFolder and AddPage expect them in. The build uses it for the wasm, which
// takes too long to compress at every start.
func Compressed(content []byte) (map[string][]byte, error) {
	forms := map[string][]byte{}
	for _, c := range codings {
		b, err := c.encode(content)
		if err != nil {
			return nil, err
		}
		forms[c.suffix] = b
	}
	return forms, nil
}
