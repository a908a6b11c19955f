// PNG (https://www.w3.org/TR/png-3/), as far as "File", "Record" and "PNG chunks" of docs/format.md need it: chunks, pixels with
// any filter and interlacing, and a writer.

import { inflateSync, deflateSync, constants } from 'node:zlib';
import { ascii, be32, concat, equal, u16, u32 } from './bytes.mjs';

export const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

const CRC = new Uint32Array(256).map((_, n) => {
	for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
	return n;
});

export function crc32(b) {
	let c = 0xffffffff;
	for (let i = 0; i < b.length; i++) c = CRC[(c ^ b[i]) & 255] ^ (c >>> 8);
	return (c ^ 0xffffffff) >>> 0;
}

// chunk reads the chunk at an offset: its type, its data, whether its checksum is correct, and the offset after it. It returns null where the
// bytes end before the chunk does.
export function chunk(b, offset) {
	if (b.length - offset < 12) return null;
	const length = u32(b, offset);
	if (length >= 2 ** 31 || b.length - offset - 12 < length) return null;
	const end = offset + 8 + length;
	return {
		type: ascii(b.subarray(offset + 4, offset + 8)),
		data: b.subarray(offset + 8, end),
		sound: crc32(b.subarray(offset + 4, end)) === u32(b, end),
		next: end + 4,
	};
}

// chunks returns the chunks up to IEND, and whether there is an IEND. It stops where the bytes are cut short.
export function chunks(b) {
	const list = [];
	for (let c = chunk(b, SIGNATURE.length); c !== null; c = chunk(b, c.next)) {
		list.push(c);
		if (c.type === 'IEND') return { list, complete: true };
	}
	return { list, complete: false };
}

export const isPNG = (b) => b.length >= 8 && equal(b.subarray(0, 8), SIGNATURE);

export function header(data) {
	const h = { width: u32(data, 0), height: u32(data, 4), depth: data[8], colour: data[9], compression: data[10], filter: data[11], interlace: data[12] };
	const depths = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] }[h.colour];
	h.valid = h.width > 0 && h.height > 0 && h.width < 2 ** 31 && h.height < 2 ** 31 && depths !== undefined && depths.includes(h.depth) &&
		h.compression === 0 && h.filter === 0 && h.interlace <= 1;
	return h;
}

// Adam7: first column and row, and the steps to the next.
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

