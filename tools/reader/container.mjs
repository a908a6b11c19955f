// "Sizes and tiles", "File" and steps 1 to 7 of "Reading" in docs/format.md.

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ascii, concat, equal, u16, u32 } from './bytes.mjs';
import { at, Refusal, refuse } from './refusal.mjs';
import { chunks, header as ihdr, isPNG, pixels } from './png.mjs';
import { checkSlot, commitment, DamagedSlot, find, sealingKey } from './key.mjs';

// LIMIT is the maximum of pixels, padding included, of a picture that this reader opens.
export const LIMIT = 1 << 26;

const padded = (h, side) => Math.max(Math.ceil(side / h.stride) * h.stride, h.minSide);

// cut returns the lengths of the tiles along a dimension.
function cut(length, side, minSide) {
	if (side === 0 || length <= side) return [length];
	const lengths = Array(Math.floor(length / side)).fill(side);
	const rest = length % side;
	if (rest >= minSide) lengths.push(rest);
	else lengths[lengths.length - 1] += rest;
	return lengths;
}

// tiles returns the rectangles of a padded picture, row by row.
export function tiles(h) {
	const list = [];
	let y = 0;
	for (const height of cut(h.H, h.side, h.minSide)) {
		let x = 0;
		for (const width of cut(h.W, h.side, h.minSide)) {
			list.push({ x, y, width, height });
			x += width;
		}
		y += height;
	}
	return list;
}

// parse performs steps 1 to 4 and returns the fields of the header.
export function parse(file) {
	if (!isPNG(file)) throw new Refusal(1, 'not a PNG');
	const { list, complete } = chunks(file);
	const own = list.filter((c) => c.type === 'enCR');
	if (list[0]?.type !== 'IHDR' || list[0].data.length !== 13) throw new Refusal(1, 'not a PNG');
	if (own.length === 0) throw new Refusal(1, 'no enCR');

	if (own.length > 1) throw new Refusal(2, 'two chunks enCR');
	if (!own[0].sound) throw new Refusal(2, 'wrong checksum of enCR');
	if (!complete) throw new Refusal(2, 'the file is cut short');

	const { data } = own[0];
	if (data.length < 12 || ascii(data.subarray(0, 8)) !== 'ENCIPHER') throw new Refusal(1, 'enCR belongs to another program');

	if (u16(data, 8) !== 1) throw new Refusal(3, `version ${u16(data, 8)}`);
	if (data[10] > 1) throw new Refusal(3, `flags ${data[10]}`);
	if (data[11] > 2) throw new Refusal(3, `key slot of kind ${data[11]}`);

	if (data.length < 116) throw new Refusal(4, 'the header is cut short');
	const n = u16(data, 114);
	if (data.length < 116 + n) throw new Refusal(4, 'the key slot is cut short');
	const h = {
		bare: data[10] === 1, kind: data[11], model: data.subarray(12, 44), width: u32(data, 44), height: u32(data, 48),
		stride: u16(data, 52), side: u16(data, 54), minSide: u16(data, 56),
		nonce: data.subarray(58, 82), commitment: data.subarray(82, 114), slot: data.subarray(116, 116 + n),
		bytes: data.subarray(0, 116 + n), tail: data.subarray(116 + n), list,
	};
	if (![h.width, h.height].every((n) => n >= 1 && n <= 2 ** 30)) throw new Refusal(4, 'width or height out of range');
	if (h.stride === 0 || h.minSide < h.stride || h.minSide % h.stride !== 0) throw new Refusal(4, 'stride or min side out of range');
	if (h.side !== 0 && (h.side < h.minSide || h.side % h.stride !== 0)) throw new Refusal(4, 'side out of range');
	at(4, () => checkSlot(h.kind, h.slot));
	h.W = padded(h, h.width);
	h.H = padded(h, h.height);
	if (h.W * h.H > LIMIT) throw new Refusal(4, 'more pixels than this reader opens', 'too-large');
	h.png = ihdr(list[0].data);
	if (h.png.width !== h.W || h.png.height !== h.H || h.png.depth !== 8 || h.png.colour !== 2) {
		throw new Refusal(4, 'IHDR does not match the header');
	}
	return h;
}

// unseal performs steps 6 and 7 and returns levels, statistics and record. statisticsLength is the length of the statistics of all tiles.
export async function unseal(h, secret, statisticsLength) {
	let key;
	try {
		key = await find(h.kind, h.slot, secret);
	} catch (error) {
		throw error instanceof DamagedSlot ? new Refusal(6, error.message, 'changed') : refuse(6, error);
	}
	if (!equal(commitment(key, h.nonce), h.commitment)) throw new Refusal(6, 'the commitment is of another key');
	if (h.bare) throw new Refusal(6, 'a bare cipher image, which this reader does not open', 'bare-cipher');

	const size = 3 * h.W * h.H;
	if (h.tail.length < statisticsLength + 16) throw new Refusal(7, 'the tail is too short');
	const idat = h.list.filter((c) => c.type === 'IDAT').map((c) => c.data);
	if (idat.reduce((n, d) => n + d.length, 0) < size - 16) throw new Refusal(7, 'too few bytes of IDAT');
	checkStructure(h);
	const plaintext = at(7, () => {
		const sealed = concat(pixels(h.png, concat(...idat)), h.tail);
		return xchacha20poly1305(sealingKey(key, h.nonce), h.nonce, h.bytes).decrypt(sealed);
	});
	return {
		key,
		levels: plaintext.subarray(0, size),
		statistics: plaintext.subarray(size, size + statisticsLength),
		record: plaintext.subarray(size + statisticsLength),
	};
}

// checkStructure throws where the PNG is invalid: a wrong checksum, an unknown method in IHDR, or IHDR, PLTE, tRNS, IDAT or IEND of a
// wrong length or in a wrong place. Chunks of other types are skipped.
function checkStructure({ png, list }) {
	const check = (condition, message) => {
		if (!condition) throw new Refusal(7, message);
	};
	for (const c of list) check(c.sound, `wrong checksum of ${c.type}`);
	check(png.valid, 'unknown method in IHDR');
	const places = (type) => list.flatMap((c, i) => (c.type === type ? [i] : []));
	const idat = places('IDAT'), palette = places('PLTE'), transparent = places('tRNS');
	check(idat.length === idat.at(-1) - idat[0] + 1, 'a chunk between two IDAT');
	check(places('IHDR').length === 1 && palette.length <= 1 && transparent.length <= 1, 'a chunk that occurs twice');
	for (const i of palette) check(i < idat[0] && list[i].data.length % 3 === 0 && list[i].data.length >= 3 && list[i].data.length <= 768, 'wrong PLTE');
	for (const i of transparent) check(i < idat[0] && !(palette[0] > i) && list[i].data.length === 6, 'wrong tRNS');
	check(list.at(-1).data.length === 0, 'IEND is not empty');
}
