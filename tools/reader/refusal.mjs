// The reasons for which a file is refused: the steps of "Reading" in docs/format.md.

const CODES = {
	1: 'not-a-cipher', 2: 'changed', 3: 'unsupported-version', 4: 'changed', 5: 'other-model',
	6: 'wrong-key', 7: 'changed', 8: 'unsupported-version', 9: 'not-exact',
};

export class Refusal extends Error {
	constructor(step, message, code = CODES[step]) {
		super(`step ${step}, ${code}: ${message}`);
		this.step = step;
		this.code = code;
	}
}

// refuse converts an error of a step to a refusal by that step, unless it is a refusal already or a fault of this program.
export function refuse(step, error) {
	const fault = (error instanceof TypeError && !error.code) || error instanceof ReferenceError;
	return error instanceof Refusal || fault ? error : new Refusal(step, error.message);
}

// at calls f and converts its errors to refusals by the given step.
export function at(step, f) {
	try {
		return f();
	} catch (error) {
		throw refuse(step, error);
	}
}
