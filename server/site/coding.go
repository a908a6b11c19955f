package site

import (
	"bytes"
	"compress/gzip"
	"io"

	"github.com/andybalholm/brotli"
)

// coding is a content coding of HTTP.
type coding struct {
	name   string // in Accept-Encoding and Content-Encoding
	suffix string // of a file that holds this form
	writer func(io.Writer) (io.WriteCloser, error)
}

// codings in the order of preference. The levels are the highest that compress
// 30 MB of wasm in seconds; brotli's last two take minutes for a few percent.
var codings = []coding{
	{"br", ".br", func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriterLevel(w, 9), nil }},
	{"gzip", ".gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestCompression) }},
}

func (c coding) encode(content []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := c.writer(&out)
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
// that AddFolder expects them in. The build uses it for the wasm, which takes
// too long to compress at every start.
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
