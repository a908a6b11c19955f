// docs/arithmetic.md: a graph that is run node by node, with its inputs and outputs. A tensor is { shape, data }.

import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from './bytes.mjs';
import { half, parse } from './onnx.mjs';
import * as arithmetic from './arithmetic.mjs';

const f = Math.fround;
const size = (shape) => shape.reduce((a, b) => a * b, 1);

// map applies a function to each element.
const map = (x, func) => ({ shape: x.shape, data: x.data.map(func) });

// pairs applies a function to the elements of two tensors. Dimensions of size 1 are repeated.
function pairs(a, b, func) {
	const rank = Math.max(a.shape.length, b.shape.length);
	const full = (t) => [...Array(rank - t.shape.length).fill(1), ...t.shape];
	const sa = full(a), sb = full(b);
	const shape = sa.map((n, d) => {
		if (n !== sb[d] && n !== 1 && sb[d] !== 1) throw new Error('the shapes do not match');
		return Math.max(n, sb[d]);
	});
	const steps = (s) => {
		const result = [];
		for (let d = rank - 1, step = 1; d >= 0; step *= s[d], d--) result[d] = s[d] === 1 ? 0 : step;
		return result;
	};
	const stepsA = steps(sa), stepsB = steps(sb);
	const y = { shape, data: new Float32Array(size(shape)) };
	let o = 0;
	const walk = (d, i, j) => {
		if (d === rank) {
			y.data[o++] = func(a.data[i], b.data[j]);
			return;
		}
		for (let k = 0; k < shape[d]; k++) walk(d + 1, i + k * stepsA[d], j + k * stepsB[d]);
	};
	walk(0, 0, 0);
	return y;
}

// channelwise applies to each channel of x the function that func returns for its index, offset and number of elements.
function channelwise(x, func) {
	const [, channels, h, w] = x.shape;
	const n = h * w;
	const y = { shape: x.shape, data: new Float32Array(x.data.length) };
	for (let c = 0; c < channels; c++) {
		const g = func(c, c * n, n);
		for (let k = c * n; k < (c + 1) * n; k++) y.data[k] = g(x.data[k]);
	}
	return y;
}

// blocks computes SpaceToDepth, or its inverse.
function blocks(x, b, inverse) {
	const [, channels, h, w] = x.shape;
	const [c0, H, W] = inverse ? [channels / b / b, h, w] : [channels, h / b, w / b];
	const y = { shape: inverse ? [1, c0, H * b, W * b] : [1, c0 * b * b, H, W], data: new Float32Array(x.data.length) };
	for (let r = 0; r < b; r++) for (let s = 0; s < b; s++) for (let c = 0; c < c0; c++) for (let i = 0; i < H; i++) for (let j = 0; j < W; j++) {
		const deep = ((b * r + s) * c0 + c) * H * W + i * W + j;
		const wide = (c * H * b + b * i + r) * W * b + b * j + s;
		if (inverse) y.data[wide] = x.data[deep];
		else y.data[deep] = x.data[wide];
	}
	return y;
}

const sameOf = (list) => {
	if (!list.every((n) => n === list[0])) throw new Error('unequal steps');
	return list[0];
};

