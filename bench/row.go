package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"enciphergan/internal/onnx/peer"
)

// side is one of the two implementations of a row, started for it alone.
type side interface {
	// load reads the job, runs each of its tiles once and returns the outputs.
	load(ctx context.Context, j job) (outputs [][]byte, err error)
	// run runs all tiles once.
	run(ctx context.Context) (time.Duration, error)
	// peak is the largest resident memory so far in bytes; 0 where the system does not tell.
	peak(ctx context.Context) (int64, error)
	close()
}

// row is one line of the table: a job on both sides.
type row struct {
	name        string
	job         job
	ours, peers func(ctx context.Context) (side, error)
}

// measurement is what a row finds.
type measurement struct {
	ours, peers         time.Duration // medians
	oursPeak, peersPeak int64         // bytes
	difference          float64       // largest absolute one of outputs
}

// missingPeer is the error of a row whose peer is not installed.
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
	return list
}

// measure compares the outputs of both sides, then times them in turns.
func (r row) measure(ctx context.Context, repeats int) (m measurement, err error) {
	ours, err := r.ours(ctx)
	if err != nil {
		return m, fmt.Errorf("ours: %w", err)
	}
	defer ours.close()
	peers, err := r.peers(ctx)
	if err != nil {
		return m, fmt.Errorf("peer: %w", err)
	}
	defer peers.close()
	a, err := ours.load(ctx, r.job)
	if err != nil {
		return m, fmt.Errorf("ours: %w", err)
	}
	b, err := peers.load(ctx, r.job)
	if err != nil {
		return m, fmt.Errorf("peer: %w", err)
	}
	if m.difference, err = compare(a, b, r.job.tolerance); err != nil {
		return m, err
	}
	var times [2][]time.Duration
	for i := range 2 * repeats {
		which := (i + i/2) % 2 // each side goes first in half of the turns
		took, err := []side{ours, peers}[which].run(ctx)
		if err != nil {
			return m, err
		}
		times[which] = append(times[which], took)
		// onnxruntime's threads spin for a while after a run.
		time.Sleep(20 * time.Millisecond)
	}
	m.ours, m.peers = median(times[0]), median(times[1])
	if m.oursPeak, err = ours.peak(ctx); err != nil {
		return m, err
	}
	m.peersPeak, err = peers.peak(ctx)
	return m, err
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// compare gives the largest difference between the outputs of both sides, an error if it is not tolerable.
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

// installed says whether a peer is there.
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

// table prints rows as they come.
type table struct{ to io.Writer }

func newTable(to io.Writer) table {
	t := table{to}
	fmt.Fprintf(to, "%-72s %9s %9s %7s %8s %8s %9s\n", "", "ours ms", "peer ms", "ratio", "ours MB", "peer MB", "max diff")
	return t
}

func (t table) add(name string, m measurement) {
	memory := func(bytes int64) string {
		if bytes == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f", float64(bytes)/1e6)
	}
	fmt.Fprintf(t.to, "%-72s %9.1f %9.1f %7.2f %8s %8s %9.2g\n", name, m.ours.Seconds()*1e3, m.peers.Seconds()*1e3,
		m.ours.Seconds()/m.peers.Seconds(), memory(m.oursPeak), memory(m.peersPeak), m.difference)
}

func (t table) note(name, words string) { fmt.Fprintf(t.to, "%-72s %s\n", name, words) }
