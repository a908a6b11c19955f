package network

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/networks.md and testdata/layers.json; then read the difference")

const networksIntro = `# The networks

Generated from the definitions in internal/network by their test (` + "`go test ./internal/network -update`" + `); do not edit.

Multiply-adds are for a picture of 256 x 256. Rows marked x9, of one layer or of several layers in sequence, occur nine times, with
the figures of one. Samples u enter as u/127.5 - 1. The output c of encryption is quantised to 8-bit levels: floor((c+1)*128) in the
reversible profile, and the nearest level k, which stands for k/127.5 - 1, in the paper's profiles.

The reversible profile processes tiles of about 256 x 256, whose sides are multiples of its stride and at least 16; pictures are padded
to that by reflection. The paper's profile processes a picture as one tile, because the norms of separate tiles would show as a mosaic:
the sides are multiples of 4 and at least 16, and the picture has at most 409,600 pixels (640 x 640).

`

// TestDocs compares docs/networks.md with the text that the definitions generate.
func TestDocs(t *testing.T) {
	want := networksIntro +
		"## reversible, the default\n\n" + Markdown(Reversible()) +
		"\n## paper\n\nK. Panwar et al., \"Encipher GAN\", Systems 2023, 11(1):36. What the paper leaves open or contradictory is fixed as follows: no bias in the\ngenerators; 32 filters in the first layer, as in its table but not its text; 2,654,208 weights in the residual blocks, where the paper\nprints 2,564,208; reflection padding at the 7x7 layers, zero padding elsewhere; output padding 1; LeakyReLU 0.2 after each residual sum;\ninstance norm without affine terms in the generators, and with them in the discriminator; batch norm with affine terms; a sigmoid only in\nthe loss of the discriminator.\n\n" + Markdown(Paper()) +
		"\n## paper+stats\n\nThe paper's network with two changes that preserve contrast. The statistics that the instance norms of encryption remove are carried, 640\nhalf-precision numbers a tile, and decryption restores them in the mirrored layers. The output of decryption is multiplied by sixteen, so\nthat pictures lie in the most linear part of tanh. The profile processes tiles of about 256 x 256, and has the same discriminator.\n\n" + strings.Split(Markdown(PaperStats()), "\n### Discriminator")[0]
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
		t.Error("docs/networks.md differs from the definitions: run go test ./internal/network -update and read the difference")
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
