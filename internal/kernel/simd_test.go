//go:build !js

package kernel

import (
	"context"
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"enciphergan/internal/kernel/simd"
)

// simulator runs the WebAssembly kernels in this program, on a memory of their own.
// It copies the operands of a call to that memory, and the outputs back. Guards
// around them detect writes outside.
type simulator struct {
	mu     sync.Mutex
	memory api.Memory
	module api.Module
	next   uint32
}

// goMemory is a module that only exports a memory of 1024 pages (64 MiB) as mem.
var goMemory = []byte{0, 'a', 's', 'm', 1, 0, 0, 0, 5, 4, 1, 0, 0x80, 8, 7, 7, 1, 3, 'm', 'e', 'm', 2, 0}

var simulation = sync.OnceValues(func() (*simulator, error) {
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	host, err := runtime.InstantiateWithConfig(ctx, goMemory, wazero.NewModuleConfig().WithName("go"))
	if err != nil {
		return nil, err
	}
	module, err := runtime.InstantiateWithConfig(ctx, simd.Module(false), wazero.NewModuleConfig().WithName("kernels"))
	if err != nil {
		return nil, err
	}
	return &simulator{memory: host.Memory(), module: module}, nil
})

const guard = 0xa5

// buffer is the copy of an operand in the module's memory.
type buffer struct {
	at    uint32
	bytes []byte // of the operand
}

func bytesOf[T any](p *T, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), n*int(unsafe.Sizeof(*p)))
}

// place copies content to the module's memory, at an address that is a multiple of 4 but not of 8.
func (s *simulator) place(content []byte) buffer {
	s.write(s.next, slices.Repeat([]byte{guard}, 64))
	b := buffer{s.next + 64 + 4, content}
	s.write(b.at, content)
	s.next = (b.at + uint32(len(content)) + 15) &^ 15
	s.write(b.at+uint32(len(content)), slices.Repeat([]byte{guard}, 64+16))
	return b
}

func (s *simulator) write(at uint32, content []byte) {
	if !s.memory.Write(at, content) {
		panic("the simulator's memory is too small")
	}
}

// call runs an export, copies changed buffers back and returns the result if there is one.
func (s *simulator) call(name string, changed []buffer, args ...uint64) (result uint64) {
	results, err := s.module.ExportedFunction(name).Call(context.Background(), args...)
	if err != nil {
		panic(err)
	}
	if len(results) > 0 {
		result = results[0]
	}
	for _, b := range changed {
		content, _ := s.memory.Read(b.at-4, uint32(len(b.bytes))+8)
		for _, edge := range [2][]byte{content[:4], content[len(content)-4:]} {
			if binary.LittleEndian.Uint32(edge) != guard*0x01010101 {
				panic(name + " wrote outside its output")
			}
		}
		copy(b.bytes, content[4:])
	}
	s.next = 0
	return result
}

