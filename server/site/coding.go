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
	name   string // in Accept-Encoding and Content-Encoding
	suffix string // of files in this coding
	writer func(w io.Writer, brotliLevel int) (io.WriteCloser, error)
}

// codings in the order of preference.
var codings = []coding{
	{"br", ".br", func(w io.Writer, level int) (io.WriteCloser, error) {
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: level, LGWin: Window}), nil
	}},
	{"gzip", ".gz", func(w io.Writer, _ int) (io.WriteCloser, error) {
		return gzip.NewWriterLevel(w, gzip.BestCompression)
	}},
}

// Window is the base-2 logarithm of the bytes in which brotli finds repetitions, the largest that
// browsers take; the wasm has more than the default's 2^22.
const Window = 24

// startLevel is the brotli level for files that are compressed when the server starts, 2 ms
// for a small file; from level 6 on the writer's tables take most of the time.
const startLevel = 5

// compressible reports whether compression is worth the time at the start. Weights shrink by
// 13 % at the highest level and 9 % at startLevel, pictures and sealed models not at all.
func compressible(name string) bool {
	kind := path.Ext(name)
	return kind != ".onnx" && kind != ".age" && kind != ".png"
}

func (c coding) encode(content []byte, brotliLevel int) ([]byte, error) {
	var out bytes.Buffer
	w, err := c.writer(&out, brotliLevel)
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

// FormNames returns the names of the files that Forms returns for content: its digest, with
// a suffix.
func FormNames(content []byte) []string {
	var names []string
	for _, c := range codings {
		names = append(names, c.formName(content))
	}
	return names
}

func (c coding) formName(content []byte) string { return digest(content) + c.suffix }

// Forms compresses content in every coding and returns the results by the names of their
// files. Of brotli's levels, 0 to 11, the last two take a minute for the wasm.
func Forms(content []byte, brotliLevel int) (map[string][]byte, error) {
	forms := map[string][]byte{}
	for _, c := range codings {
		b, err := c.encode(content, brotliLevel)
		if err != nil {
			return nil, err
		}
		forms[c.formName(content)] = b
	}
	return forms, nil
}
