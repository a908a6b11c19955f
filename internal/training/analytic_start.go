package training

import (
	"fmt"
	"math"
	"math/rand/v2"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/op"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/gorgonia"
)

// analyticStart sets the weights of a profile that has an analytic start, from crops
// of training photos (N, 3, S, S) in [-1, 1].
func analyticStart(d network.Definition, encryption, decryption *network.Weights, crops []float32, side int, r *rand.Rand) error {
	switch d.Profile {
	case "reversible":
		return whiten(d, encryption, crops, side, r)
	case "paper+stats":
		// The first norm brings each colour of a picture to mean 0 and deviation 1.
		for i := 0; i < len(crops); i += side * side {
			plane := crops[i : i+side*side]
			mean, deviation := kernel.Moments(plane, 1e-4)
			kernel.Normalize(plane, plane, mean, deviation)
		}
		matrix, _, err := whitening(crops, side, paperBlock, r)
		if err != nil {
			return err
		}
		return paperStart(encryption, decryption, matrix)
	}
	return nil
}

// randomStart sets the whitening, which the analytic start derives from photos, to
// a random orthogonal matrix. All other parameters are random already.
func randomStart(d network.Definition, encryption *network.Weights, r *rand.Rand) {
	if d.Keyed() {
		network.RandomOrthogonal(r, d.Channels(), encryption.Data("whitening.matrix"))
	}
}

// whiten sets the matrix W and the bias -W mu of the reversible profile's whitening.
func whiten(d network.Definition, w *network.Weights, crops []float32, side int, r *rand.Rand) error {
	whitening, mu, err := whitening(crops, side, d.Unshuffle, r)
	if err != nil {
		return err
	}
	c := d.Channels()
	matrix, bias := w.Data("whitening.matrix"), w.Data("whitening.bias")
	for i := range c {
		var shift float64
		for j := range c {
			matrix[i*c+j] = float32(whitening.At(i, j))
			shift -= whitening.At(i, j) * mu[j]
		}
		bias[i] = float32(shift)
	}
	return nil
}

// whitening returns W = Q diag(1/s) U^T and mu, where U, lambda, mu are the PCA of
// blocks of b x b samples of three colours, Q is a random orthogonal matrix and
// s = (lambda + floor)^(1/4), rescaled to mean((lambda + floor)/s^2) = 1. That is
// half way to full whitening, which would clip.
func whitening(crops []float32, side, b int, r *rand.Rand) (matrix *mat.Dense, mu []float64, err error) {
	const floor = 2e-4
	c := 3 * b * b
	n := len(crops) / (3 * side * side)
	p := side / b * (side / b)
	blocks := make([]float32, len(crops))
	kernel.SpaceToDepth(n, 3, side, side, b, blocks, crops)
	mu = make([]float64, c)
	for t := range n * c {
		mu[t%c] += float64(kernel.Sum(blocks[t*p:(t+1)*p])) / float64(n*p)
	}
	covariance := mat.NewSymDense(c, nil)
	product := make([]float32, c*c)
	for i := range n {
		x := blocks[i*c*p : (i+1)*c*p]
		for t := range c {
			for j := range p {
				x[t*p+j] -= float32(mu[t])
			}
		}
		kernel.Gemm(c, c, p, kernel.RowMajor(x, p), kernel.RowMajor(x, p).Transposed(), product, c)
	}
	for i := range c {
		for j := i; j < c; j++ {
			covariance.SetSym(i, j, float64(product[i*c+j])/float64(n*p))
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(covariance, true) {
		return nil, nil, fmt.Errorf("the principal components of the training photos cannot be computed")
	}
	var u mat.Dense
	eigen.VectorsTo(&u)
	lambda := eigen.Values(nil)
	var mean float64
	for i, l := range lambda {
		lambda[i] = max(l, 0) + floor
		mean += math.Sqrt(lambda[i]) / float64(c) // (lambda+floor)/s^2 with s = (lambda+floor)^(1/4)
	}
	scale := mat.NewDense(c, c, nil)
	for i, l := range lambda {
		scale.Set(i, i, 1/(math.Pow(l, 0.25)*math.Sqrt(mean)))
	}
	q := make([]float32, c*c)
	network.RandomOrthogonal(r, c, q)
	rotation := mat.NewDense(c, c, nil)
	for i := range c {
		for j := range c {
			rotation.Set(i, j, float64(q[i*c+j]))
		}
	}
	matrix = &mat.Dense{}
	matrix.Product(rotation, scale, u.T())
	return matrix, mu, nil
}

// layerRunner runs the first layers of the encryption generator on batches of crops.
type layerRunner struct {
	machine  gorgonia.VM
	input    []float32
	material *keyschedule.Material // nil without keyed layers
	out      []float32
}

// newLayerRunner builds the layers for crops (n, 3, side, side).
func newLayerRunner(d network.Definition, w *network.Weights, layers []network.Layer, n, side int) (*layerRunner, error) {
	g := gorgonia.NewGraph()
	x, input, err := addInput(g, "picture", n, 3, side, side)
	if err != nil {
		return nil, err
	}
	k, material, err := addKeyedInputs(d, g, side)
	if err != nil {
		return nil, err
	}
	b := newGraphBuilder(g, "", w, true, 1, k, d.Arithmetic())
	var carried []*gorgonia.Node
	y := network.Walk[*gorgonia.Node](b, layers, x, &carried)
	if b.Err() != nil {
		return nil, b.Err()
	}
	p := &layerRunner{input: input, material: material, out: make([]float32, y.Shape().TotalSize())}
	if _, err := op.Collect([][]float32{p.out}, y); err != nil {
		return nil, err
	}
	p.machine = gorgonia.NewTapeMachine(g)
	return p, nil
}

// run returns the layers' output, which is valid until the next run.
func (p *layerRunner) run(crops []float32, seed keyschedule.Seed) ([]float32, error) {
	copy(p.input, crops)
	if p.material != nil {
		p.material.Derive(seed)
	}
	defer p.machine.Reset()
	return p.out, p.machine.RunAll()
}

func (p *layerRunner) close() error { return p.machine.Close() }
