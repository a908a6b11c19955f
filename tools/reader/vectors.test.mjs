// Tests against the vectors that docs/format.md lists, for node --test.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { be32, concat } from './bytes.mjs';
import * as arithmetic from './arithmetic.mjs';
import * as container from './container.mjs';
import * as key from './key.mjs';
import * as keyed from './keyed.mjs';
import * as network from './network.mjs';
import * as png from './png.mjs';
import * as residual from './residual.mjs';
import { digest, loadModel, open } from './reader.mjs';
import { parse as parseONNX } from './onnx.mjs';

const root = new URL('../../', import.meta.url);
const read = (name) => readFileSync(new URL(name, root));
const json = (name) => JSON.parse(read(name));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const base64 = (text) => Uint8Array.from(Buffer.from(text, 'base64'));
const hex = (b) => Buffer.from(b).toString('hex');
const sha256 = (...arrays) => {
	const h = createHash('sha256');
	for (const a of arrays) h.update(new Uint8Array(a.buffer, a.byteOffset, a.byteLength));
	return h.digest('hex');
};
const bits = (x) => Array.from(new Uint32Array(Float32Array.from(x).buffer), (v) => v.toString(16).padStart(8, '0'));
const fromBits = (text) => new Float32Array(Uint32Array.of(parseInt(text, 16)).buffer)[0];
const some = (list) => {
	assert.ok(list.length > 0);
	return list;
};

test('keys', () => {
	for (const v of some(json('internal/key/testdata/vectors.json').vectors)) {
		const secret = key.parseKey(v.text);
		assert.equal(hex(secret), v.secret);
		assert.equal(hex(key.parseKey(v.text.toLowerCase())), v.secret);
		assert.equal(key.fingerprint(secret), v.fingerprint);
		const nonce = bytes(v.nonce);
		assert.equal(hex(key.sealingKey(secret, nonce)), v.aead);
		assert.equal(hex(key.commitment(secret, nonce)), v.commitment);
		for (const [i, seed] of some(Object.entries(v.tile_seeds))) assert.equal(hex(key.tileSeed(secret, nonce, bytes(v.model), Number(i))), seed);
	}
});

// written returns the file of a vector in the layout of this program's writer ("File" of docs/format.md).
function written(v) {
	const secret = key.parseKey(v.key), nonce = bytes(v.nonce), slot = bytes(v.slot);
	const two = (n) => Uint8Array.of(n >> 8, n);
	const header = concat(
		Buffer.from('ENCIPHER'), two(1), Uint8Array.of(0, v.slot_kind), bytes(v.model), be32(v.width), be32(v.height),
		two(v.stride), two(v.side), two(v.min_side), nonce, key.commitment(secret, nonce), two(slot.length), slot,
	);
	const [W, H] = [v.width, v.height].map((n) => Math.max(Math.ceil(n / v.stride) * v.stride, v.min_side));
	const levels = new Uint8Array(3 * W * H);
	for (let i = 0; 32 * i < levels.length; i++) {
		levels.set(createHash('sha256').update(concat(Buffer.from('levels'), be32(i))).digest().subarray(0, levels.length - 32 * i), 32 * i);
	}
	const sealed = xchacha20poly1305(key.sealingKey(secret, nonce), nonce, header).encrypt(concat(levels, bytes(v.statistics), bytes(v.record)));

	const rows = concat(...Array.from({ length: H }, (_, i) => concat(Uint8Array.of(0), sealed.subarray(3 * W * i, 3 * W * (i + 1)))));
	const blocks = [Uint8Array.of(0x78, 0x01)];
	for (let at = 0; at < rows.length; at += 65535) {
		const block = rows.subarray(at, at + 65535), n = block.length;
		blocks.push(Uint8Array.of(at + n === rows.length, n, n >> 8, ~n, ~n >> 8), block);
	}
	let a = 1, b = 0;
	for (const r of rows) b = (b + (a = (a + r) % 65521)) % 65521;
	blocks.push(two(b), two(a));

	const chunk = (type, data) => concat(be32(data.length), Buffer.from(type), data, be32(png.crc32(concat(Buffer.from(type), data))));
	return concat(
		png.SIGNATURE, chunk('IHDR', concat(be32(W), be32(H), Uint8Array.of(8, 2, 0, 0, 0))),
		chunk('enCR', concat(header, sealed.subarray(levels.length))), chunk('IDAT', concat(...blocks)), chunk('IEND', new Uint8Array()),
	);
}

