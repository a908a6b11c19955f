package kernel

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/arithmetic.json anew; that is a new version of the format")

// Embedded, since a browser has no files.
//
//go:embed testdata/arithmetic.json
var arithmeticFile []byte

// arithmeticVectors are the test vectors of docs/arithmetic.md that need no model.
type arithmeticVectors struct {
	Functions map[string][]string `json:"functions"` // bits of the argument, bits of the value
	Bytes     map[string][]string `json:"bytes"`     // bits of an output, the byte
	Sums      []sumVector         `json:"sums"`
	Convs     []convVector        `json:"convolutions"`
}

// sumVector is the sum of made(1, Elements).
type sumVector struct {
	Elements int    `json:"elements"`
	Sum      string `json:"sum"`
}

// convVector is a convolution of operands of made.
type convVector struct {
	Kind     string `json:"kind"` // "direct", "tiles" or "transposed"
	Channels int    `json:"channels"`
	Height   int    `json:"height"`
	Width    int    `json:"width"`
	Filters  int    `json:"filters"`
	Kernel   int    `json:"kernel"`
	Stride   int    `json:"stride"`
	Pad      int    `json:"pad"` // on each side
	Bias     bool   `json:"bias"`
	Output   [3]int `json:"output"` // channels, height, width
	SHA256   string `json:"sha256"`
	First    string `json:"first"`
}

// made returns n elements of an operand that needs no file.
func made(operand, n int) []float32 {
	x := make([]float32, n)
	for k := range x {
		x[k] = float32((7919*k+104729*operand+1)%65521)/32768 - 1
	}
	return x
}

