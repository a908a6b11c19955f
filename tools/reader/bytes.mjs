// The integers of docs/format.md, which are unsigned and big-endian.

export const u16 = (b, i) => (b[i] << 8) | b[i + 1];
export const u32 = (b, i) => ((b[i] << 24) | (b[i + 1] << 16) | (b[i + 2] << 8) | b[i + 3]) >>> 0;
export const be32 = (n) => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
export const ascii = (b) => String.fromCharCode(...b);

export function concat(...parts) {
	const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
	let at = 0;
	for (const p of parts) {
		whole.set(p, at);
		at += p.length;
	}
	return whole;
}

export function equal(a, b) {
	let difference = a.length ^ b.length;
	for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
	return difference === 0;
}