test('container', async () => {
	for (const v of some(json('internal/container/testdata/vectors.json').vectors)) {
		const file = written(v);
		assert.equal(file.length, v.length);
		assert.equal(sha256(file), v.sha256);
		if (v.file) assert.equal(hex(file), v.file);
		const h = container.parse(file);
		assert.deepEqual([h.width, h.height, h.stride, h.side, h.minSide, h.kind, hex(h.slot)], [v.width, v.height, v.stride, v.side, v.min_side, v.slot_kind, v.slot]);
		assert.deepEqual([hex(h.model), hex(h.nonce)], [v.model, v.nonce]);
		if (v.slot_kind !== 0) continue; // the vector has the key but not the secret that the slot needs
		const plain = await container.unseal(h, { key: key.parseKey(v.key) }, v.statistics.length / 2);
		assert.deepEqual([hex(plain.statistics), hex(plain.record)], [v.statistics, v.record]);
	}
});

test('residual', () => {
	for (const v of some(json('internal/residual/testdata/vectors.json').vectors)) assert.equal(sha256(residual.decode(bytes(v.code), v.samples)), v.sha256, v.name);
});

test('keyed layers', () => {
	for (const v of some(json('internal/keyschedule/testdata/vectors.json'))) {
		const { permutations, mixes } = keyed.layers(bytes(v.seed), v.channels, v.positions, v.permutations, v.mixes);
		assert.deepEqual(Array.from(permutations[0].slice(0, v.firstPermutation.length)), v.firstPermutation);
		assert.deepEqual(bits(mixes[0].slice(0, v.firstMix.length)), v.firstMix);
		assert.equal(sha256(...permutations, ...mixes), v.digest);
	}
});

const vectors = json('internal/kernel/testdata/arithmetic.json');
const made = (s, n) => Float32Array.from({ length: n }, (_, k) => ((7919 * k + 104729 * s + 1) % 65521) / 32768 - 1);

test('functions', () => {
	const functions = {
		erf: arithmetic.erf, exp: arithmetic.exp, tanh: arithmetic.tanh, float16: arithmetic.toHalf, relu: arithmetic.relu,
		'leakyrelu 0.2': arithmetic.leakyRelu(Math.fround(0.2)),
	};
	assert.deepEqual(Object.keys(vectors.functions).sort(), Object.keys(functions).sort());
	for (const [name, list] of Object.entries(vectors.functions)) {
		for (const pair of some(list)) {
			const [x, y] = pair.split(' ').map(fromBits);
			assert.ok(Object.is(Math.fround(functions[name](x)), y), `${name} ${pair}`);
		}
	}
	for (const pair of some(vectors.bytes.levels)) assert.equal(network.toByte(fromBits(pair.split(' ')[0]), 128, 0), Number(pair.split(' ')[1]), pair);
	for (const pair of some(vectors.bytes.picture)) assert.equal(network.toByte(fromBits(pair.split(' ')[0]), 127.5, 0.5), Number(pair.split(' ')[1]), pair);
	for (const v of some(vectors.sums)) assert.deepEqual(bits([arithmetic.sum(made(1, v.elements), 0, v.elements)]), [v.sum]);
});

test('convolutions', () => {
	for (const v of some(vectors.convolutions)) {
		const x = { shape: [1, v.channels, v.height, v.width], data: made(1, v.channels * v.height * v.width) };
		const turned = v.kind === 'transposed';
		const w = { shape: [turned ? v.channels : v.filters, turned ? v.filters : v.channels, v.kernel, v.kernel], data: made(2, v.channels * v.filters * v.kernel ** 2) };
		const y = turned ? arithmetic.transposed(x, w) : arithmetic.convolve(x, w, v.bias ? made(3, v.filters) : null, { stride: v.stride, pads: Array(4).fill(v.pad) });
		assert.deepEqual(y.shape.slice(1), v.output);
		assert.equal(bits(y.data.slice(0, v.first.split(' ').length)).join(' '), v.first);
		assert.equal(sha256(y.data), v.sha256);
	}
});

