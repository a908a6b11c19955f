// A second reader of cipher images. It was written from docs/format.md, docs/keyed-layers.md and docs/arithmetic.md alone.
// open follows "Reading" of docs/format.md; run as a program, it writes the picture as a PNG.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sha256 } from '@noble/hashes/sha2.js';
import { ascii, be32, concat, equal } from './bytes.mjs';
import { at, Refusal } from './refusal.mjs';
import * as container from './container.mjs';
import * as key from './key.mjs';
import * as keyed from './keyed.mjs';
import * as network from './network.mjs';
import * as png from './png.mjs';
import * as record from './record.mjs';
import * as residual from './residual.mjs';

// loadModel reads a model from its directory.
export const loadModel = (directory) =>
	network.model(readFileSync(join(directory, 'encryption.onnx')), readFileSync(join(directory, 'decryption.onnx')));

// open returns the picture of a cipher image, or throws a Refusal. A secret is { key }, { passphrase } or { identities }.
export async function open(file, model, secret) {
	const h = container.parse(file);
	if (!equal(h.model, model.fingerprint)) throw new Refusal(5, 'another model');
	const { stride, side, minSide } = model.tiling;
	if (h.stride !== stride || h.side !== side || h.minSide !== minSide) throw new Refusal(5, 'the tiling differs from the model\'s', 'changed');
	if (h.W * h.H > model.limit) throw new Refusal(4, 'more pixels than the model\'s maximum', 'too-large');
	const tiles = container.tiles(h);
	const plain = await container.unseal(h, secret, tiles.length * network.statisticsLength(model));
	const sections = at(8, () => record.parse(plain.record));

	const rgb = recover(h, model, plain, tiles);
	const picture = { width: h.width, height: h.height, channels: 3, depth: 1, samples: rgb, exact: sections.has(1) };
	if (!picture.exact) return picture;
	return at(9, () => complete(picture, rgb, sections));
}

// recover returns red, green and blue of the picture, without padding, as the decryption generator recovers them.
function recover(h, model, { key: secret, levels, statistics }, tiles) {
	const out = new Uint8Array(3 * h.width * h.height);
	const length = network.statisticsLength(model);
	tiles.forEach(({ x, y, width, height }, i) => {
		const bytes = new Uint8Array(3 * width * height);
		for (let r = 0; r < height; r++) bytes.set(levels.subarray(3 * ((y + r) * h.W + x), 3 * ((y + r) * h.W + x + width)), 3 * r * width);
		let layers;
		if (model.unshuffle) {
			const C = 3 * model.unshuffle ** 2, P = (width / model.unshuffle) * (height / model.unshuffle);
			layers = keyed.inverse(keyed.layers(key.tileSeed(secret, h.nonce, model.fingerprint, i), C, P), C, P);
		}
		const tile = network.recover(model, bytes, statistics.subarray(i * length, (i + 1) * length), layers, height, width);
		for (let r = 0; r < height && y + r < h.height; r++) {
			const n = Math.min(width, h.width - x);
			if (n > 0) out.set(tile.subarray(3 * r * width, 3 * (r * width + n)), 3 * ((y + r) * h.width + x));
		}
	});
	return out;
}

// complete adds the residual and the contents of the other sections, and compares digests.
function complete(picture, rgb, sections) {
	const { width, height } = picture;
	const n = width * height;
	const difference = residual.decode(sections.get(2), 3 * n);
	for (let i = 0; i < 3 * n; i++) rgb[i] += difference[i];

	const gray = sections.has(3);
	const channels = gray ? 1 : sections.has(4) ? 4 : 3;
	const depth = sections.has(5) ? 2 : 1;
	const alpha = sections.has(4) ? unpack(sections.get(4), n) : null;
	const low = depth === 2 ? unpack(sections.get(5), n * channels) : null;
	const samples = new Uint8Array(n * channels * depth);
	for (let i = 0; i < n; i++) {
		for (let c = 0; c < channels; c++) {
			const o = i * channels + c;
			samples[o * depth] = c === 3 ? alpha[i] : rgb[3 * i + c];
			if (low) samples[o * depth + 1] = low[o];
		}
	}
	Object.assign(picture, { channels, depth, samples, exif: sections.get(6), profile: sections.get(7), chunks: sections.get(10) });
	picture.digest = digest(picture);
	if (!equal(picture.digest, sections.get(1))) throw new Error('the digests differ');
	if (sections.has(8)) {
		picture.original = sections.get(8);
		picture.name = sections.has(9) ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(sections.get(9)) : undefined;
		picture.proven = isOf(picture.original, picture);
	}
	return picture;
}

function unpack(packed, size) {
	const bytes = inflateSync(packed, { maxOutputLength: size });
	if (bytes.length !== size) throw new Error('a packed section has a wrong length');
	return bytes;
}

export const digest = ({ width, height, channels, depth, samples }) =>
	sha256(concat(new TextEncoder().encode('encipher picture 1'), be32(width), be32(height), Uint8Array.of(channels, depth), samples));

const KINDS = [/^\x89PNG\r\n\x1a\n/, /^\xff\xd8\xff/, /^GIF8[79]a/, /^BM/, /^(II\*\0|MM\0\*)/, /^RIFF[^]{4}WEBP/];

// isOf reports whether a kept file is proven to be of the picture. This reader decodes only PNG, so files of other kinds are not proven. It throws
// where the file is not a picture, or a PNG of another picture.
function isOf(file, { width, height, channels, depth, samples }) {
	const start = ascii(file.subarray(0, 16));
	if (!KINDS.some((k) => k.test(start))) throw new Error('the kept file is not a picture');
	if (!png.isPNG(file)) return false;
	const other = png.decode(file, container.LIMIT);
	if (other.rotated) return false;
	const sample = (o) => (depth === 2 ? (samples[2 * o] << 8) | samples[2 * o + 1] : 257 * samples[o]);
	const same = other.width === width && other.height === height && other.rgba.every((v, k) => {
		const i = k >> 2, c = k & 3;
		if (c === 3) return v === (channels === 4 ? sample(4 * i + 3) : 65535);
		return v === sample(channels * i + (channels === 1 ? 0 : c));
	});
	if (!same) throw new Error('the kept file is of another picture');
	return true;
}

async function main() {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: {
			model: { type: 'string' }, key: { type: 'string' }, 'passphrase-file': { type: 'string' }, identity: { type: 'string' },
			output: { type: 'string', short: 'o' },
		},
	});
	const secrets = ['key', 'passphrase-file', 'identity'].filter((s) => values[s]);
	if (positionals.length !== 1 || !values.model || !values.output || secrets.length !== 1) {
		throw new Error('usage: reader.mjs FILE --model DIRECTORY --key FILE|--passphrase-file FILE|--identity FILE -o OUT.png');
	}
	const small = (file) => {
		if (statSync(file).size > 16384) throw new Error(`${file} is longer than 16 KiB`);
		return readFileSync(file);
	};
	let secret;
	if (values.key) secret = { key: key.parseKeyFile(small(values.key)) };
	if (values['passphrase-file']) secret = { passphrase: key.passphraseOf(small(values['passphrase-file'])) };
	if (values.identity) secret = { identities: key.lines(small(values.identity)) };
	const picture = await open(readFileSync(positionals[0]), loadModel(values.model), secret);
	if (!picture.exact) console.error('the picture is approximate: the file has no digest');
	writeFileSync(values.output, png.encode(picture));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	main().catch((error) => {
		console.error(error.message);
		process.exitCode = 1;
	});
}
