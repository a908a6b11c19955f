// Package keyschedule derives the secret layers of the reversible network: for one
// tile, the permutations of positions and the orthogonal mixing matrices that
// enter the generators as graph inputs. docs/keyed-layers.md specifies them.
//
// Main path: HKDF derives a Seed for each tile, from key and nonce among others; New
// allocates a Material, Derive expands the seed into it, Invert makes the material
// of the decryption generator. Everything is integer arithmetic or + - * / sqrt in
// float64 with explicit conversions, so every platform computes the same bits.
package keyschedule

// Seed is the 256-bit secret of one tile of one picture. It must never be used
// for two tiles or two pictures.
type Seed [32]byte
