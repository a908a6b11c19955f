// "Record" and "PNG chunks" of docs/format.md, for step 8 of "Reading".

import { u32 } from './bytes.mjs';
import { chunk } from './png.mjs';

// padme returns the length that a record of n bytes is padded to.
function padme(n) {
	n = Math.max(n, 256);
	const E = Math.floor(Math.log2(n)), S = Math.floor(Math.log2(E)) + 1;
	const unit = 2 ** (E - S);
	return Math.ceil(n / unit) * unit;
}

const check = (condition, message) => {
	if (!condition) throw new Error(message);
};

// parse returns the contents of the sections by kind.
export function parse(record) {
	const sections = new Map();
	let at = 0, last = 0;
	while (record[at] !== 0) {
		check(record.length - at >= 5, 'the record has no end');
		const kind = record[at], length = u32(record, at + 1);
		check(kind > last && kind <= 10, `section ${kind} after ${last}`);
		check(record.length - at - 5 >= length, 'a section is cut short');
		sections.set(kind, record.subarray(at + 5, at + 5 + length));
		at += 5 + length;
		last = kind;
	}
	check(record.length === padme(at + 1), 'the padding has a wrong length');
	check(record.subarray(at).every((b) => b === 0), 'the padding is not zero');

	const has = (kind) => sections.has(kind);
	check(has(1) || sections.size === 0, 'sections without a digest');
	check(!has(1) || (sections.get(1).length === 32 && has(2)), 'a wrong digest or no residual');
	check(!has(3) || (sections.get(3).length === 0 && !has(4)), 'a gray picture with alpha');
	check(!has(9) || has(8), 'a name without a file');
	if (has(9)) checkName(sections.get(9));
	if (has(10)) checkChunks(sections.get(10), has(3) ? 1 : has(4) ? 4 : 3, has(5) ? 16 : 8);
	return sections;
}

function utf8(bytes) {
	return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

function checkName(bytes) {
	check(bytes.length >= 1 && bytes.length <= 255, 'the name has a wrong length');
	const name = utf8(bytes);
	check(!/[/\\\p{Cc}]/u.test(name) && name !== '.' && name !== '..', 'the name is not valid');
}

const fits = (size, test = () => true) => (d) => d.length === size && test(d);
const integers = (d, n, from = 0) => Array.from({ length: n }, (_, i) => u32(d, from + 4 * i)).every((v) => v < 2 ** 31);
const between = (v, low, high) => v >= low && v <= high;

// The types of chunks in their order, each with a test of its data.
const CHUNKS = {
	cICP: () => fits(4, (d) => d[2] === 0 && d[3] <= 1),
	mDCV: () => fits(24, (d) => integers(d, 2, 16)),
	cLLI: () => fits(8, (d) => integers(d, 2)),
	sRGB: () => fits(1, (d) => d[0] <= 3),
	gAMA: () => fits(4, (d) => integers(d, 1) && u32(d, 0) !== 0),
	cHRM: () => fits(32, (d) => integers(d, 8)),
	sBIT: (channels, bits) => fits(channels, (d) => d.every((v) => between(v, 1, bits))),
	bKGD: (channels, bits) => fits(channels === 1 ? 2 : 6, (d) => bits === 16 || d.every((v, i) => i % 2 === 1 || v === 0)),
	pHYs: () => fits(9, (d) => integers(d, 2) && d[8] <= 1),
	tIME: () => fits(7, (d) => between(d[2], 1, 12) && between(d[3], 1, 31) && d[4] <= 23 && d[5] <= 59 && d[6] <= 60),
	tEXt: () => (d) => {
		const end = d.indexOf(0);
		return isKeyword(d.subarray(0, end)) && end >= 0 && isText(Buffer.from(d.subarray(end + 1)).toString('latin1'));
	},
	iTXt: () => (d) => {
		const end = d.indexOf(0);
		if (end < 0 || !isKeyword(d.subarray(0, end)) || d[end + 1] !== 0 || d[end + 2] !== 0) return false;
		const language = d.indexOf(0, end + 3), translated = d.indexOf(0, language + 1);
		if (language < 0 || translated < 0) return false;
		return /^[A-Za-z0-9-]*$/.test(Buffer.from(d.subarray(end + 3, language)).toString('latin1')) &&
			isText(utf8(d.subarray(language + 1, translated))) && isText(utf8(d.subarray(translated + 1)));
	},
};

const ORDER = Object.keys(CHUNKS);
const MANY = ORDER.indexOf('tEXt'); // these and later types occur in any number and order

const isText = (s) => !/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.test(s);

function isKeyword(b) {
	const s = Buffer.from(b).toString('latin1');
	return between(s.length, 1, 79) && /^[\x20-\x7e\xa1-\xff]+$/.test(s) && !/^ | $|  /.test(s);
}

function checkChunks(bytes, channels, bits) {
	check(between(bytes.length, 1, 4194304), 'the chunks have a wrong length');
	let last = -1, count = 0;
	for (let at = 0; at < bytes.length; count++) {
		const c = chunk(bytes, at);
		check(c !== null && c.sound, 'a chunk is damaged');
		const n = ORDER.indexOf(c.type);
		check(n >= 0 && (n >= MANY ? last <= n || last >= MANY : last < n), `a chunk ${c.type} is not allowed or out of order`);
		check(CHUNKS[c.type](channels, bits)(c.data), `wrong data of a chunk ${c.type}`);
		last = n;
		at = c.next;
	}
	check(count <= 256, 'too many chunks');
}