// checker compares each node with the list, which has no Shape and no Identity nodes.
function checker(list) {
	let next = 0;
	const seen = (node, result) => {
		if (node.operator === 'Shape' || node.operator === 'Identity') return;
		const v = list[next++];
		assert.equal(`${node.operator} ${node.outputs[0]}`, `${v.operator} ${v.output}`);
		assert.equal(result.shape.join(', '), v.shape, v.output);
		assert.equal(bits(result.data.slice(0, 4)).join(' '), v.first, v.output);
		assert.equal(sha256(result.data), v.sha256, v.output);
	};
	return { seen, end: () => assert.equal(next, list.length) };
}

for (const v of some(json('internal/network/testdata/layers.json'))) {
	const m = loadModel(new URL(`models/${v.model}`, root).pathname);
	const { height, width } = v;
	const u = m.unshuffle, C = 3 * u * u, P = (height / u) * (width / u);

	test(`decryption generator of ${v.model}`, () => {
		assert.equal(hex(m.fingerprint), v.fingerprint);
		let layers;
		if (u) {
			layers = keyed.inverse(keyed.layers(bytes(v.seed), C, P), C, P);
			layers.permutations.forEach((p, k) => assert.equal(sha256(p), sha256(base64(v.keyed[`permutation${k}`]))));
			layers.mixes.forEach((a, k) => assert.equal(sha256(a), sha256(base64(v.keyed[`mix${k}`]))));
		}
		const check = checker(v.decryption);
		const recovered = network.recover(m, base64(v.levels), base64(v.statistics), layers, height, width, check.seen);
		check.end();
		assert.equal(hex(recovered), hex(base64(v.recovered)));
	});

	test(`encryption generator of ${v.model}`, () => {
		const inputs = { picture: network.planes(base64(v.picture), height, width, Float32Array, network.asSample) };
		if (u) {
			const { permutations, mixes } = keyed.layers(bytes(v.seed), C, P);
			permutations.forEach((data, k) => { inputs[`permutation${k}`] = { shape: [1, C, P], data }; });
			mixes.forEach((data, k) => { inputs[`mix${k}`] = { shape: [C, C, 1, 1], data }; });
		}
		const check = checker(v.encryption);
		const outputs = network.run(parseONNX(read(`models/${v.model}/encryption.onnx`)), inputs, check.seen);
		check.end();
		assert.equal(hex(network.toBytes(outputs.cipher, u ? 128 : 127.5, u ? 0 : 0.5)), hex(base64(v.levels)));
		for (const [name, { data }] of Object.entries(network.statistics(m, base64(v.statistics)))) assert.deepEqual(bits(outputs[name].data), bits(data), name);
	});
}

