package kernel

import "golang.org/x/sys/cpu"

//go:noescape
func microAVX512(k int, a, b *float32, offsets *int, c *float32, ldc int)

//go:noescape
func microAVX2(k int, a, b *float32, offsets *int, c *float32, ldc int)

//go:noescape
func dotAVX512(n int, a *float32, lda int, b *float32, offsets *int, c *float32, ldc int)

//go:noescape
func dotAVX2(n int, a *float32, lda int, b *float32, offsets *int, c *float32, ldc int)

//go:noescape
func leakyAVX512(n int, x, y *float32, slope float32)

//go:noescape
func leakyAVX2(n int, x, y *float32, slope float32)

//go:noescape
func leakyGradAVX512(n int, x, dy, dx *float32, slope float32)

//go:noescape
func leakyGradAVX2(n int, x, dy, dx *float32, slope float32)

// available lists the backends of this machine, best first.
func available() []backend {
	var list []backend
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL {
		list = append(list, backend{"AVX-512", 8, 32, tiled(8, 32, microAVX512), 4, 4, 16, dotAVX512, leakyAVX512, leakyGradAVX512, nil})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append(list, backend{"AVX2", 4, 16, tiled(4, 16, microAVX2), 4, 2, 8, dotAVX2, leakyAVX2, leakyGradAVX2, nil})
	}
	return append(list, portable)
}
