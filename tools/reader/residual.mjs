// "Residual" of docs/format.md, with Finite State Entropy of RFC 8878, 4.1.1 and 4.2.1.2.

import { u32 } from './bytes.mjs';

const BLOCK = 4194304;

// decode returns `samples` bytes of the residual.
export function decode(code, samples) {
	const out = new Uint8Array(samples);
	let at = 0;
	const take = (n) => {
		if (code.length - at < n) throw new Error('the residual is cut short');
		at += n;
		return code.subarray(at - n, at);
	};
	const stream = (symbols) => {
		const kind = take(1)[0];
		const bytes = take(u32(take(4), 0));
		if (kind === 0 && bytes.length === symbols) return bytes;
		if (kind === 1 && bytes.length === 1) return new Uint8Array(symbols).fill(bytes[0]);
		if (kind === 2) return entropy(bytes, symbols);
		throw new Error('a stream of the residual is wrong');
	};
	for (let start = 0; start < samples; start += BLOCK) {
		const end = Math.min(start + BLOCK, samples);
		const tokens = u32(take(4), 0);
		if (tokens === 0) continue;
		if (tokens > end - start) throw new Error('more tokens than samples');
		const classes = stream(tokens), values = stream(tokens);
		const rests = take(u32(take(4), 0));
		let bit = 0;
		let i = start;
		for (let t = 0; t < tokens; t++) {
			if (classes[t] > 22) throw new Error('a run is longer than a block');
			let n = 1;
			for (let c = 0; c < classes[t]; c++, bit++) {
				if (bit >> 3 >= rests.length) throw new Error('the rests are cut short');
				n = 2 * n + ((rests[bit >> 3] >> (7 - (bit & 7))) & 1);
			}
			i += n - 1;
			if (i >= end) throw new Error('a run extends beyond the block');
			out[i++] = values[t];
		}
		if (rests.length !== (bit + 7) >> 3) throw new Error('the rests are too long');
	}
	if (at !== code.length) throw new Error('the residual is too long');
	return out;
}

// entropy decodes a stream of kind 2.
function entropy(bytes, symbols) {
	const { accuracy, counts, used } = description(bytes);
	const table = states(accuracy, counts);

	// The bit stream is read backwards, from the highest 1 bit of the last byte.
	const last = bytes[bytes.length - 1];
	if (bytes.length === used || last === 0) throw new Error('the bit stream is missing');
	let left = 8 * (bytes.length - used - 1) + (31 - Math.clz32(last));
	const read = (n) => {
		let v = 0;
		for (; n > 0; n--) {
			left--;
			v = 2 * v + ((bytes[used + (left >> 3)] >> (left & 7)) & 1);
		}
		return v;
	};
	if (left < 2 * accuracy) throw new Error('the bit stream is cut short');
	let now = read(accuracy), next = read(accuracy);
	const out = new Uint8Array(symbols);
	let n = 0;
	const emit = (s) => {
		if (n === symbols) throw new Error('a stream has too many symbols');
		out[n++] = s;
	};
	for (;;) {
		emit(table.symbol[now]);
		if (left < table.bits[now]) {
			emit(table.symbol[next]);
			break;
		}
		now = table.base[now] + read(table.bits[now]);
		[now, next] = [next, now];
	}
	if (left !== 0 || n !== symbols) throw new Error('a stream has a wrong length');
	return out;
}

// description reads a table description: the accuracy, the count of each symbol (-1 for "less than one"), and its length in bytes.
function description(bytes) {
	let bit = 0;
	const peek = (n) => {
		let v = 0;
		for (let k = 0; k < n; k++) v |= ((bytes[(bit + k) >> 3] >> ((bit + k) & 7)) & 1) << k;
		return v;
	};
	const read = (n) => {
		const v = peek(n);
		bit += n;
		return v;
	};
	const accuracy = read(4) + 5;
	if (accuracy > 12) throw new Error('the accuracy is above 12');
	const counts = [];
	let remaining = 2 ** accuracy;
	while (remaining > 0) {
		// Values from 0 to remaining + 1; the lowest of them take one bit less.
		const max = remaining + 1;
		const n = 32 - Math.clz32(max);
		const spare = 2 ** n - 1 - max;
		let value = peek(n - 1);
		if (value < spare) bit += n - 1;
		else {
			value = read(n);
			if (value >= 2 ** (n - 1)) value -= spare;
		}
		counts.push(value - 1);
		remaining -= Math.abs(value - 1);
		if (value === 1) {
			for (let repeat = 3; repeat === 3;) {
				repeat = read(2);
				for (let k = 0; k < repeat; k++) counts.push(0);
				if (counts.length > 256) throw new Error('more than 256 symbols');
			}
		}
	}
	const used = (bit + 7) >> 3;
	if (remaining < 0 || counts.length > 256 || used > bytes.length) throw new Error('a wrong table description');
	return { accuracy, counts, used };
}

// states builds the decoding table, which distributes the symbols over the states.
function states(accuracy, counts) {
	const size = 2 ** accuracy;
	const symbol = new Uint8Array(size), bits = new Uint8Array(size), base = new Uint16Array(size);
	let high = size;
	counts.forEach((c, s) => {
		if (c === -1) symbol[--high] = s;
	});
	const step = (size >> 1) + (size >> 3) + 3;
	let at = 0;
	counts.forEach((c, s) => {
		for (let k = 0; k < c; k++) {
			symbol[at] = s;
			do at = (at + step) & (size - 1); while (at >= high);
		}
	});
	const next = counts.map((c) => Math.abs(c));
	for (let i = 0; i < size; i++) {
		const n = next[symbol[i]]++;
		bits[i] = accuracy - (31 - Math.clz32(n));
		base[i] = n * 2 ** bits[i] - size;
	}
	return { symbol, bits, base };
}
