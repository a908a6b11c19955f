package dataset

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// photoSet makes n different photos without files.
func photoSet(n, width, height int) []Photo {
	photos := make([]Photo, n)
	for i := range photos {
		m := scene(uint64(i), width, height)
		photos[i] = Photo{Name: fmt.Sprintf("%03d.png", i), Width: width, Height: height, Sum: sha256.Sum256(m.Pix)}
		for at := 0; at < len(m.Pix); at += 4 {
			photos[i].RGB = append(photos[i].RGB, m.Pix[at:at+3]...)
		}
	}
	return photos
}

func sides(d Split) map[string]string {
	all := map[string]string{}
	for side, photos := range map[string][]Photo{"training": d.Training, "validation": d.Validation, "test": d.Test} {
		for _, photo := range photos {
			all[fmt.Sprintf("%x", photo.Sum)] += side
		}
	}
	return all
}

func TestSplit(t *testing.T) {
	for _, n := range []int{3, 4, 10, 25, 100} {
		photos := photoSet(n, 8, 8)
		set, err := NewSplit(photos, 7)
		if err != nil {
			t.Fatal(err)
		}
		tenth := max(1, (n+5)/10)
		if len(set.Test) != tenth || len(set.Validation) != tenth || len(set.Training) != n-2*tenth {
			t.Errorf("%d photos: %d, %d, %d", n, len(set.Training), len(set.Validation), len(set.Test))
		}
		if got := sides(set); len(got) != n {
			t.Errorf("%d photos: %d placed once", n, len(got))
		}

		reversed := slices.Clone(photos)
		slices.Reverse(reversed)
		for i := range reversed {
			reversed[i].Name = "renamed" + reversed[i].Name
		}
		other, err := NewSplit(reversed, 7)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(sides(set)) != fmt.Sprint(sides(other)) {
			t.Errorf("%d photos: names or order changed the split", n)
		}
	}
	photos := photoSet(40, 8, 8)
	a, _ := NewSplit(photos, 1)
	b, _ := NewSplit(photos, 2)
	if fmt.Sprint(sides(a)) == fmt.Sprint(sides(b)) {
		t.Error("the seed does not change the split")
	}
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("different splits have one fingerprint")
	}
	if again, _ := NewSplit(photos, 1); a.Fingerprint() != again.Fingerprint() {
		t.Error("equal splits have two fingerprints")
	}
	for n := range 3 {
		if _, err := NewSplit(photos[:n], 1); !errors.Is(err, ErrTooFewPhotos) {
			t.Errorf("%d photos: %v", n, err)
		}
	}
}

func TestTiles(t *testing.T) {
	photos := photoSet(10, 40, 30)
	tiles := Tiles(photos, 20, 0)
	if len(tiles) != 10 {
		t.Fatalf("%d tiles, want 10", len(tiles))
	}
	for i, tile := range tiles {
		if tile.Enlarged || tile.Side != 20 || len(tile.RGB) != 3*20*20 {
			t.Fatalf("tile %d: %+v", i, tile)
		}
		// The centre square begins at x = 10, y = 5.
		if at := 3 * ((5+3)*40 + 10 + 4); !bytes.Equal(tile.RGB[3*(3*20+4):][:3], photos[i].RGB[at:at+3]) {
			t.Errorf("tile %d is not the centre of %s", i, photos[i].Name)
		}
	}
	few := Tiles(photos, 20, 3)
	if len(few) != 3 || few[0].Name != "000.png" || few[1].Name != "003.png" || few[2].Name != "006.png" {
		t.Errorf("3 of 10: %v", few)
	}
	for _, tile := range Tiles(photos, 64, 2) {
		if !tile.Enlarged || len(tile.RGB) != 3*64*64 {
			t.Errorf("photo smaller than the tile: %d bytes, enlarged %t", len(tile.RGB), tile.Enlarged)
		}
	}
}
