// docs/keyed-layers.md: permutations and mixes from the seed of a tile.

// words returns a function that returns the next word of chacha8rand (https://c2sp.org/chacha8rand).
export function words(seed) {
	const view = new DataView(seed.buffer, seed.byteOffset, 32);
	let key = Uint32Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true));
	let output = new Uint32Array(0);
	let at = 0;
	return () => {
		if (at === output.length) {
			// Sixteen blocks are 256 words; the last eight are the next key.
			const all = new Uint32Array(256);
			for (let counter = 0; counter < 16; counter++) block(key, counter, all);
			output = all.subarray(0, 248);
			key = all.slice(248);
			at = 0;
		}
		return output[at++];
	};
}

// block stores the words of one block among those of four, which are interleaved: word 0 of each block, then word 1 of each, and so on.
function block(key, counter, all) {
	const s = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, counter, 0, 0, 0);
	const quarter = (a, b, c, d) => {
		s[a] += s[b]; s[d] = rotate(s[d] ^ s[a], 16);
		s[c] += s[d]; s[b] = rotate(s[b] ^ s[c], 12);
		s[a] += s[b]; s[d] = rotate(s[d] ^ s[a], 8);
		s[c] += s[d]; s[b] = rotate(s[b] ^ s[c], 7);
	};
	for (let round = 0; round < 8; round += 2) {
		quarter(0, 4, 8, 12); quarter(1, 5, 9, 13); quarter(2, 6, 10, 14); quarter(3, 7, 11, 15);
		quarter(0, 5, 10, 15); quarter(1, 6, 11, 12); quarter(2, 7, 8, 13); quarter(3, 4, 9, 14);
	}
	for (let i = 0; i < 8; i++) s[4 + i] += key[i];
	for (let i = 0; i < 16; i++) all[64 * (counter >> 2) + 4 * i + (counter & 3)] = s[i];
}

const rotate = (x, n) => (x << n) | (x >>> (32 - n));

// draw returns a uniform number below N: the upper half of word * N, which has up to 60 bits.
function draw(word, N) {
	for (;;) {
		const w = word();
		const low = Math.imul(w, N) >>> 0; // exact, modulo 2^32
		if (low < 2 ** 32 % N) continue;
		return Math.round((w * N - low) / 2 ** 32); // w * N is off by at most 2^7
	}
}

export function permutation(word, P) {
	const p = new Int32Array(P);
	let i = P % 2;
	while (i < P && i < 16384) {
		const k = draw(word, (i + 1) * (i + 2));
		const a = Math.floor(k / (i + 2));
		const b = k % (i + 2);
		p[i] = p[a]; p[a] = i;
		p[i + 1] = p[b]; p[b] = i + 1;
		i += 2;
	}
	while (i < P) {
		const a = draw(word, i + 1);
		p[i] = p[a]; p[a] = i;
		i++;
	}
	return p;
}

function ones(x) {
	let n = 0;
	for (; x !== 0; x &= x - 1) n++;
	return n;
}

export function mix(word, C) {
	const A = new Float64Array(C * C);
	for (let i = 0; i < C; i++) A[i * C + i] = 1;
	if (word() & 1) A[C * C - 1] = -1;
	const v = new Float64Array(C), w = new Float64Array(C);
	for (let k = C - 2; k >= 0; k--) {
		const m = C - k;
		let q;
		do {
			q = 0;
			for (let i = 0; i < m; i++) {
				v[i] = ones(word()) + ones(word()) - 32;
				q += v[i] * v[i];
			}
		} while (q === 0);
		const l = Math.sqrt(q);
		const s = v[0] < 0 ? -1 : 1;
		const h = q + l * Math.abs(v[0]);
		v[0] += s * l;
		w.fill(0);
		for (let i = 0; i < m; i++) for (let j = 0; j < m; j++) w[j] += v[i] * A[(k + i) * C + k + j];
		for (let i = 0; i < m; i++) {
			const f = v[i] / h;
			for (let j = 0; j < m; j++) A[(k + i) * C + k + j] -= f * w[j];
		}
		if (s === 1) for (let j = 0; j < m; j++) A[k * C + k + j] = -A[k * C + k + j];
	}
	return Float32Array.from(A);
}

// layers returns the permutations and mixes of a seed. A permutation holds the rows of all channels, one after another.
export function layers(seed, C, P, permutations = 2, mixes = 2) {
	const word = words(seed);
	const result = { permutations: [], mixes: [] };
	for (let n = 0; n < permutations; n++) {
		const all = new Int32Array(C * P);
		for (let c = 0; c < C; c++) all.set(permutation(word, P), c * P);
		result.permutations.push(all);
	}
	for (let n = 0; n < mixes; n++) result.mixes.push(mix(word, C));
	return result;
}

// inverse returns the permutations and mixes that the decryption generator takes.
export function inverse({ permutations, mixes }, C, P) {
	return {
		permutations: permutations.map((p) => {
			const q = new Int32Array(p.length);
			for (let c = 0; c < C; c++) for (let j = 0; j < P; j++) q[c * P + p[c * P + j]] = j;
			return q;
		}),
		mixes: mixes.map((a) => a.map((_, i) => a[(i % C) * C + Math.floor(i / C)])),
	};
}
