package network

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/networks.md and testdata/layers.json; then read the difference")

const networksIntro = `# The networks

Made from the definitions in internal/network by its test; do not edit
(` + "`go test ./internal/network -update`" + ` rewrites it). Multiply-adds are for a picture of 256 x 256. Rows marked x9, of one layer or of several in turn, occur nine
times, with the figures of one.
Pictures enter as u/127.5 - 1. Cipher images leave as 8-bit levels:
floor((c+1)*128) in the reversible profile, the nearest of k/127.5 - 1 in the paper's.

The reversible profile takes tiles whose sides are multiples of its stride, about 256 x 256, at least 16; smaller pictures
are padded by reflection. The paper's profile takes a picture whole, since norms of single tiles would show as a mosaic: sides
are multiples of 4, at least 16, and the picture has at most 409,600 pixels (640 x 640).

`

// TestDocs compares docs/networks.md with the text that the definitions generate.
func TestDocs(t *testing.T) {
	want := networksIntro +
		"## reversible, the default\n\n" + Markdown(Reversible()) +
		"\n## paper\n\nK. Panwar et al., \"Encipher GAN\", Systems 2023, 11(1):36. The paper leaves open, and we fix: no bias in the generators; 32 filters in\nthe first layer (its table, not its text); 2,654,208 weights in the residual blocks (its figure swaps two digits); reflection padding at the\n7x7 layers, zero padding elsewhere; output padding 1; LeakyReLU 0.2 after each residual sum; instance norm without affine terms in the generators;\nbatch norm with affine terms; in the discriminator affine instance norms, no sigmoid but in the loss.\n\n" + Markdown(Paper()) +
		"\n## paper+stats\n\nThe paper's network, but for what loses contrast: the statistics that the instance norms of encryption take away are carried,\n640 numbers of half precision a tile, and decryption gives them back in the mirrored layers; its output is widened sixteen times, so that\npictures lie in the part of tanh that bends least. So it takes tiles of about 256 x 256. Discriminator as above.\n\n" + strings.Split(Markdown(PaperStats()), "\n### Discriminator")[0]
	const path = "../../docs/networks.md"
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/networks.md is not what the definitions say: run go test ./internal/network -update and read the difference")
	}
}

// TestTilingOfDocs compares the sizes in the text above with the code.
func TestTilingOfDocs(t *testing.T) {
	if got, want := Reversible().Tiling(), (Tiling{Stride: 4, Side: 256, MinSide: 16}); got != want {
		t.Errorf("reversible tiling %+v, the docs say %+v", got, want)
	}
	if got, want := PaperStats().Tiling(), (Tiling{Stride: 4, Side: 256, MinSide: 16}); got != want {
		t.Errorf("paper+stats tiling %+v, the docs say %+v", got, want)
	}
	if got, want := Paper().Tiling(), (Tiling{Stride: 4, MinSide: 16, MaxPixels: 409600}); got != want {
		t.Errorf("paper tiling %+v, the docs say %+v", got, want)
	}
}

// TestPaperWork checks that the published generator costs 12.70 G multiply-adds at 256 x 256.
func TestPaperWork(t *testing.T) {
	s := shape{3, 256, 256}
	total, residual := 0, 0
	for _, l := range Paper().Encryption() {
		_, w := l.cost(&s)
		total += w
		if l.Kind == Residual {
			residual += w
		}
	}
	if g := float64(total) / 1e9; g < 12.69 || g > 12.71 {
		t.Errorf("%.3f G multiply-adds, want 12.70", g)
	}
	if share := 100 * float64(residual) / float64(total); share < 85.5 || share > 85.7 {
		t.Errorf("%.1f %% of them in the residual blocks, want 85.6", share)
	}
}