// Rules of "File" and "Reading" in docs/format.md that the corpus does not cover: a file of the corpus with changed chunks.
test('reading', async () => {
	const secret = { key: key.parseKey(json('testdata/corpus/corpus.json').cases.find((c) => c.file === 'soft.png').key) };
	const model = loadModel(new URL('models/default', root).pathname);
	const data = Object.fromEntries(png.chunks(read('testdata/corpus/soft.png')).list.map((c) => [c.type, c.data]));
	const chunk = (type, body, crc = png.crc32(concat(Buffer.from(type), body))) => concat(be32(body.length), Buffer.from(type), body, be32(crc));
	const [IHDR, enCR, IDAT, IEND] = ['IHDR', 'enCR', 'IDAT', 'IEND'].map((type) => chunk(type, data[type]));
	const together = (...chunks) => concat(png.SIGNATURE, ...chunks);
	const changed = (type, at, ...values) => {
		const body = Uint8Array.from(data[type]);
		body.set(values, at);
		return chunk(type, body);
	};
	const split = [chunk('IDAT', data.IDAT.subarray(0, 100)), chunk('IDAT', data.IDAT.subarray(100))];
	const colours = chunk('PLTE', new Uint8Array(3)), transparent = chunk('tRNS', new Uint8Array(6));
	const cases = [
		['as it is', 0, together(IHDR, enCR, IDAT, IEND)],
		['enCR behind IDAT', 0, together(IHDR, ...split, enCR, IEND)],
		['other chunks', 0, together(IHDR, enCR, chunk('ABCD', data.IEND), chunk('gAMA', data.IEND), chunk('a1Cd', data.IEND), IDAT, IEND)],
		['PLTE and tRNS', 0, together(IHDR, enCR, colours, transparent, IDAT, IEND)],
		['bytes behind the zlib stream', 0, together(IHDR, enCR, chunk('IDAT', concat(data.IDAT, data.IHDR)), IDAT, IEND)],
		['IHDR is second', 1, together(enCR, IHDR, IDAT, IEND)],
		['IHDR of 14 bytes', 1, together(chunk('IHDR', concat(data.IHDR, Uint8Array.of(0))), enCR, IDAT, IEND)],
		['cut in enCR', 1, together(IHDR, enCR.subarray(0, enCR.length - 1))],
		['enCR of 11 bytes', 1, together(IHDR, chunk('enCR', data.enCR.subarray(0, 11)), IDAT, IEND)],
		['two enCR, the first without the magic', 2, together(IHDR, chunk('enCR', data.IDAT), enCR, IDAT, IEND)],
		['neither magic nor checksum', 2, together(IHDR, chunk('enCR', data.IDAT, 0), IDAT, IEND)],
		['a length of 2^31', 2, together(IHDR, enCR, IDAT, be32(2 ** 31), Buffer.from('tEXt'), new Uint8Array(100))],
		['flags 2 in a header that is cut', 3, together(IHDR, chunk('enCR', concat(data.enCR.subarray(0, 10), Uint8Array.of(2, 0))), IDAT, IEND)],
		['enCR of 12 bytes', 4, together(IHDR, chunk('enCR', data.enCR.subarray(0, 12)), IDAT, IEND)],
		['width over 2^30', 4, together(IHDR, changed('enCR', 44, 0x40, 0, 0, 1), IDAT, IEND), 'changed'],
		['width 2^30', 4, together(IHDR, changed('enCR', 44, 0x40, 0, 0, 0), IDAT, IEND), 'too-large'],
		['unknown interlacing and another model', 5, together(changed('IHDR', 12, 2), changed('enCR', 12, 0), IDAT, IEND)],
		['a bare cipher of another model', 5, together(IHDR, changed('enCR', 10, 1, 0, 0), IDAT, IEND)],
		['a bare cipher', 6, together(IHDR, changed('enCR', 10, 1), IEND), 'bare-cipher'],
		['unknown interlacing', 7, together(changed('IHDR', 12, 2), enCR, IDAT, IEND)],
		['checksum of IHDR', 7, together(chunk('IHDR', data.IHDR, 0), enCR, IDAT, IEND)],
		['two IHDR', 7, together(IHDR, IHDR, enCR, IDAT, IEND)],
		['enCR between two IDAT', 7, together(IHDR, split[0], enCR, split[1], IEND)],
		['PLTE behind IDAT', 7, together(IHDR, enCR, IDAT, colours, IEND)],
		['PLTE behind tRNS', 7, together(IHDR, enCR, transparent, colours, IDAT, IEND)],
		['PLTE of 4 bytes', 7, together(IHDR, enCR, chunk('PLTE', new Uint8Array(4)), IDAT, IEND)],
		['tRNS of 2 bytes', 7, together(IHDR, enCR, chunk('tRNS', new Uint8Array(2)), IDAT, IEND)],
		['an IEND with data', 7, together(IHDR, enCR, IDAT, chunk('IEND', new Uint8Array(1)))],
		['filter type 9', 7, together(IHDR, enCR, chunk('IDAT', deflateSync(inflateSync(data.IDAT).fill(9, 0, 1))), IEND)],
		['more pixels', 7, together(IHDR, enCR, chunk('IDAT', deflateSync(concat(inflateSync(data.IDAT), new Uint8Array(1)))), IEND)],
	];
	for (const [name, step, file, code] of cases) {
		let error;
		await open(file, model, secret).catch((e) => { error = e; });
		assert.equal(error?.step ?? error ?? 0, step, name);
		if (code) assert.equal(error.code, code, name);
	}
});

test('a whole file', async () => {
	const v = json('testdata/vector.json');
	const picture = await open(read('testdata/photo.cipher.png'), loadModel(new URL(`models/${v.model}`, root).pathname), { key: key.parseKey(v.key) });
	assert.equal(hex(picture.digest), v.digest);

	// The encoded picture has the samples of the picture, and so has photo.png.
	const { width, height, rgba } = png.decode(png.encode(picture), container.LIMIT);
	assert.equal(sha256(rgba), sha256(png.decode(read('testdata/photo.png'), container.LIMIT).rgba));
	const samples = Uint8Array.from(rgba, (s) => s >> 8).filter((_, k) => k % 4 < picture.channels);
	assert.equal(hex(digest({ width, height, channels: picture.channels, depth: 1, samples })), v.digest);
});
