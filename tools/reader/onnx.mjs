// "The file" of docs/arithmetic.md: reads the fields of an ONNX file that are used.

// fields reads the fields of a Protocol Buffers message: for each number, the list of its values, which are bytes or integers.
function fields(b) {
	const all = new Map();
	let at = 0;
	const varint = () => {
		let v = 0n;
		for (let shift = 0n; shift < 70n; shift += 7n) {
			if (at >= b.length) throw new Error('a message is cut short');
			const byte = b[at++];
			v |= BigInt(byte & 127) << shift;
			if (byte < 128) return BigInt.asIntN(64, v);
		}
		throw new Error('a number is too long');
	};
	while (at < b.length) {
		const tag = Number(varint());
		let value;
		switch (tag & 7) {
		case 0: value = Number(varint()); break;
		case 1: value = b.subarray(at, at + 8); at += 8; break;
		case 2: {
			const n = Number(varint());
			if (n < 0 || n > b.length - at) throw new Error('a message is cut short');
			value = b.subarray(at, at + n);
			at += n;
			break;
		}
		case 5: value = b.subarray(at, at + 4); at += 4; break;
		default: throw new Error('an unexpected wire type');
		}
		const number = tag >>> 3;
		if (!all.has(number)) all.set(number, []);
		all.get(number).push(value);
	}
	const list = (n) => all.get(n) ?? [];
	return {
		list,
		one: (n) => list(n).at(-1),
		message: (n) => fields(list(n).at(-1) ?? new Uint8Array()),
		messages: (n) => list(n).map(fields),
		text: (n) => new TextDecoder().decode(list(n).at(-1) ?? new Uint8Array()),
		texts: (n) => list(n).map((v) => new TextDecoder().decode(v)),
		integers: (n) => list(n).flatMap((v) => (typeof v === 'number' ? [v] : packed(v))),
	};
}

function packed(b) {
	const numbers = [];
	for (let at = 0; at < b.length;) {
		let v = 0n, shift = 0n;
		do v |= BigInt(b[at] & 127) << shift, shift += 7n; while (b[at++] >= 128);
		numbers.push(Number(BigInt.asIntN(64, v)));
	}
	return numbers;
}

export function half(bits) {
	const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
	if (exponent === 31) return fraction ? NaN : sign * Infinity;
	return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

// tensor reads an initialiser as { shape, data }, with float16 numbers as float32 numbers of the same value.
function tensor(t) {
	const shape = t.integers(1);
	const raw = t.one(9) ?? new Uint8Array();
	const type = t.one(2);
	const width = { 1: 4, 6: 4, 7: 8, 10: 2 }[type];
	const n = shape.reduce((a, b) => a * b, 1);
	if (width === undefined || raw.length !== n * width) throw new Error(`initialiser ${t.text(8)} is wrong`);
	const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
	const get = {
		1: (i) => view.getFloat32(4 * i, true), 6: (i) => view.getInt32(4 * i, true),
		7: (i) => Number(view.getBigInt64(8 * i, true)), 10: (i) => half(view.getUint16(2 * i, true)),
	}[type];
	const data = type === 7 ? new Array(n) : new (type === 6 ? Int32Array : Float32Array)(n);
	for (let i = 0; i < n; i++) data[i] = get(i);
	return { shape, data };
}

function attribute(a) {
	switch (a.one(20)) {
	case 1: { const f = a.one(2); return f ? new DataView(f.buffer, f.byteOffset, 4).getFloat32(0, true) : 0; }
	case 2: return a.one(3) ?? 0;
	case 3: return a.text(4);
	case 7: return a.integers(8);
	default: throw new Error(`attribute ${a.text(1)} has an unexpected type`);
	}
}

// parse returns the definition and the graph of a file.
export function parse(file) {
	const model = fields(file);
	const graph = model.message(7);
	if (!model.messages(8).some((o) => o.text(1) === '' && o.one(2) === 13)) throw new Error('not of operator set 13');
	const metadata = Object.fromEntries(model.messages(14).map((m) => [m.text(1), m.text(2)]));
	return {
		definition: JSON.parse(metadata['encipher.definition']),
		nodes: graph.messages(1).map((n) => ({
			inputs: n.texts(1), outputs: n.texts(2), operator: n.text(4),
			attributes: Object.fromEntries(n.messages(5).map((a) => [a.text(1), attribute(a)])),
		})),
		initialisers: new Map(graph.messages(5).map((t) => [t.text(8), tensor(t)])),
		inputs: graph.messages(11).map((v) => ({
			name: v.text(1),
			shape: v.message(2).message(1).message(2).messages(1).map((d) => d.one(1) ?? d.text(2)),
		})),
		outputs: graph.messages(12).map((v) => v.text(1)),
	};
}
