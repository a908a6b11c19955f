package training

import (
	"testing"

	"enciphergan/internal/training/dataset"
)

// BenchmarkSteps times a step of the generators and one of the discriminator with the default settings.
func BenchmarkSteps(b *testing.B) {
	c, err := Defaults("reversible")
	if err != nil {
		b.Fatal(err)
	}
	r, err := newRun(b.TempDir(), c, dataset.Split{}, dataset.Target{}, Silent{})
	if err != nil {
		b.Fatal(err)
	}
	g, err := newGeneratorStep(c, &r.weights, joint)
	if err != nil {
		b.Fatal(err)
	}
	d, err := newDiscriminatorStep(c, &r.weights)
	if err != nil {
		b.Fatal(err)
	}
	n := c.Batch * 3 * c.Crop * c.Crop
	batch := dataset.Batch{Plain: make([]float32, n), Target: make([]float32, n)}
	s := dataset.Stream(1, 0, "benchmark")
	for i := range n {
		batch.Plain[i], batch.Target[i] = s.Float32()*2-1, s.Float32()*2-1
	}
	for b.Loop() {
		if _, err := g.run(c, batch, stepSeed(1, b.N)); err != nil {
			b.Fatal(err)
		}
		copy(d.real, batch.Target)
		copy(d.fake, g.cipher)
		if _, err := d.run(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(c.Batch*b.N)/b.Elapsed().Seconds(), "crops/s")
}
