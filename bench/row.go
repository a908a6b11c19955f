package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"enciphergan/internal/onnx/peer"
)

// side is one of the two implementations of a row, started for this row.
type side interface {
	// load reads the job, runs each of its tiles once and returns the outputs.
	load(ctx context.Context, j job) (outputs [][]byte, err error)
	// run runs all tiles once.
	run(ctx context.Context) (time.Duration, error)
	// peak returns the peak resident memory in bytes, 0 if the system does not report it.
	peak(ctx context.Context) (int64, error)
	close()
}

// row is one line of the table: a job on both sides.
type row struct {
	name        string
	job         job
	ours, peers func(ctx context.Context) (side, error)
}

// measurement is the result of a row.
type measurement struct {
	ours, peers         time.Duration // medians, of one unit of the job
	oursPeak, peersPeak int64         // bytes
	difference          float64       // maximum absolute difference of outputs
	missing             *missingPeer  // set if the peer is not installed
}

// missingPeer is returned if a peer is not installed.
type missingPeer struct{ hint string }

func (m *missingPeer) Error() string { return m.hint }

func rows(j jobs, b *browsers) []row {
	var list []row
	for _, n := range []struct {
		name string
		job  job
	}{
		{"default network, encrypt 256x256", j.encrypt},
		{"default network, decrypt 256x256", j.decrypt},
		{"paper network, encrypt 256x256", j.paper},
		{"default network, encrypt 1024x1024 in 16 tiles", j.tiles},
	} {
		for threads := 1; threads <= 2; threads++ {
			list = append(list, row{
				fmt.Sprintf("native, %d thread(s) each: %s", threads, n.name), n.job,
				func(ctx context.Context) (side, error) { return startOurs(ctx, threads) },
				func(ctx context.Context) (side, error) { return startOnnxruntime(ctx, threads) },
			})
		}
	}
	for _, n := range []struct {
		name string
		job  job
	}{
		{"default network, encrypt 256x256", j.encrypt},
		{"default network, decrypt 256x256", j.decrypt},
		{"paper network, encrypt 256x256", j.paper},
	} {
		list = append(list, row{"browser, 1 thread each: " + n.name, n.job, b.ours, b.peers})
	}
	list = append(list, row{startName, job{units: 1}, b.startOurs, b.startPeers})
	return append(list, row{
		"training, 1 thread each: default network, one crop of 128x128", j.training,
		func(ctx context.Context) (side, error) { return startOurs(ctx, 1) },
		func(ctx context.Context) (side, error) { return startPyTorch(ctx, 1) },
	})
}

// measure compares the outputs of both sides, then times them in turns. It times our
// side alone if the peer is not installed.
func (r row) measure(ctx context.Context, repeats int) (m measurement, err error) {
	ours, err := r.ours(ctx)
	if err != nil {
		return m, fmt.Errorf("ours: %w", err)
	}
	defer ours.close()
	a, err := ours.load(ctx, r.job)
	if err != nil {
		return m, fmt.Errorf("ours: %w", err)
	}
	peers, err := r.peers(ctx)
	if err != nil && !errors.As(err, &m.missing) {
		return m, fmt.Errorf("peer: %w", err)
	}
	sides := []side{ours}
	if m.missing == nil {
		defer peers.close()
		b, err := peers.load(ctx, r.job)
		if err != nil {
			return m, fmt.Errorf("peer: %w", err)
		}
		if m.difference, err = compare(a, b, r.job.tolerance); err != nil {
			return m, err
		}
		sides = append(sides, peers)
	}
	times := make([][]time.Duration, len(sides))
	for turn := range r.job.warmUp + repeats {
		for i := range sides {
			which := (turn + i) % len(sides) // each side is first in half of the turns
			if r.job.warmUp > 0 {
				// Processors and threads slept while the other side ran.
				if _, err := sides[which].run(ctx); err != nil {
					return m, err
				}
			}
			took, err := sides[which].run(ctx)
			if err != nil {
				return m, err
			}
			if turn >= r.job.warmUp {
				times[which] = append(times[which], took/time.Duration(r.job.units))
			}
			// onnxruntime's threads spin for a while after a run.
			time.Sleep(20 * time.Millisecond)
		}
	}
	m.ours = median(times[0])
	if m.oursPeak, err = ours.peak(ctx); err != nil || m.missing != nil {
		return m, err
	}
	m.peers = median(times[1])
	m.peersPeak, err = peers.peak(ctx)
	return m, err
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// compare returns the maximum difference of the outputs of both sides, and an error if it exceeds the tolerance.
func compare(ours, peers [][]byte, tolerance float64) (difference float64, err error) {
	if len(ours) != len(peers) {
		return 0, fmt.Errorf("outputs of %d and %d tiles", len(ours), len(peers))
	}
	for i := range ours {
		a, err := peer.Decode(ours[i])
		if err != nil {
			return 0, err
		}
		b, err := peer.Decode(peers[i])
		if err != nil {
			return 0, err
		}
		d, output, err := peer.MaxDifference(a, b)
		if err != nil {
			return 0, err
		}
		if !(d <= tolerance) {
			return 0, fmt.Errorf("tile %d: the output %q differs from the peer's by %g, more than %g", i, output, d, tolerance)
		}
		difference = max(difference, d)
	}
	return difference, nil
}

// startOurs starts this program as the native side.
func startOurs(ctx context.Context, threads int) (side, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, program, serveFlag)
	c.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", threads))
	return startProcess(c)
}

var peersFolder = filepath.Join("bench", "peers")

// installed returns an error if a peer is not installed.
func installed(module string) error {
	if _, err := os.Stat(filepath.Join(peersFolder, "node_modules", module)); err != nil {
		return &missingPeer{module + " is not installed; make bench installs it with npm"}
	}
	return nil
}

func startOnnxruntime(ctx context.Context, threads int) (side, error) {
	if err := installed("onnxruntime-node"); err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, "node", "serve.mjs", fmt.Sprint(threads))
	c.Dir = peersFolder
	return startProcess(c)
}

const nameWidth = 71

// table prints rows.
type table struct{ to io.Writer }

func newTable(to io.Writer) table {
	t := table{to}
	fmt.Fprintf(to, "%*s %9s %9s %7s %8s %8s %9s\n", -nameWidth, "", "ours ms", "peer ms", "ratio", "ours MB", "peer MB", "max diff")
	return t
}

func (t table) add(r row, m measurement) {
	memory := func(bytes int64) string {
		if bytes == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f", float64(bytes)/1e6)
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	rate := ""
	if r.job.training {
		rate = fmt.Sprintf("%*s %.1f crops a second\n", -nameWidth, "  ours:", 1/m.ours.Seconds())
	}
	if m.missing != nil {
		fmt.Fprintf(t.to, "%*s %9.1f %9s %7s %8s   %v\n%s", -nameWidth, r.name, ms(m.ours), "-", "-", memory(m.oursPeak), m.missing, rate)
		return
	}
	fmt.Fprintf(t.to, "%*s %9.1f %9.1f %7.2f %8s %8s %9.2g\n%s", -nameWidth, r.name, ms(m.ours), ms(m.peers),
		m.ours.Seconds()/m.peers.Seconds(), memory(m.oursPeak), memory(m.peersPeak), m.difference, rate)
}

// fail prints the error of a row.
func (t table) fail(r row, err error) {
	fmt.Fprintf(t.to, "%*s %v\n", -nameWidth, r.name, err)
}
