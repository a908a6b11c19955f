// "Operators" of docs/arithmetic.md with its subsections: convolutions, sums, exp, tanh, erf. Math.fround rounds each operation to float32;
// a Float32Array rounds the numbers that are stored in it.

const f = Math.fround;

const number = (bits) => new Float32Array(Uint32Array.of(bits).buffer)[0];
const numbers = (text) => text.split(' ').map((t) => number(parseInt(t, 16)));

const [MAX, MIN, SHIFT, LOG2E, LN2A, LN2B, E0, E1, E2, E3, E4, E5] =
	numbers('42b17217 c2aeac4f 4b400000 3fb8aa3b 3f318000 b95e8083 39506967 3ab743ce 3c088908 3d2aa9c1 3e2aaaaa 3f000000');

export function exp(x) {
	if (Number.isNaN(x)) return NaN;
	if (x > MAX) return Infinity;
	if (x < MIN) return 0;
	const n = f(f(f(x * LOG2E) + SHIFT) - SHIFT);
	const r = f(f(x - f(n * LN2A)) - f(n * LN2B));
	let p = f(f(E0 * r) + E1);
	for (const e of [E2, E3, E4, E5]) p = f(f(p * r) + e);
	p = f(f(f(p * r) * r) + r);
	p = f(p + 1);
	const h = Math.floor(n / 2);
	return f(f(p * 2 ** h) * 2 ** (n - h));
}

function rational(limit, ps, qs) {
	return (x) => {
		if (x > limit) x = limit;
		if (x < -limit) x = -limit;
		const s = f(x * x);
		let p = ps[0], q = qs[0];
		for (let i = 1; i < ps.length; i++) p = f(f(s * p) + ps[i]);
		for (let i = 1; i < qs.length; i++) q = f(f(s * q) + qs[i]);
		return f(f(p * x) / q);
	};
}

export const tanh = rational(number(0x40fcf84f), numbers('a59f25c0 2a61337e aebd37ff 335c0041 3779434a 3a270ded 3ba059dc'), numbers('35a0d3d8 38f895d6 3b14aa05 3ba059dd'));
export const erf = rational(number(0x40800000), numbers('af95df0b 32edffee b60cff51 b86ec2d2 ba40ac63 bb41a1f6 bc83dbd4'), numbers('b77460cd b95fbd29 badc924e bbf19bf8 bc69b6a7'));

export const leakyRelu = (alpha) => (x) => {
	const w = f(alpha * x);
	return x < w ? w : x;
};

export const relu = (x) => (x < 0 ? -0 : x);

// toHalf rounds to the nearest float16 number, ties to even.
export function toHalf(x) {
	const a = Math.abs(x);
	if (Number.isNaN(x)) return NaN;
	if (a >= 65520) return x > 0 ? Infinity : -Infinity;
	let step = 2 ** -24;
	while (a / step >= 2048) step *= 2;
	const down = Math.floor(a / step), rest = a / step - down;
	const n = rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
	return (x < 0 || Object.is(x, -0) ? -1 : 1) * n * step;
}

// sum returns the sum of n elements from an offset on, computed with 16 partial sums.
export function sum(x, from, n) {
	const l = new Float32Array(16);
	for (let k = 0; k < n; k++) l[k & 15] = l[k & 15] + x[from + k];
	for (const w of [8, 4, 2, 1]) for (let k = 0; k < w; k++) l[k] = l[k] + l[k + w];
	return l[0];
}

// bordered returns a copy of x of the given height and width, with zeros outside x.
function bordered(x, [channels, h, w], top, left, height, width) {
	const out = new Float32Array(channels * height * width);
	for (let c = 0; c < channels; c++) {
		for (let i = 0; i < h && i + top < height; i++) {
			for (let j = 0; j < w && j + left < width; j++) out[(c * height + i + top) * width + j + left] = x[(c * h + i) * w + j];
		}
	}
	return out;
}

// convolve computes Conv: x has the shape [1, channels, height, width], w [m, channels, kh, kw]; pads are top, left, bottom, right.
export function convolve(x, w, bias, { stride = 1, pads = [0, 0, 0, 0] }) {
	const [, channels, h, width] = x.shape;
	const [m, c, kh, kw] = w.shape;
	if (c !== channels) throw new Error('the weights have another number of channels');
	const [top, left, bottom, right] = pads;
	const H = Math.floor((h + top + bottom - (kh - 1) - 1) / stride) + 1;
	const W = Math.floor((width + left + right - (kw - 1) - 1) / stride) + 1;
	const y = { shape: [1, m, H, W], data: new Float32Array(m * H * W) };
	const tiled = kh === 3 && kw === 3 && stride === 1 && channels >= 16 && m >= 16 && H >= 4 && W >= 4;
	(tiled ? byTiles : directly)(x, w.data, bias, y, stride, pads, kh, kw);
	return y;
}

function directly(x, w, bias, y, stride, [top, left, bottom, right], kh, kw) {
	const [, channels, h, width] = x.shape;
	const [, m, H, W] = y.shape;
	const rows = h + top + bottom, columns = width + left + right;
	const padded = bordered(x.data, [channels, h, width], top, left, rows, columns);
	let k = 0;
	for (let o = 0; o < m; o++) {
		const out = y.data.subarray(o * H * W, (o + 1) * H * W);
		out.fill(bias ? bias[o] : 0);
		for (let c = 0; c < channels; c++) {
			for (let r = 0; r < kh; r++) {
				for (let s = 0; s < kw; s++, k++) addProducts(out, w[k], padded, (c * rows + r) * columns + s, columns, H, W, stride);
			}
		}
	}
}

