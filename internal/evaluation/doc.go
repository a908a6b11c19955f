// Package evaluation measures image ciphers side by side, as the literature on
// them does: histograms with chi-square, entropy, correlation of neighbours, NPCR and
// UACI after a change of one pixel, key space and key sensitivity, and the quality of
// the recovered picture. The ciphers of package control are measured by the same code.
//
// Main path: NewModel and Controls return Subjects and OpenSource the pictures. Full
// measures the subjects, and Report.Text, Report.HTML and JSON present the result.
// Basic measures one model in less time. MeasureTiles runs the generators of a model
// alone, for training and model cards.
//
// A channel passes a test if its figure is within the CriticalValues for its size at
// 1 %. Ideal noise fails on 1 % of channels, so a set passes if the share of channels
// that pass is at least Required. The figures describe a cipher. None of them is
// evidence that it is secure: the fixed pad passes most.
package evaluation
