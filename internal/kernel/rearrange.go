package kernel

// SpaceToDepth moves blocks of b x b positions into channels: x (N, C, H, W) to
// y (N, b*b*C, H/b, W/b), channel (row*b + column)*C + c, as in ONNX.
func SpaceToDepth(n, c, h, w, b int, dst, src []float32) {
	blocks(n, c, h, w, b, false, func(space, depth int) {
		out := dst[depth : depth+w/b]
		in := src[space:][:(w/b-1)*b+1]
		for x := range out {
			out[x] = in[x*b]
		}
	})
}

// DepthToSpace is the inverse of SpaceToDepth: x (N, b*b*C, H/b, W/b) to y (N, C, H, W),
// in ONNX's order DCR. With crd, the channel of x is c*b*b + row*b + column.
func DepthToSpace(n, c, h, w, b int, crd bool, dst, src []float32) {
	blocks(n, c, h, w, b, crd, func(space, depth int) {
		in := src[depth : depth+w/b]
		out := dst[space:][:(w/b-1)*b+1]
		for x, v := range in {
			out[x*b] = v
		}
	})
}

// blocks calls move for every row of every channel in depth: its w/b elements from
// depth on are every b-th element from space on.
func blocks(n, c, h, w, b int, crd bool, move func(space, depth int)) {
	oh, ow := h/b, w/b
	if ow == 0 {
		return
	}
	parallel(n*c, func(t int) {
		i, ch := t/c, t%c
		for bh := range b {
			for bw := range b {
				d := (bh*b+bw)*c + ch
				if crd {
					d = ch*b*b + bh*b + bw
				}
				for y := range oh {
					move(((i*c+ch)*h+y*b+bh)*w+bw, ((i*c*b*b+d)*oh+y)*ow)
				}
			}
		}
	})
}

// Permute gathers positions: y[n, c, q] = x[n, c, index[c, q]] for x (N, C, P) and index (C, P).
// It panics on an index outside 0..P-1.
func Permute(n, c, p int, index []int32, dst, src []float32) {
	parallel(n*c, func(t int) {
		in, out := src[t*p:(t+1)*p], dst[t*p:(t+1)*p]
		for q, i := range index[t%c*p : (t%c+1)*p] {
			out[q] = in[i]
		}
	})
}

// PermuteGrad is the adjoint of Permute for index rows that are permutations: dx[n, c, index[c, q]] = dy[n, c, q].
func PermuteGrad(n, c, p int, index []int32, dx, dy []float32) {
	parallel(n*c, func(t int) {
		in, out := dy[t*p:(t+1)*p], dx[t*p:(t+1)*p]
		for q, i := range index[t%c*p : (t%c+1)*p] {
			out[i] = in[q]
		}
	})
}

// Channels copies channels [from, to) of x (N, C, P) to y (N, to-from, P).
func Channels(n, c, p, from, to int, dst, src []float32) {
	w := (to - from) * p
	for i := range n {
		copy(dst[i*w:(i+1)*w], src[(i*c+from)*p:(i*c+to)*p])
	}
}

// SetChannels copies x (N, to-from, P) into channels [from, to) of y (N, C, P).
func SetChannels(n, c, p, from, to int, dst, src []float32) {
	w := (to - from) * p
	for i := range n {
		copy(dst[(i*c+from)*p:(i*c+to)*p], src[i*w:(i+1)*w])
	}
}

// mirrorIndex reflects i into 0..n-1 without repeating the edge, for -n < i < 2n-1.
func mirrorIndex(i, n int) int {
	if i < 0 {
		return -i
	}
	if i >= n {
		return 2*n - 2 - i
	}
	return i
}

// ReflectPad adds pad mirrored samples on each side of planes of h x w. pad is less than h and w.
func ReflectPad(planes, h, w, pad int, src, dst []float32) {
	ph, pw := h+2*pad, w+2*pad
	parallel(planes, func(t int) {
		for y := range ph {
			row := src[(t*h+mirrorIndex(y-pad, h))*w:][:w]
			out := dst[(t*ph+y)*pw:][:pw]
			copy(out[pad:], row)
			for x := range pad {
				out[x], out[pw-1-x] = row[pad-x], row[w-1-pad+x]
			}
		}
	})
}

// ReflectPadGrad is the adjoint of ReflectPad.
func ReflectPadGrad(planes, h, w, pad int, dy, dx []float32) {
	ph, pw := h+2*pad, w+2*pad
	parallel(planes, func(t int) {
		clear(dx[t*h*w : (t+1)*h*w])
		for y := range ph {
			row := dx[(t*h+mirrorIndex(y-pad, h))*w:][:w]
			in := dy[(t*ph+y)*pw:][:pw]
			for x, v := range in {
				row[mirrorIndex(x-pad, w)] += v
			}
		}
	})
}