function addProducts(out, weight, x, from, columns, H, W, stride) {
	for (let i = 0, o = 0; i < H; i++) {
		let at = from + stride * i * columns;
		for (let j = 0; j < W; j++, o++, at += stride) out[o] = f(out[o] + f(weight * x[at]));
	}
}

// Winograd's F(4 x 4, 3 x 3). Each function transforms one column or row of a matrix.

const SIXTH = (x) => f(x / -6), TWENTYFOURTH = (x) => f(x / 24);

function filterTransform([g0, g1, g2]) {
	const o = f(g0 + g2), e = f(g0 + f(4 * g2)), t = f(2 * g1);
	return [f(g0 / 4), SIXTH(f(o + g1)), SIXTH(f(o - g1)), TWENTYFOURTH(f(e + t)), TWENTYFOURTH(f(e - t)), g2];
}

function inputTransform([d0, d1, d2, d3, d4, d5]) {
	const a = f(d4 - f(4 * d2)), b = f(d3 - f(4 * d1)), e = f(d4 - d2), g = f(2 * f(d3 - d1));
	return [f(f(f(4 * d0) - f(5 * d2)) + d4), f(a + b), f(a - b), f(e + g), f(e - g), f(f(f(4 * d1) - f(5 * d3)) + d5)];
}

function outputTransform([m0, m1, m2, m3, m4, m5]) {
	const s = f(m1 + m2), u = f(m1 - m2), p = f(m3 + m4), q = f(m3 - m4);
	return [f(f(m0 + s) + p), f(u + f(2 * q)), f(s + f(4 * p)), f(f(u + f(8 * q)) + m5)];
}

// both applies a function to the n columns of an n x n matrix, then to the rows of the result.
function both(func, matrix, n) {
	const columns = [];
	for (let j = 0; j < n; j++) columns.push(func(Array.from({ length: n }, (_, i) => matrix[i * n + j])));
	return columns[0].flatMap((_, i) => func(columns.map((c) => c[i])));
}

// The transformed filters by the tensor of weights, which all tiles of a picture share.
const known = new WeakMap();

function transformedFilters(w, n) {
	if (!known.has(w)) {
		const U = new Float32Array(36 * n);
		for (let k = 0; k < n; k++) both(filterTransform, w.subarray(9 * k, 9 * k + 9), 3).forEach((v, place) => { U[place * n + k] = v; });
		known.set(w, U);
	}
	return known.get(w);
}

function byTiles(x, w, bias, y, stride, [top, left]) {
	const [, channels, h, width] = x.shape;
	const [, m, H, W] = y.shape;
	const down = Math.ceil(H / 4), across = Math.ceil(W / 4), tiles = down * across;
	const rows = 4 * down + 2, columns = 4 * across + 2;
	const padded = bordered(x.data, [channels, h, width], top, left, rows, columns);

	// U is [place, filter, channel] and V is [place, tile, channel].
	const U = transformedFilters(w, m * channels), V = new Float32Array(36 * tiles * channels);
	const d = new Float32Array(36);
	for (let t = 0; t < tiles; t++) {
		for (let c = 0; c < channels; c++) {
			const from = (c * rows + 4 * Math.floor(t / across)) * columns + 4 * (t % across);
			for (let k = 0; k < 6; k++) for (let l = 0; l < 6; l++) d[6 * k + l] = padded[from + k * columns + l];
			both(inputTransform, d, 6).forEach((v, place) => { V[(place * tiles + t) * channels + c] = v; });
		}
	}
	const M = new Float32Array(36);
	for (let t = 0; t < tiles; t++) {
		const i0 = 4 * Math.floor(t / across), j0 = 4 * (t % across);
		for (let o = 0; o < m; o++) {
			for (let place = 0; place < 36; place++) {
				M[place] = dot(U, (place * m + o) * channels, V, (place * tiles + t) * channels, channels);
			}
			const b = bias ? bias[o] : 0;
			both(outputTransform, M, 6).forEach((v, k) => {
				const i = i0 + (k >> 2), j = j0 + (k & 3);
				if (i < H && j < W) y.data[(o * H + i) * W + j] = v + b;
			});
		}
	}
}

function dot(u, i, v, j, n) {
	let a = f(0);
	for (let c = 0; c < n; c++) a = f(a + f(u[i + c] * v[j + c]));
	return a;
}

// transposed computes ConvTranspose with 3 x 3 kernels, strides of 2, pads of 1 and output padding of 1; w is [channels of x, m, 3, 3].
export function transposed(x, w) {
	const [, channels, h, width] = x.shape;
	const m = w.shape[1];
	const H = 2 * h, W = 2 * width;
	const y = { shape: [1, m, H, W], data: new Float32Array(m * H * W) };
	for (let o = 0; o < m; o++) {
		for (let i = 0; i < H; i++) {
			for (let j = 0; j < W; j++) {
				let a = f(0);
				for (let r = 0; r < 3; r++) {
					for (let s = 0; s < 3; s++) {
						const p = (i + 1 - r) / 2, q = (j + 1 - s) / 2;
						if (!Number.isInteger(p) || !Number.isInteger(q) || p < 0 || q < 0 || p >= h || q >= width) continue;
						for (let c = 0; c < channels; c++) a = f(a + f(w.data[((c * m + o) * 3 + r) * 3 + s] * x.data[(c * h + p) * width + q]));
					}
				}
				y.data[(o * H + i) * W + j] = a;
			}
		}
	}
	return y;
}
