package encipher

// MaxPixels bounds the pictures that Encrypt and Decrypt take, padding
// included. A picture takes about 30 bytes of memory a pixel on its way, and a
// wasm module can address 4 GiB.
const MaxPixels = 50_000_000