// backend returns the backend with the simulated kernels.
func (s *simulator) backend() backend {
	locked := func(f func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}
	maps := func(f simd.Map, n int, x, y *float32, p, q float32) {
		locked(func() {
			in, out := s.place(bytesOf(x, n)), s.place(bytesOf(y, n))
			s.call("maps", []buffer{out}, uint64(f), uint64(n), uint64(in.at), uint64(out.at), api.EncodeF32(p), api.EncodeF32(q))
		})
	}
	block := func(rowPanels, colPanels, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias, c *float32, ldc int) {
		locked(func() {
			last := slices.Max(unsafe.Slice(offsets, k))
			pa := s.place(bytesOf(a, (rowPanels-1)*aStep+simd.Rows*k))
			pb := s.place(bytesOf(b, (colPanels-1)*bStep+last+simd.Columns))
			po := s.place(bytesOf(offsets, k))
			var start buffer
			if bias != nil {
				start = s.place(bytesOf(bias, rowPanels*simd.Rows))
			}
			pc := s.place(bytesOf(c, (rowPanels*simd.Rows-1)*ldc+colPanels*simd.Columns))
			scratch := s.place(make([]byte, 4*k*simd.Columns))
			s.call("block", []buffer{pc, scratch}, uint64(rowPanels), uint64(colPanels), uint64(k), uint64(pa.at), uint64(aStep),
				uint64(pb.at), uint64(bStep), uint64(po.at), uint64(start.at), uint64(pc.at), uint64(ldc), uint64(scratch.at))
		})
	}
	whole := tile{simd.Rows, simd.Columns, block, block}
	return backend{"WebAssembly SIMD128, simulated", whole, whole,
		1, 4, simd.Lanes, dotGo,
		leakyGradGo,
		&vectorKernels{
			maps: maps,
			pairs: func(f simd.Pair, n int, a, b, y *float32) {
				locked(func() {
					pa, pb, out := s.place(bytesOf(a, n)), s.place(bytesOf(b, n)), s.place(bytesOf(y, n))
					s.call("pairs", []buffer{out}, uint64(f), uint64(n), uint64(pa.at), uint64(pb.at), uint64(out.at))
				})
			},
			sums: func(n int, x *float32, lanes *[simd.SumLanes]float32) {
				locked(func() {
					in, out := s.place(bytesOf(x, n)), s.place(bytesOf(&lanes[0], simd.SumLanes))
					s.call("sums", []buffer{out}, uint64(n), uint64(in.at), uint64(out.at))
				})
			},
			squares: func(n int, x *float32, lanes *[simd.SumLanes]float32, m float32) {
				locked(func() {
					in, out := s.place(bytesOf(x, n)), s.place(bytesOf(&lanes[0], simd.SumLanes))
					s.call("squares", []buffer{out}, uint64(n), uint64(in.at), uint64(out.at), api.EncodeF32(m))
				})
			},
			gather: func(n int, index *int32, x *float32, extent int, y *float32) (all bool) {
				locked(func() {
					at, in, out := s.place(bytesOf(index, n)), s.place(bytesOf(x, extent)), s.place(bytesOf(y, n))
					all = s.call("gather", []buffer{out}, uint64(n), uint64(at.at), uint64(in.at), uint64(extent), uint64(out.at)) != 0
				})
				return all
			},
			deinterleave: func(n int, x, y *float32, stride int) {
				locked(func() {
					in, out := s.place(bytesOf(x, 4*n)), s.place(bytesOf(y, 3*stride+n))
					s.call("deinterleave", []buffer{out}, uint64(n), uint64(in.at), uint64(out.at), uint64(stride))
				})
			},
			interleave: func(n int, x *float32, stride int, y *float32) {
				locked(func() {
					in, out := s.place(bytesOf(x, 3*stride+n)), s.place(bytesOf(y, 4*n))
					s.call("interleave", []buffer{out}, uint64(n), uint64(in.at), uint64(stride), uint64(out.at))
				})
			},
			inputTransform: func(rows, width int, x *float32, row, plane int, v *float32, part int, _ *float32) {
				locked(func() {
					in := s.place(bytesOf(x, max(plane, 3*plane-1)+(winogradOutput*rows+1)*row+width+1))
					out := s.place(bytesOf(v, (winogradParts-1)*part+rows*width))
					s.call("inputTransform", []buffer{out}, uint64(rows), uint64(width), uint64(in.at), uint64(row), uint64(plane), uint64(out.at), uint64(part))
				})
			},
			outputTransform: func(rows, width int, m *float32, part int, y *float32, plane int, bias float32, _ *float32) {
				locked(func() {
					in, out := s.place(bytesOf(m, (winogradParts-1)*part+rows*width)), s.place(bytesOf(y, 3*plane+winogradOutput*rows*width))
					s.call("outputTransform", []buffer{out}, uint64(rows), uint64(width), uint64(in.at), uint64(part), uint64(out.at), uint64(plane), api.EncodeF32(bias))
				})
			},
		},
	}
}

// simulated lists the backends of other machines that can run here.
func simulated(t *testing.T) []backend {
	s, err := simulation()
	if err != nil {
		t.Fatal(err)
	}
	return []backend{s.backend()}
}

func TestModulesAreCurrent(t *testing.T) {
	for name, relaxed := range map[string]bool{"relaxed.wasm": true, "simd128.wasm": false} {
		embedded, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 { // the emitter writes the same bytes every time
			if !slices.Equal(simd.Module(relaxed), embedded) {
				t.Fatalf("%s is not what the emitter writes; run go generate ./internal/kernel", name)
			}
		}
		t.Logf("%s: %d bytes", name, len(embedded))
	}
}
