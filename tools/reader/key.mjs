// "Key", "Derived values" and "Key slot" of docs/format.md.

import { bech32 } from '@scure/base';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { argon2id } from '@noble/hashes/argon2.js';
import * as age from 'age-encryption';
import { ascii, be32, concat, u32 } from './bytes.mjs';

const text = (s) => new TextEncoder().encode(s);

// parseKey returns the 32 bytes of a key from its text.
export function parseKey(s) {
	if (s.length !== 72) throw new Error('a key has 72 characters');
	const { prefix, words } = bech32.decode(s); // refuses mixed case and a wrong checksum
	if (prefix !== 'encipher-key-') throw new Error('not a key of Encipher');
	const key = bech32.fromWords(words); // refuses padding bits other than zero
	if (key.length !== 32 || key.every((b) => b === 0)) throw new Error('not a key');
	return key;
}

// lines returns the lines of a key file, or of a file of age identities, without comments and empty lines.
export function lines(bytes) {
	if (bytes.length > 16384) throw new Error('a key file has at most 16 KiB');
	return utf8(bytes).split('\n').map((l) => l.replace(/^[ \t\r]+|[ \t\r]+$/g, '')).filter((l) => l !== '' && !l.startsWith('#'));
}

// passphraseOf returns the passphrase in the bytes of a file.
export const passphraseOf = (bytes) => utf8(bytes).replace(/[\r\n]+$/, '');

// utf8 decodes text and skips a byte order mark.
const utf8 = (bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

// parseKeyFile returns the key of a key file.
export function parseKeyFile(bytes) {
	const rest = lines(bytes);
	if (rest.length !== 1) throw new Error('a key file has one key');
	return parseKey(rest[0]);
}

export function fingerprint(key) {
	const hex = Buffer.from(hkdf(sha256, key, undefined, text('encipher/v1 key fingerprint'), 8)).toString('hex');
	return hex.match(/.{4}/g).join('-');
}

const derive = (key, nonce, info) => hkdf(sha256, key, nonce, info, 32);
export const sealingKey = (key, nonce) => derive(key, nonce, text('encipher/v1 xchacha20-poly1305 key'));
export const commitment = (key, nonce) => derive(key, nonce, text('encipher/v1 key commitment'));
export const tileSeed = (key, nonce, model, i) => derive(key, nonce, concat(text('encipher/v1 tile seed'), model, be32(i)));

const AGE = 'age-encryption.org/v1\n';

// checkSlot throws where a field of a slot is out of its range.
export function checkSlot(kind, slot) {
	if (kind === 0 && slot.length !== 0) throw new Error('a slot of kind 0 must be empty');
	if (kind === 1) {
		if (slot.length !== 25) throw new Error('a slot of kind 1 must have 25 bytes');
		const { passes, memory, lanes } = argon2Of(slot);
		if (passes < 1 || passes > 8 || lanes < 1 || lanes > 8) throw new Error('passes or lanes out of range');
		if (memory < 8 * lanes || memory > 128 * 1024 || passes * memory > 512 * 1024) throw new Error('memory out of range');
	}
	if (kind === 2 && ascii(slot.subarray(0, AGE.length)) !== AGE) throw new Error('not an age file');
}

const argon2Of = (slot) => ({ salt: slot.subarray(0, 16), passes: u32(slot, 16), memory: u32(slot, 20), lanes: slot[24] });

export function normalisePassphrase(s) {
	const bytes = text(s.normalize('NFC'));
	if (bytes.length < 1 || bytes.length > 1024 || /[\r\n]/.test(s)) throw new Error('a passphrase has 1 to 1,024 bytes and no line end');
	return bytes;
}

// DamagedSlot is the error of a key slot whose age file is damaged or holds no key.
export class DamagedSlot extends Error {}

// find returns the key of a picture from its slot and a secret: { key } (32 bytes), { passphrase } (a string) or { identities } (strings).
export async function find(kind, slot, secret) {
	let key;
	if (kind === 0) key = secret.key;
	if (kind === 1 && secret.passphrase !== undefined) {
		const { salt, passes, memory, lanes } = argon2Of(slot);
		key = argon2id(normalisePassphrase(secret.passphrase), salt, { t: passes, m: memory, p: lanes, version: 0x13, dkLen: 32 });
	}
	if (kind === 2 && secret.identities !== undefined) {
		const file = new age.Decrypter();
		for (const identity of secret.identities) file.addIdentity(identity);
		try {
			key = await file.decrypt(slot);
		} catch (error) {
			if (error.message.startsWith('no identity matched')) throw error;
			throw new DamagedSlot(`the age file: ${error.message}`);
		}
		if (key.length !== 32) throw new DamagedSlot('the age file holds no key');
	}
	if (key === undefined) throw new Error('the file needs another kind of secret');
	if (key.every((b) => b === 0)) throw new DamagedSlot('the key slot holds only zeros');
	return key;
}
