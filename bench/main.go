// Command bench compares the speed of Encipher and its peers: onnxruntime on this
// machine and in a browser, and PyTorch for training. `make bench` runs it.
//
// Main path: makeJobs returns ONNX files and their inputs. For each row, measure
// starts both sides, compares their outputs and times them in turns.
// docs/benchmarks.md explains the rows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"

	"enciphergan/internal/kernel"
)

// serveFlag makes the program one side of a row, which answers requests on its standard streams.
const serveFlag = "-serve"

func main() {
	if len(os.Args) == 2 && os.Args[1] == serveFlag {
		if err := serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	repeats := flag.Int("repeats", 7, "measured runs of each side of a row, an odd number")
	only := flag.String("only", "", "measure only rows whose name matches this regular expression")
	ofPage := flag.Bool("page", false, "measure the page instead of the generators")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	measure := func() error { return run(ctx, *repeats, *only) }
	if *ofPage {
		measure = func() error { return page(ctx, os.Stdout) }
	}
	if err := measure(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, repeats int, only string) error {
	if repeats < 1 || repeats%2 == 0 {
		return fmt.Errorf("-repeats %d: want an odd number, so that there is a median", repeats)
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	jobs, err := makeJobs(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d cores, %s; peak of the inner loop on all cores: canonical %.0f GFLOP/s, fused %.0f GFLOP/s\n"+
		"the default network runs in canonical arithmetic, the paper's in fused\n"+
		"medians of %d warm runs of each side in turns; a run is the generator alone, without key setup, on both sides\n\n",
		runtime.GOARCH, runtime.NumCPU(), kernel.Name(), kernel.Peak(kernel.Canonical)/1e9, kernel.Peak(kernel.Fused)/1e9, repeats)
	table := newTable(os.Stdout)
	var failures []error
	for _, r := range rows(jobs, &browsers{}) {
		if !pattern.MatchString(r.name) {
			continue
		}
		m, err := r.measure(ctx, repeats)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			table.fail(r, err)
			failures = append(failures, fmt.Errorf("%s: %w", r.name, err))
			continue
		}
		table.add(r, m)
	}
	if pattern.MatchString(photoName) {
		fmt.Println()
		if err := photo(ctx, os.Stdout); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", photoName, err))
		}
	}
	return errors.Join(failures...)
}
