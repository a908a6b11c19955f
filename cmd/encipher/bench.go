package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"
	"gorgonia.org/tensor"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyed"
	"enciphergan/internal/network"
	"enciphergan/internal/onnx"
	"enciphergan/internal/op"
	"enciphergan/internal/training"
	"enciphergan/models"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure how fast this machine runs a model",
		UsageText: "encipher bench -training [-profile NAME] [-crop PIXELS]\nencipher bench [-layers] [-model NAME|DIR] [-arithmetic NAME] [-size PIXELS] [-runs N]",
		Description: `Runs both generators on one square tile of noise and prints the median time of a
run, key setup outside, beside the measured peak of the convolution's inner loop.
With -layers it prints where the time goes. GOMAXPROCS=1 measures one core.

With -training it measures joint steps of training instead: crops a second on one
core, two, and so on, at the profile's batch and at as many of it as cores.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "training", Usage: "measure training instead: crops a second by the number of cores"},
			&cli.StringFlag{Name: "profile", Usage: "with -training: `NAME` of the profile", Value: "reversible"},
			&cli.IntFlag{Name: "crop", HideDefault: true, Usage: "with -training: side of the crops in `PIXELS`; default by profile"},
			&cli.BoolFlag{Name: "layers", Usage: "print the time of every kind of operation and shape"},
			&cli.StringFlag{Name: "model", Usage: "`NAME` of a shipped model, directory of another, or sealed one", Value: models.Default},
			&cli.StringFlag{Name: "arithmetic", Usage: "`NAME`: canonical, with the same bits on every machine, or fused; without it, that of the model"},
			&cli.IntFlag{Name: "size", Usage: "side of the tile in `PIXELS`", Value: 256},
			quietFlag(),
			&cli.IntFlag{Name: "runs", Usage: "measured runs `N`, after one that is not", Value: 7},
		},
		Action: bench,
	}
}

func bench(ctx context.Context, c *cli.Command) error {
	if c.Args().Present() {
		return usage("usage: encipher bench [flags]", "bench takes no picture, and %q is given", c.Args().First())
	}
	if c.Bool("training") {
		return benchTraining(ctx, c)
	}
	size, runs := c.Int("size"), c.Int("runs")
	if size < 1 || size > 4096 {
		return usage("give a number of pixels, for instance -size 256", "-size %d is no side of a tile", size)
	}
	if runs < 1 || runs > 10000 {
		return usage("for instance -runs 7", "-runs %d: want 1 to 10000", runs)
	}
	files, err := modelFiles(ctx, c, c.String("model"))
	if err != nil {
		return err
	}
	m, err := network.Load(files)
	if err != nil {
		return badInput("", fmt.Errorf("%s: %w", c.String("model"), err))
	}
	a := m.Arithmetic()
	if name := c.String("arithmetic"); name != "" {
		if a, err = kernel.ParseArithmetic(name); err != nil {
			return usage("for instance -arithmetic fused", "%w", err)
		}
	}
	const seed = 1
	s, key, rgb := m.NewSession(a), keyed.Seed{seed}, make([]byte, 3*size*size)
	rand.NewChaCha8(key).Read(rgb)
	in, err := s.EncryptionInputs(rgb, size, size, key)
	if err != nil {
		return usage("choose another -size", "%w", err)
	}
	peak := kernel.Peak(a)
	fmt.Fprintf(tables{}, "%s, %d x %d pixels; %s arithmetic on %s, %d core(s), measured peak %.1f GFLOP/s\n",
		m.Name(), size, size, a, kernel.Name(), runtime.GOMAXPROCS(0), peak/1e9)
	progress, end := showProgress(c.Bool("q"))
	measure := func(name string, file []byte, in map[string]*tensor.Dense) error {
		p, err := profileRuns(ctx, file, a, m.Dims(size, size), in, runs, func(done int) { progress(name, done, runs) })
		end()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(tables{}, "\n%s: %.1f ms, median of %d; %.1f MB of values and scratch\n", name, p.run.Seconds()*1e3, runs, float64(p.memory)/1e6)
		if c.Bool("layers") {
			return p.print(tables{}, peak)
		}
		return nil
	}
	if err := measure("encryption", files.Encryption, in); err != nil {
		return err
	}
	cipher, err := s.Encrypt(ctx, rgb, size, size, key)
	if err != nil {
		return err
	}
	if in, err = s.DecryptionInputs(cipher, key); err != nil {
		return err
	}
	return measure("decryption", files.Decryption, in)
}

// benchTraining prints the speed of training against cores.
func benchTraining(ctx context.Context, c *cli.Command) error {
	config, err := training.Defaults(c.String("profile"))
	if err != nil {
		return usage("for instance -profile reversible", "%w", err)
	}
	if c.IsSet("crop") {
		config.Crop = c.Int("crop")
	}
	const steps = 5
	cores := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(cores)
	fmt.Fprintf(tables{}, "%s, crops of %d x %d pixels, discriminator included; %s; mean of %d steps\n\n", config.Definition.Profile, config.Crop, config.Crop, kernel.Name(), steps)
	w := tabwriter.NewWriter(tables{}, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "cores\tbatch\tms a step\tcrops a second\tagainst one core\t")
	var one float64
	progress, end := showProgress(c.Bool("q"))
	rows := 0
	for n := 1; n <= cores; n++ {
		batches := []int{config.Batch}
		if n > 1 {
			batches = append(batches, n*config.Batch)
		}
		for _, batch := range batches {
			runtime.GOMAXPROCS(n)
			each := config
			each.Batch = batch
			step, err := training.Speed(ctx, each, steps)
			if ctx.Err() != nil {
				end()
				return &failure{exitInterrupted, "", errors.New("interrupted")}
			}
			if err != nil {
				end()
				return usage("choose another -crop", "%w", err)
			}
			rows++
			progress("training", rows, 2*cores-1)
			rate := float64(batch) / step.Seconds()
			if n == 1 {
				one = rate
			}
			fmt.Fprintf(w, "%d\t%d\t%.0f\t%.1f\t%.2f\t\n", n, batch, step.Seconds()*1e3, rate, rate/one)
		}
	}
	end()
	return w.Flush()
}

// profile is where the time of a run goes.
type profile struct {
	run    time.Duration
	memory int64 // bytes
	layers []*layerTime
}

// layerTime is what all operations of one kind and shape take in a run.
type layerTime struct {
	name   string
	shapes string
	count  int
	took   time.Duration
	work   float64 // floating-point operations of a convolution, 0 of others
}

// profileRuns gives the median of some runs of a generator, after one in which buffers are made.
func profileRuns(ctx context.Context, file []byte, a kernel.Arithmetic, dims map[string]int, in map[string]*tensor.Dense, runs int, done func(runs int)) (profile, error) {
	machine, err := onnx.Load(file, dims, onnx.DefaultLimits(), a)
	if err != nil {
		return profile{}, err
	}
	if _, err := machine.Run(in); err != nil {
		return profile{}, err
	}
	profiles := make([]profile, runs)
	for i := range profiles {
		if ctx.Err() != nil {
			return profile{}, ctx.Err()
		}
		if profiles[i], err = profileRun(machine, in); err != nil {
			return profile{}, err
		}
		done(i + 1)
	}
	slices.SortFunc(profiles, func(a, b profile) int { return cmp.Compare(a.run, b.run) })
	return profiles[runs/2], nil
}

// profileRun measures one run; its layers come slowest first.
func profileRun(machine *onnx.Machine, in map[string]*tensor.Dense) (profile, error) {
	p := profile{memory: machine.Memory}
	known := map[string]*layerTime{}
	machine.Observe(func(e op.Event) {
		id := fmt.Sprint(e.Name, e.In, e.Out)
		l := known[id]
		if l == nil {
			l = &layerTime{name: e.Name, shapes: shapesOf(e)}
			known[id], p.layers = l, append(p.layers, l)
		}
		l.count++
		l.took += e.Took
		l.work += products(e)
	})
	defer machine.Observe(nil)
	began := time.Now()
	_, err := machine.Run(in)
	p.run = time.Since(began)
	slices.SortStableFunc(p.layers, func(a, b *layerTime) int { return cmp.Compare(b.took, a.took) })
	return p, err
}

// shapesOf names the shapes of an operation's operands and result.
func shapesOf(e op.Event) string {
	var in []string
	for _, s := range e.In {
		in = append(in, dimensions(s))
	}
	return strings.Join(in, " ") + " > " + dimensions(e.Out)
}

func dimensions(s tensor.Shape) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint([]int(s)), "[]"), " ", "x")
}

// products counts the multiplications and additions of a convolution; the other
// operations of generators are bound by memory.
func products(e op.Event) float64 {
	kind, _, _ := strings.Cut(e.Name, "{")
	volume := func(s ...int) float64 { return float64(tensor.Shape(s).TotalSize()) }
	switch kind {
	case "Conv2D": // y (N, M, ...), w (M, C, KH, KW)
		return 2 * volume(e.Out...) * volume(e.In[1][1:]...)
	case "Conv2DGradInput": // a transposed convolution: x (N, C, ...), w (C, M, KH, KW)
		return 2 * volume(e.In[0]...) * volume(e.In[1][1:]...)
	}
	return 0
}

// print writes the layers as a table; peak is in floating-point operations per second.
func (p profile) print(to io.Writer, peak float64) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ms\tshare\tcount\tGFLOP/s\tof peak\t  operation")
	var all time.Duration
	share := func(took time.Duration) float64 { return 100 * took.Seconds() / p.run.Seconds() }
	for _, l := range p.layers {
		all += l.took
		rate, part := "", ""
		if l.work > 0 {
			rate = fmt.Sprintf("%.1f", l.work/l.took.Seconds()/1e9)
			part = fmt.Sprintf("%.0f%%", 100*l.work/l.took.Seconds()/peak)
		}
		fmt.Fprintf(w, "%.2f\t%.1f%%\t%d\t%s\t%s\t  %s  %s\n", l.took.Seconds()*1e3, share(l.took), l.count, rate, part, l.name, l.shapes)
	}
	fmt.Fprintf(w, "%.2f\t%.1f%%\t\t\t\t  around the operations\n", (p.run-all).Seconds()*1e3, share(p.run-all))
	return w.Flush()
}