const OPERATORS = {
	Add: (_, a, b) => pairs(a, b, (p, q) => p + q),
	Sub: (_, a, b) => pairs(a, b, (p, q) => p - q),
	Mul: (_, a, b) => pairs(a, b, (p, q) => p * q),
	Div: (_, a, b) => pairs(a, b, (p, q) => p / q),
	Sqrt: (_, x) => map(x, Math.sqrt),
	Exp: (_, x) => map(x, arithmetic.exp),
	Tanh: (_, x) => map(x, arithmetic.tanh),
	Erf: (_, x) => map(x, arithmetic.erf),
	LeakyRelu: ({ alpha = f(0.01) }, x) => map(x, arithmetic.leakyRelu(alpha)),
	Relu: (_, x) => map(x, arithmetic.relu),
	Conv: ({ strides = [1], pads }, x, w, b) => arithmetic.convolve(x, w, b?.data, { stride: sameOf(strides), pads }),
	ConvTranspose: (_, x, w) => arithmetic.transposed(x, w),
	ReduceMean: (_, x) => {
		const [, channels, h, w] = x.shape;
		const data = new Float32Array(channels);
		for (let c = 0; c < channels; c++) data[c] = arithmetic.sum(x.data, c * h * w, h * w) / (h * w);
		return { shape: [1, channels, 1, 1], data };
	},
	BatchNormalization: ({ epsilon = f(1e-5) }, x, scale, shift, mean, variance) => channelwise(x, (c) => {
		const deviation = f(Math.sqrt(f(variance.data[c] + epsilon)));
		return (v) => f(f(f(f(v - mean.data[c]) / deviation) * scale.data[c]) + shift.data[c]);
	}),
	InstanceNormalization: ({ epsilon = f(1e-5) }, x) => channelwise(x, (c, from, n) => {
		const mean = f(arithmetic.sum(x.data, from, n) / n);
		const squares = x.data.subarray(from, from + n).map((v) => f(f(v - mean) * f(v - mean)));
		const deviation = f(Math.sqrt(f(f(arithmetic.sum(squares, 0, n) / n) + epsilon)));
		return (v) => f(v - mean) / deviation;
	}),
	Cast: ({ to }, x) => (to === 10 ? map(x, arithmetic.toHalf) : x),
	Gather: (_, table, index) => ({ shape: index.shape, data: Float32Array.from(index.data, (i) => table.data[i]) }),
	GatherElements: (_, x, index) => {
		const P = x.shape[2];
		return { shape: index.shape, data: Float32Array.from(index.data, (i, k) => x.data[Math.floor(k / P) * P + i]) };
	},
	Shape: (_, x) => ({ shape: [x.shape.length], data: x.shape }),
	Identity: (_, x) => x,
	Reshape: (_, x, target) => {
		const shape = Array.from(target.data, (n, d) => (n === 0 ? x.shape[d] : n));
		const rest = shape.indexOf(-1);
		if (rest >= 0) shape[rest] = -size(x.shape) / size(shape);
		return { shape, data: x.data };
	},
	Slice: (_, x, from, to) => {
		const [, channels, h, w] = x.shape;
		const end = Math.min(to.data[0], channels);
		return { shape: [1, end - from.data[0], h, w], data: x.data.slice(from.data[0] * h * w, end * h * w) };
	},
	Concat: (_, a, b) => {
		const data = new Float32Array(a.data.length + b.data.length);
		data.set(a.data);
		data.set(b.data, a.data.length);
		return { shape: [1, a.shape[1] + b.shape[1], a.shape[2], a.shape[3]], data };
	},
	Pad: (_, x, { data: pads }) => {
		const [, channels, h, w] = x.shape;
		const [, , top, left, , , bottom, right] = pads;
		const H = h + top + bottom, W = w + left + right;
		const mirror = (k, n) => (k < 0 ? -k : k >= n ? 2 * (n - 1) - k : k);
		const data = new Float32Array(channels * H * W);
		for (let c = 0, o = 0; c < channels; c++) for (let i = 0; i < H; i++) for (let j = 0; j < W; j++, o++) {
			data[o] = x.data[(c * h + mirror(i - top, h)) * w + mirror(j - left, w)];
		}
		return { shape: [1, channels, H, W], data };
	},
	SpaceToDepth: ({ blocksize }, x) => blocks(x, blocksize, false),
	DepthToSpace: ({ blocksize }, x) => blocks(x, blocksize, true),
};

// run computes a graph from its inputs, by name, and returns its outputs. It calls seen with each node and its result.
export function run(graph, inputs, seen = () => {}) {
	const values = new Map([...graph.initialisers, ...Object.entries(inputs)]);
	const uses = new Map();
	for (const name of [...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs]) uses.set(name, (uses.get(name) ?? 0) + 1);
	for (const node of graph.nodes) {
		const operator = OPERATORS[node.operator];
		if (!operator) throw new Error(`operator ${node.operator}`);
		const result = operator(node.attributes, ...node.inputs.map((name) => values.get(name)));
		values.set(node.outputs[0], result);
		seen(node, result);
		for (const name of node.inputs) {
			uses.set(name, uses.get(name) - 1);
			if (uses.get(name) === 0) values.delete(name);
		}
	}
	return Object.fromEntries(graph.outputs.map((name) => [name, values.get(name)]));
}

