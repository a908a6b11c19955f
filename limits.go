//go:build !js

package encipher

// MaxPixels bounds the pictures that Encrypt and Decrypt take, padding
// included. A picture takes about 30 bytes of memory a pixel on its way.
const MaxPixels = 100_000_000