// pixels returns the bytes of all rows, without filter types, from the data of all IDAT: it undoes compression, filters and interlacing.
// It inflates no more bytes than the picture has, and skips bytes after the zlib stream.
export function pixels(h, idat) {
	const bits = h.depth * { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[h.colour];
	const step = Math.max(1, bits >> 3);
	const passes = (h.interlace ? PASSES : [[0, 0, 1, 1]])
		.map(([x, y, dx, dy]) => ({ x, y, dx, dy, width: Math.ceil((h.width - x) / dx), height: Math.ceil((h.height - y) / dy) }))
		.filter((p) => p.width > 0 && p.height > 0);
	for (const p of passes) p.row = Math.ceil((p.width * bits) / 8);
	const size = passes.reduce((n, p) => n + p.height * (1 + p.row), 0);

	const raw = inflateSync(idat, { maxOutputLength: size });
	if (raw.length !== size) throw new Error(`${raw.length} bytes of pixels instead of ${size}`);

	const stride = Math.ceil((h.width * bits) / 8);
	const out = new Uint8Array(stride * h.height);
	let at = 0;
	for (const p of passes) {
		let above = new Uint8Array(p.row);
		for (let i = 0; i < p.height; i++) {
			const row = unfilter(raw[at], raw.subarray(at + 1, at + 1 + p.row), above, step);
			at += 1 + p.row;
			above = row;
			const to = (p.y + i * p.dy) * stride;
			if (!h.interlace) {
				out.set(row, to);
			} else {
				for (let j = 0; j < p.width; j++) {
					const x = p.x + j * p.dx;
					if (bits >= 8) {
						for (let k = 0; k < step; k++) out[to + x * step + k] = row[j * step + k];
					} else {
						const v = (row[(j * bits) >> 3] >> (8 - bits - ((j * bits) & 7))) & ((1 << bits) - 1);
						out[to + ((x * bits) >> 3)] |= v << (8 - bits - ((x * bits) & 7));
					}
				}
			}
		}
	}
	return out;
}

function unfilter(type, row, above, step) {
	if (type > 4) throw new Error(`filter type ${type}`);
	for (let i = 0; i < row.length; i++) {
		const left = i >= step ? row[i - step] : 0;
		const up = above[i];
		if (type === 1) row[i] += left;
		else if (type === 2) row[i] += up;
		else if (type === 3) row[i] += (left + up) >> 1;
		else if (type === 4) {
			const corner = i >= step ? above[i - step] : 0;
			const p = left + up - corner;
			const a = Math.abs(p - left), b = Math.abs(p - up), c = Math.abs(p - corner);
			row[i] += a <= b && a <= c ? left : b <= c ? up : corner;
		}
	}
	return row;
}

// decode returns the samples of any PNG of at most `limit` pixels, as 16-bit red, green, blue and alpha. An 8-bit sample v becomes 257 v.
export function decode(b, limit) {
	if (!isPNG(b)) throw new Error('not a PNG');
	const { list, complete } = chunks(b);
	if (!complete || list[0].type !== 'IHDR' || list[0].data.length !== 13 || !list.every((c) => c.sound)) throw new Error('damaged PNG');
	const h = header(list[0].data);
	if (!h.valid || h.width * h.height > limit) throw new Error('IHDR out of range');
	const data = (type) => list.filter((c) => c.type === type).map((c) => c.data);
	const raw = pixels(h, concat(...data('IDAT')));
	const palette = data('PLTE')[0], transparent = data('tRNS')[0];
	if (h.colour === 3 && !palette) throw new Error('no PLTE');

	const channels = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[h.colour];
	const stride = Math.ceil((h.width * channels * h.depth) / 8);
	const scale = 65535 / (2 ** h.depth - 1);
	const out = new Uint16Array(4 * h.width * h.height);
	for (let y = 0, o = 0; y < h.height; y++) {
		for (let x = 0; x < h.width; x++, o += 4) {
			const s = [];
			for (let c = 0; c < channels; c++) {
				const i = x * channels + c;
				if (h.depth === 16) s.push(u16(raw, y * stride + 2 * i));
				else s.push((raw[y * stride + ((i * h.depth) >> 3)] >> (8 - h.depth - ((i * h.depth) & 7))) & (2 ** h.depth - 1));
			}
			if (h.colour === 3) {
				if (3 * s[0] + 2 >= palette.length) throw new Error('an index beyond the palette');
				for (let c = 0; c < 3; c++) out[o + c] = 257 * palette[3 * s[0] + c];
				out[o + 3] = 257 * (transparent?.[s[0]] ?? 255);
				continue;
			}
			const through = transparent && h.colour < 4 && s.every((v, c) => v === u16(transparent, 2 * c));
			const alpha = through ? 0 : h.colour >= 4 ? s.pop() * scale : 65535;
			for (let c = 0; c < 3; c++) out[o + c] = s[s.length === 1 ? 0 : c] * scale;
			out[o + 3] = alpha;
		}
	}
	return { width: h.width, height: h.height, rgba: out, rotated: data('eXIf').length > 0 };
}

function write(type, data) {
	const body = concat(new TextEncoder().encode(type), data);
	return concat(be32(data.length), body, be32(crc32(body)));
}

// encode returns the PNG file of a picture that open returned, with its PNG chunks, colour profile and EXIF data.
export function encode(picture) {
	const { width, height, channels, depth, samples, chunks: stored, profile, exif } = picture;
	const row = width * channels * depth;
	const raw = new Uint8Array(height * (1 + row));
	for (let y = 0; y < height; y++) raw.set(samples.subarray(y * row, (y + 1) * row), y * (1 + row) + 1);
	const colour = { 1: 0, 3: 2, 4: 6 }[channels];
	const parts = [SIGNATURE, write('IHDR', concat(be32(width), be32(height), Uint8Array.of(8 * depth, colour, 0, 0, 0)))];
	if (stored) parts.push(stored);
	if (profile) parts.push(write('iCCP', concat(new TextEncoder().encode('ICC profile\0\0'), deflateSync(profile))));
	if (exif) parts.push(write('eXIf', exif));
	parts.push(write('IDAT', deflateSync(raw, { level: constants.Z_DEFAULT_COMPRESSION })), write('IEND', new Uint8Array()));
	return concat(...parts);
}
