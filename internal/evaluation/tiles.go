package evaluation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"

	"enciphergan/internal/keyschedule"
	"enciphergan/internal/metric"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
	"enciphergan/internal/training/dataset"
)

const (
	// TileSide is the side in pixels of the tiles that figures on a card are measured on.
	TileSide = 256
	// TestSet names the test tiles on a card.
	TestSet = "test split, centre tiles"
)

// MeasureTiles runs both generators of a model on tiles and returns their figures,
// and the round trip of each tile. The tile seeds follow from seed.
func MeasureTiles(ctx context.Context, m *network.Model, tiles []dataset.Tile, seed uint64) (network.Figures, []RoundTrip, error) {
	if len(tiles) == 0 {
		return network.Figures{}, nil, errors.New("there are no tiles to measure")
	}
	f := network.Figures{Tiles: len(tiles), Kappa: m.Card().Definition.Kappa, PSNRMin: math.Inf(1)}
	var trips []RoundTrip
	session := m.NewSession(m.Arithmetic())
	var residuals float64
	for i, t := range tiles {
		tileSeed := keyschedule.Seed(sha256.Sum256(fmt.Appendf(nil, "measure %d %d", seed, i)))
		c, err := session.Encrypt(ctx, t.RGB, t.Side, t.Side, tileSeed)
		if err != nil {
			return f, nil, err
		}
		recovered, err := session.Decrypt(ctx, c, tileSeed)
		if err != nil {
			return f, nil, err
		}
		psnr := metric.BoundedPSNR(t.RGB, recovered)
		f.PSNRMean += psnr
		f.PSNRMin = min(f.PSNRMin, psnr)
		f.SSIM += metric.SSIM(t.RGB, recovered, t.Side, t.Side)
		f.Entropy += metric.MeanEntropy(c.Levels)
		f.Correlation += metric.AdjacentCorrelation(c.Levels, t.Side, t.Side).MeanAbsolute()
		residuals += metric.ResidualEntropy(t.RGB, recovered)
		square := func(rgb []byte) *picture.Picture { return &picture.Picture{Width: t.Side, Height: t.Side, RGB: rgb} }
		trips = append(trips, RoundTrip{Cipher: square(c.Levels), Recovered: square(recovered)})
	}
	n := float64(len(tiles))
	f.PSNRMean /= n
	f.SSIM /= n
	f.Entropy /= n
	f.Correlation /= n
	f.Residual = 100 * residuals / n / 8
	return f, trips, nil
}

// MeasureTestSplit measures a model on the test photos of the split that it was trained with.
func MeasureTestSplit(ctx context.Context, m *network.Model, photos []dataset.Photo, seed uint64) (network.Figures, error) {
	split, err := dataset.NewSplit(photos, seed)
	if err != nil {
		return network.Figures{}, err
	}
	figures, _, err := MeasureTiles(ctx, m, dataset.Tiles(split.Test, TileSide, 0), seed)
	figures.Set = TestSet
	return figures, err
}
