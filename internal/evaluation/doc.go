// Package evaluation measures image ciphers side by side, as the literature on
// them does: histograms with chi-square, entropy, correlation of neighbours,
// NPCR and UACI after a change of one pixel, key space and key sensitivity, and
// the quality of the recovered picture. Ciphers of known worth, the controls, go
// through the same code: identity, a fixed pad, XChaCha20-Poly1305.
//
// Main path: NewNeural and Controls give the Subjects; Run measures them on
// pictures; Report.Text, Report.HTML and JSON show what came out.
//
// A channel passes a test at 1 % where its figure keeps the bound of Critical
// for its own size. Ideal noise fails on 1 % of channels, so a set is judged by
// the share that passes, at least Required. All scores describe; none of them is
// evidence that a cipher is secure: the fixed pad passes most.
package evaluation