// littleEndian returns the SHA-256 of elements, written in little-endian order.
func littleEndian(x []float32) string {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// words returns the bits of numbers in hexadecimal.
func words(x ...float32) string {
	var list []string
	for _, v := range x {
		list = append(list, fmt.Sprintf("%08x", math.Float32bits(v)))
	}
	return strings.Join(list, " ")
}

// compute returns v with its results.
func (v convVector) compute(t *testing.T) convVector {
	c := Conv{N: 1, C: v.Channels, H: v.Height, W: v.Width, M: v.Filters, KH: v.Kernel, KW: v.Kernel, SH: v.Stride, SW: v.Stride,
		PT: v.Pad, PL: v.Pad, PB: v.Pad, PR: v.Pad, DH: 1, DW: 1}
	var y []float32
	if v.Kind == "transposed" {
		// The gradient of a convolution whose input has twice the height and width.
		c.C, c.M, c.H, c.W = v.Filters, v.Channels, 2*v.Height, 2*v.Width
		v.Output = [3]int{c.C, c.H, c.W}
		y = make([]float32, c.C*c.H*c.W)
		Conv2DGradInput(c, made(1, v.Channels*v.Height*v.Width), made(2, c.M*c.taps()), y)
	} else {
		if tiles := v.Kind == "tiles"; c.winograd() != tiles {
			t.Fatalf("%+v: tiles %t", v, !tiles)
		}
		var bias []float32
		if v.Bias {
			bias = made(3, c.M)
		}
		v.Output = [3]int{c.M, c.OutH(), c.OutW()}
		y = make([]float32, c.M*c.OutH()*c.OutW())
		Conv2D(c, made(1, c.C*c.H*c.W), made(2, c.M*c.taps()), bias, y)
	}
	v.SHA256, v.First = littleEndian(y), words(y[:16]...)
	return v
}

// computed computes the vectors on the active backend.
func computed(t *testing.T) arithmeticVectors {
	v := arithmeticVectors{Functions: map[string][]string{}, Bytes: map[string][]string{}}
	var arguments []float32
	for _, x := range []float32{0, 1e-40, 1e-6, 0.01, 0.1, 0.3465736, 0.5, 1, 1.5, 2, math.Pi, 3.9999998, 4, 5, 7.905311, 7.9053116, 10, 33.3, 87, 87.33654, 87.336555, 88.72283, 88.722840, 100, float32(math.Inf(1))} {
		arguments = append(arguments, x, -x)
	}
	for k, x := range made(1, 64) {
		arguments = append(arguments, x*float32(int(1)<<(k%7)))
	}
	for name, f := range map[string]func(dst, src []float32){
		"exp": Exp, "tanh": Tanh, "erf": Erf,
		"relu":          func(dst, src []float32) { LeakyReLU(dst, src, 0) },
		"leakyrelu 0.2": func(dst, src []float32) { LeakyReLU(dst, src, 0.2) },
		"float16":       RoundHalf,
	} {
		y := make([]float32, len(arguments))
		f(y, arguments)
		for i, x := range arguments {
			v.Functions[name] = append(v.Functions[name], words(x, y[i]))
		}
	}
	for name, f := range map[string]func(dst []byte, c []float32){"picture": QuantizeSymmetric, "levels": QuantizeUniform} {
		values := append(made(2, 32), math.Float32frombits(0x7fc00000), float32(math.Inf(1)), float32(math.Inf(-1)), 1, -1, 1.5, -1.5)
		for _, k := range []int{0, 1, 127, 128, 254, 255} {
			for _, border := range []float32{float32(k)/127.5 - 1, (float32(k)+0.5)/127.5 - 1, float32(k)/128 - 1} {
				for ulp := -1; ulp <= 1; ulp++ {
					values = append(values, math.Float32frombits(math.Float32bits(border)+uint32(ulp)))
				}
			}
		}
		levels := make([]byte, len(values))
		f(levels, values)
		for i, x := range values {
			v.Bytes[name] = append(v.Bytes[name], fmt.Sprint(words(x), " ", levels[i]))
		}
	}
	for _, n := range []int{1, 15, 16, 17, 30, 480, 4096} {
		v.Sums = append(v.Sums, sumVector{n, words(Sum(made(1, n)))})
	}
	for _, c := range []convVector{
		{Kind: "direct", Channels: 48, Height: 4, Width: 5, Filters: 48, Kernel: 1, Stride: 1},
		{Kind: "direct", Channels: 64, Height: 5, Width: 6, Filters: 64, Kernel: 1, Stride: 1, Bias: true},
		{Kind: "direct", Channels: 15, Height: 7, Width: 6, Filters: 16, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{Kind: "direct", Channels: 16, Height: 7, Width: 6, Filters: 15, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{Kind: "direct", Channels: 16, Height: 3, Width: 9, Filters: 16, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{Kind: "direct", Channels: 16, Height: 9, Width: 3, Filters: 16, Kernel: 3, Stride: 1, Pad: 1},
		{Kind: "direct", Channels: 32, Height: 8, Width: 10, Filters: 64, Kernel: 3, Stride: 2, Pad: 1},
		{Kind: "direct", Channels: 3, Height: 14, Width: 12, Filters: 32, Kernel: 7, Stride: 1},
		{Kind: "tiles", Channels: 16, Height: 4, Width: 4, Filters: 16, Kernel: 3, Stride: 1, Pad: 1},
		{Kind: "tiles", Channels: 24, Height: 5, Width: 6, Filters: 64, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{Kind: "tiles", Channels: 64, Height: 9, Width: 11, Filters: 24, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{Kind: "tiles", Channels: 17, Height: 10, Width: 7, Filters: 19, Kernel: 3, Stride: 1, Bias: true},
		{Kind: "transposed", Channels: 12, Height: 4, Width: 5, Filters: 7, Kernel: 3, Stride: 2, Pad: 1},
		{Kind: "transposed", Channels: 64, Height: 5, Width: 4, Filters: 32, Kernel: 3, Stride: 2, Pad: 1},
	} {
		v.Convs = append(v.Convs, c.compute(t))
	}
	return v
}

// TestArithmeticVectors checks that every backend computes the stored bits. They serve to check other
// implementations of docs/arithmetic.md.
func TestArithmeticVectors(t *testing.T) {
	if *update {
		text, err := json.MarshalIndent(computed(t), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		arithmeticFile = append(text, '\n')
		if err := os.WriteFile("testdata/arithmetic.json", arithmeticFile, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var want arithmeticVectors
	if err := json.Unmarshal(arithmeticFile, &want); err != nil {
		t.Fatal(err)
	}
	withEach(t, func(t *testing.T) {
		got := computed(t)
		for _, pair := range [][2]map[string][]string{{got.Functions, want.Functions}, {got.Bytes, want.Bytes}} {
			for name, list := range pair[1] {
				if !slices.Equal(pair[0][name], list) {
					t.Errorf("%s: %q, want %q", name, pair[0][name], list)
				}
			}
		}
		if len(got.Functions) != len(want.Functions) || len(got.Bytes) != len(want.Bytes) || len(got.Convs) != len(want.Convs) {
			t.Fatal("the file has other vectors than this test: write it anew")
		}
		if !slices.Equal(got.Sums, want.Sums) {
			t.Errorf("sums %v, want %v", got.Sums, want.Sums)
		}
		for i, c := range want.Convs {
			if got.Convs[i] != c {
				t.Errorf("convolution %+v, want %+v", got.Convs[i], c)
			}
		}
	})
}