// model reads the two files of a model.
export function model(encryption, decryption) {
	const length = (b) => {
		const bytes = new Uint8Array(8);
		new DataView(bytes.buffer).setBigUint64(0, BigInt(b.length), true);
		return bytes;
	};
	const graph = parse(decryption);
	const { profile, unshuffle } = graph.definition;
	const carried = graph.inputs.filter((i) => /^(means|deviations)\d+$/.test(i.name));
	const norms = carried.length / 2;
	return {
		fingerprint: sha256(concat(new TextEncoder().encode('encipher model 1'), length(encryption), encryption, length(decryption), decryption)),
		graph,
		unshuffle: profile === 'reversible' ? unshuffle : 0,
		tiling: { stride: profile === 'reversible' ? unshuffle : 4, side: profile === 'paper' ? 0 : 256, minSide: 16 },
		limit: profile === 'paper' ? 409600 : Infinity,
		carried: Array.from({ length: 2 * norms }, (_, k) => {
			const name = `${k % 2 ? 'deviations' : 'means'}${k >> 1}`;
			return { name, channels: carried.find((i) => i.name === name).shape[1] };
		}),
	};
}

// statisticsLength returns the number of bytes of the statistics of one tile.
export const statisticsLength = (m) => m.carried.reduce((n, s) => n + 2 * s.channels, 0);

// statistics returns the graph inputs that the bytes of a tile's statistics encode.
export function statistics(m, bytes) {
	const inputs = {};
	let at = 0;
	for (const { name, channels } of m.carried) {
		inputs[name] = { shape: [1, channels, 1, 1], data: Float32Array.from({ length: channels }, (_, c) => half(bytes[at + 2 * c] | (bytes[at + 2 * c + 1] << 8))) };
		at += 2 * channels;
	}
	return inputs;
}

// planes converts the bytes of a tile, row by row and red, green, blue, to the tensor [c, i, j].
export function planes(bytes, height, width, Type, func) {
	const n = height * width;
	const data = new Type(3 * n);
	for (let k = 0; k < n; k++) for (let c = 0; c < 3; c++) data[c * n + k] = func(bytes[3 * k + c]);
	return { shape: [1, 3, height, width], data };
}

export const asSample = (k) => f(f(k / 127.5) - 1);

// toByte converts an output to a byte. For `picture`, scale is 127.5 and round 0.5; for the reversible `cipher`, 128 and 0.
export function toByte(v, scale, round) {
	let l = f(f(v + 1) * scale);
	if (round) l = f(l + round);
	return l >= 255 ? 255 : l >= 0 ? Math.floor(l) : 0;
}

export function toBytes(y, scale, round) {
	const n = y.shape[2] * y.shape[3];
	const bytes = new Uint8Array(3 * n);
	for (let k = 0; k < n; k++) for (let c = 0; c < 3; c++) bytes[3 * k + c] = toByte(y.data[c * n + k], scale, round);
	return bytes;
}

// recover returns the bytes that the decryption generator recovers for a tile. keyed holds the inverses of its keyed layers.
export function recover(m, levels, stats, keyed, height, width, seen) {
	const inputs = statistics(m, stats);
	if (m.unshuffle) {
		const C = 3 * m.unshuffle ** 2, P = (height / m.unshuffle) * (width / m.unshuffle);
		inputs.levels = planes(levels, height, width, Int32Array, (k) => k);
		keyed.permutations.forEach((data, k) => { inputs[`permutation${k}`] = { shape: [1, C, P], data }; });
		keyed.mixes.forEach((data, k) => { inputs[`mix${k}`] = { shape: [C, C, 1, 1], data }; });
	} else {
		inputs.cipher = planes(levels, height, width, Float32Array, asSample);
	}
	return toBytes(run(m.graph, inputs, seen).picture, 127.5, 0.5);
}
