// Runs every case of a corpus such as testdata/corpus: corpus.mjs CORPUS MODEL. It prints a line for each case and exits with 1 if one differs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '@noble/hashes/sha2.js';
import { loadModel, open } from './reader.mjs';
import { parseKey } from './key.mjs';
import { Refusal } from './refusal.mjs';

const hex = (b) => Buffer.from(b).toString('hex');

// result runs a case. It returns what happened, and whether it is the listed result.
async function result(c, file, model) {
	const fails = (what) => ({ what, same: false });
	const secret = c.key ? { key: parseKey(c.key) } : c.passphrase ? { passphrase: c.passphrase } : { identities: [c.identity] };
	let picture;
	try {
		picture = await open(file, model, secret);
	} catch (error) {
		if (!(error instanceof Refusal)) throw error;
		return { what: error.message, same: error.step === c.step && error.code === c.error };
	}
	if (c.step !== undefined) return fails('opens');
	if (!picture.exact || hex(picture.digest) !== c.digest) return fails('another digest');
	const original = picture.original && hex(sha256(picture.original));
	if (original !== c.original) return fails('another kept file');
	if (picture.name !== c.name) return fails(`another name of the kept file: ${JSON.stringify(picture.name)}`);
	return { what: 'opens', same: true };
}

const [directory, modelDirectory] = process.argv.slice(2);
const corpus = JSON.parse(readFileSync(join(directory, 'corpus.json'), 'utf8'));
const model = loadModel(modelDirectory);
if (hex(model.fingerprint) !== corpus.model) throw new Error('the corpus is of another model');
if (corpus.cases.length === 0) throw new Error('the corpus has no cases');
let differences = 0;
for (const c of corpus.cases) {
	const { what, same } = await result(c, readFileSync(join(directory, c.file)), model);
	console.log(`${same ? 'ok  ' : 'FAIL'} ${c.file}: ${what}`);
	if (!same) {
		console.log(`     listed: ${c.step === undefined ? 'opens' : `step ${c.step}, ${c.error}`}; ${c.about}`);
		differences++;
	}
}
console.log(`${corpus.cases.length} cases, ${differences} differ`);
if (differences > 0) process.exitCode = 1;
