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
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/onnx"
	"enciphergan/internal/op"
	"enciphergan/internal/training"
	"enciphergan/models"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure the speed of a model on this machine",
		UsageText: "encipher bench -training [-profile NAME] [-crop PIXELS] [-json] [-q]\nencipher bench [-layers | -json] [-q] [-model NAME|DIR] [-arithmetic NAME] [-size PIXELS] [-runs N]",
		Description: `Runs both generators on one square tile of noise. Prints the median time of a run,
without key setup, and the measured peak speed of the convolution's inner loop.
-layers prints the time of each operation. GOMAXPROCS=1 measures one core.

With -training, it measures joint training steps instead: crops a second on one core,
on two, and so on, with the profile's batch and with one batch for each core.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "training", Usage: "measure training instead: crops a second by number of cores"},
			&cli.StringFlag{Name: "profile", Usage: "with -training: `NAME` of the profile", Value: "reversible"},
			&cli.IntFlag{Name: "crop", HideDefault: true, Usage: "with -training: side of the crops in `PIXELS`; default by profile"},
			&cli.BoolFlag{Name: "layers", Usage: "print the time of every operation and shape"},
			&cli.StringFlag{Name: "model", Usage: "`NAME` of a shipped model, directory of another, or sealed one", Value: models.Default},
			&cli.StringFlag{Name: "arithmetic", Usage: "`NAME`: canonical, with equal bits on every machine, or fused; default: that of the model"},
			&cli.IntFlag{Name: "size", Usage: "side of the tile in `PIXELS`", Value: 256},
			&cli.IntFlag{Name: "runs", Usage: "measure `N` runs, after one that is not measured", Value: 7},
			&cli.BoolFlag{Name: "json", Usage: "print JSON instead of text, with the layers"},
			quietFlag(),
		},
		Action: bench,
	}
}

func bench(ctx context.Context, c *cli.Command) error {
	if c.Args().Present() {
		return usage("usage: encipher bench [flags]", "bench takes no argument, not %q", c.Args().First())
	}
	if c.Bool("training") {
		return benchTraining(ctx, c)
	}
	size, runs := c.Int("size"), c.Int("runs")
	if size < 1 || size > 4096 {
		return usage("give a number of pixels, for instance -size 256", "-size %d: want 1 to 4096", size)
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
	s, key, rgb := m.NewSession(a), keyschedule.Seed{seed}, make([]byte, 3*size*size)
	rand.NewChaCha8(key).Read(rgb)
	in, err := s.EncryptionInputs(rgb, size, size, key)
	if err != nil {
		return usage("choose another -size", "%w", err)
	}
	peak := kernel.Peak(a)
	all := benchmark{Model: m.Name(), Size: size, Arithmetic: fmt.Sprint(a), Kernels: kernel.Name(), Cores: runtime.GOMAXPROCS(0), Peak: peak, Runs: runs}
	text := !c.Bool("json")
	if text {
		fmt.Fprintf(tables{}, "%s, %d x %[2]d pixels; %s arithmetic on %s, %d core(s), measured peak %.1f GFLOP/s\n",
			all.Model, size, all.Arithmetic, all.Kernels, all.Cores, peak/1e9)
	}
	progress, end := showProgress(c.Bool("q"))
	measure := func(name string, file []byte, in map[string]*tensor.Dense, into *profile) error {
		p, err := profileRuns(ctx, file, a, m.Dims(size, size), in, runs, func(done int) { progress(name, done, runs) })
		end()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*into = p
		if !text {
			return nil
		}
		fmt.Fprintf(tables{}, "\n%s: %.1f ms, median of %d; %.1f MB of values and scratch\n", name, 1e3*p.Seconds, runs, float64(p.Memory)/1e6)
		if c.Bool("layers") {
			return p.print(tables{}, peak)
		}
		return nil
	}
	if err := measure("encryption", files.Encryption, in, &all.Encryption); err != nil {
		return err
	}
	cipher, err := s.Encrypt(ctx, rgb, size, size, key)
	if err != nil {
		return err
	}
	if in, err = s.DecryptionInputs(cipher, key); err != nil {
		return err
	}
	if err := measure("decryption", files.Decryption, in, &all.Decryption); err != nil || text {
		return err
	}
	return printReport(all)
}

// benchTraining measures the speed of training by number of cores.
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
	all := trainingSpeed{Profile: config.Definition.Profile, Crop: config.Crop, Kernels: kernel.Name(), Steps: steps}
	text := !c.Bool("json")
	if text {
		fmt.Fprintf(tables{}, "%s, crops of %d x %[2]d pixels, discriminator included; %s; mean of %d steps\n\n", all.Profile, all.Crop, all.Kernels, steps)
	}
	progress, end := showProgress(c.Bool("q"))
	for n := 1; n <= cores; n++ {
		batches := []int{config.Batch}
		if n > 1 {
			batches = append(batches, n*config.Batch)
		}
		for _, batch := range batches {
			runtime.GOMAXPROCS(n)
			each := config
			each.Batch = batch
			step, err := training.StepTime(ctx, each, steps)
			if ctx.Err() != nil {
				end()
				if text {
					all.print(tables{}) // the rows so far
				}
				return &failure{exitInterrupted, "", errors.New("interrupted")}
			}
			if err != nil {
				end()
				return usage("choose another -crop", "%w", err)
			}
			all.Rows = append(all.Rows, speed{n, batch, step.Seconds(), float64(batch) / step.Seconds()})
			progress("training", len(all.Rows), 2*cores-1)
		}
	}
	end()
	if text {
		return all.print(tables{})
	}
	return printReport(all)
}

// trainingSpeed is the result of bench -training.
type trainingSpeed struct {
	Profile string  `json:"profile"`
	Crop    int     `json:"crop"` // side in pixels
	Kernels string  `json:"kernels"`
	Steps   int     `json:"steps"` // of which the mean is reported
	Rows    []speed `json:"rows"`  // the first on one core
}

type speed struct {
	Cores   int     `json:"cores"`
	Batch   int     `json:"batch"`
	Seconds float64 `json:"seconds"` // of a step
	Crops   float64 `json:"crops"`   // a second
}

func (t trainingSpeed) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "cores\tbatch\tms a step\tcrops a second\tagainst one core\t")
	for _, r := range t.Rows {
		fmt.Fprintf(w, "%d\t%d\t%.0f\t%.1f\t%.2f\t\n", r.Cores, r.Batch, 1e3*r.Seconds, r.Crops, r.Crops/t.Rows[0].Crops)
	}
	return w.Flush()
}

// benchmark is the result of bench for a model.
type benchmark struct {
	Model      string  `json:"model"`
	Size       int     `json:"size"` // side of the tile in pixels
	Arithmetic string  `json:"arithmetic"`
	Kernels    string  `json:"kernels"`
	Cores      int     `json:"cores"`
	Peak       float64 `json:"peak"` // floating-point operations a second
	Runs       int     `json:"runs"` // of which the median is reported
	Encryption profile `json:"encryption"`
	Decryption profile `json:"decryption"`
}

// profile holds the time of a run by operation.
type profile struct {
	Seconds float64      `json:"seconds"`
	Memory  int64        `json:"bytes"` // of values and scratch
	Layers  []*layerTime `json:"layers"`
}

// layerTime is the time of all operations of one kind and shape in a run.
type layerTime struct {
	Operation string  `json:"operation"`
	Shapes    string  `json:"shapes"`
	Count     int     `json:"count"`
	Seconds   float64 `json:"seconds"`
	Work      float64 `json:"work"` // floating-point operations of a convolution, 0 for others
}

// profileRuns returns the median of several runs of a generator, after one that allocates buffers.
func profileRuns(ctx context.Context, file []byte, a kernel.Arithmetic, dims map[string]int, in map[string]*tensor.Dense, runs int, done func(runs int)) (profile, error) {
	machine, err := onnx.Load(ctx, file, dims, onnx.DefaultLimits(), a)
	if err != nil {
		return profile{}, err
	}
	if _, err := machine.Run(ctx, in); err != nil {
		return profile{}, err
	}
	profiles := make([]profile, runs)
	for i := range profiles {
		if ctx.Err() != nil {
			return profile{}, ctx.Err()
		}
		if profiles[i], err = profileRun(ctx, machine, in); err != nil {
			return profile{}, err
		}
		done(i + 1)
	}
	slices.SortFunc(profiles, func(a, b profile) int { return cmp.Compare(a.Seconds, b.Seconds) })
	return profiles[runs/2], nil
}

// profileRun measures one run. It sorts the layers, the slowest first.
func profileRun(ctx context.Context, machine *onnx.Machine, in map[string]*tensor.Dense) (profile, error) {
	p := profile{Memory: machine.Memory}
	known := map[string]*layerTime{}
	machine.Observe(func(e op.Event) {
		id := fmt.Sprint(e.Name, e.In, e.Out)
		l := known[id]
		if l == nil {
			l = &layerTime{Operation: e.Name, Shapes: shapesOf(e)}
			known[id], p.Layers = l, append(p.Layers, l)
		}
		l.Count++
		l.Seconds += e.Took.Seconds()
		l.Work += products(e)
	})
	defer machine.Observe(nil)
	began := time.Now()
	_, err := machine.Run(ctx, in)
	p.Seconds = time.Since(began).Seconds()
	slices.SortStableFunc(p.Layers, func(a, b *layerTime) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return p, err
}

// shapesOf formats the shapes of an operation's operands and result.
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

// products returns the multiplications and additions of a convolution. The speed of
// other operations depends on memory.
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

// print writes the layers as a table. peak is in floating-point operations a second.
func (p profile) print(to io.Writer, peak float64) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ms\tshare\tcount\tGFLOP/s\tof peak\t  operation")
	var all float64
	share := func(seconds float64) float64 { return 100 * seconds / p.Seconds }
	for _, l := range p.Layers {
		all += l.Seconds
		rate, part := "", ""
		if l.Work > 0 {
			rate = fmt.Sprintf("%.1f", l.Work/l.Seconds/1e9)
			part = fmt.Sprintf("%.0f%%", 100*l.Work/l.Seconds/peak)
		}
		fmt.Fprintf(w, "%.2f\t%.1f%%\t%d\t%s\t%s\t  %s  %s\n", 1e3*l.Seconds, share(l.Seconds), l.Count, rate, part, l.Operation, l.Shapes)
	}
	fmt.Fprintf(w, "%.2f\t%.1f%%\t\t\t\t  around the operations\n", 1e3*(p.Seconds-all), share(p.Seconds-all))
	return w.Flush()
}
