// Public test vectors for the cryptography that this program relies on. They have a module of
// their own, so that they are fetched by tests alone.
module enciphergan/tools/vectors

go 1.26.4

require (
	c2sp.org/CCTV/age v0.0.0-20251208015420-e9274a7bdbfd
	github.com/c2sp/wycheproof v0.0.0-20260902155932-3fa63dd0344a
)
