//go:build js && wasm

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"

	"enciphergan"
)

// In JS, a TileJob is {decrypt, exact, height, width, samples, statistics, seed}, of
// booleans, numbers and Uint8Arrays.

// maxTilesAtOnce limits how many tiles encrypt and decrypt hand out ahead.
const maxTilesAtOnce = 256

// tile computes a tile that another instance has handed out.
func (s *service) tile(a argument) (map[string]any, error) {
	m, err := s.loaded()
	if err != nil {
		return nil, err
	}
	var j encipher.TileJob
	for name, to := range map[string]*bool{"decrypt": &j.Decrypt, "exact": &j.Exact} {
		if *to, err = a.flag(name); err != nil {
			return nil, err
		}
	}
	for name, to := range map[string]*int{"height": &j.Height, "width": &j.Width} {
		if *to, err = a.integer(name, encipher.MaxPixels); err != nil {
			return nil, err
		}
	}
	if j.Samples, err = a.bytes("samples", 3*encipher.MaxPixels, badArgument); err != nil {
		return nil, err
	}
	if j.Statistics, err = a.bytes("statistics", encipher.MaxPixels, badArgument); err != nil {
		return nil, err
	}
	seed, err := a.bytes("seed", int64(len(j.Seed)), badArgument)
	if err != nil {
		return nil, err
	}
	if copy(j.Seed[:], seed) != len(j.Seed) {
		return nil, badArgumentError("the seed has %d bytes instead of %d", len(seed), len(j.Seed))
	}
	ctx, _, end, err := a.jobContext()
	if err != nil {
		return nil, err
	}
	defer end()
	r, err := m.ComputeTile(ctx, j)
	if err != nil {
		return nil, err
	}
	result := map[string]any{}
	return result, errors.Join(
		setArray(result, "samples", r.Samples),
		setArray(result, "statistics", r.Statistics),
		setArray(result, "recovered", r.Recovered),
	)
}

// tiles returns the option that has the function tiles compute the tiles of encrypt
// and decrypt. Without the function, this instance computes them, one at a time.
func (a argument) tiles() (encipher.Option, error) {
	if !a.has("tiles") {
		return encipher.WithWorkers(1), nil
	}
	handOut, err := a.get("tiles")
	if err != nil || handOut.Type() != safejs.TypeFunction {
		return nil, badArgumentError("%q must be a function", "tiles")
	}
	atOnce, err := a.integer("tilesAtOnce", maxTilesAtOnce)
	if err != nil {
		return nil, err
	}
	return encipher.WithTiles(atOnce, func(ctx context.Context, j encipher.TileJob) (r encipher.TileResult, err error) {
		job := map[string]any{"decrypt": j.Decrypt, "exact": j.Exact, "height": j.Height, "width": j.Width}
		if err := errors.Join(
			setArray(job, "samples", j.Samples),
			setArray(job, "statistics", j.Statistics),
			setArray(job, "seed", j.Seed[:]),
		); err != nil {
			return r, err
		}
		promise, err := handOut.Invoke(job)
		if err != nil {
			return r, fmt.Errorf("handing out a tile: %w", err)
		}
		value, err := await(ctx, promise)
		if err != nil {
			return r, err
		}
		// The caller checks the lengths; the limit bounds memory.
		limit := int64(3 * j.Height * j.Width)
		for name, to := range map[string]*[]byte{"samples": &r.Samples, "statistics": &r.Statistics, "recovered": &r.Recovered} {
			if *to, err = (argument{value}).bytes(name, limit, badArgument); err != nil {
				return r, err
			}
		}
		return r, nil
	}), nil
}

// await waits until a promise is settled or the context ends.
func await(ctx context.Context, promise safejs.Value) (safejs.Value, error) {
	type outcome struct {
		value    safejs.Value
		rejected bool
	}
	settled := make(chan outcome, 1)
	var resolve, reject safejs.Func
	// The functions are released when one is called, because a promise may be
	// settled long after the context has ended.
	then := func(rejected bool) (safejs.Func, error) {
		return safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
			o := outcome{rejected: rejected, value: safejs.Undefined()}
			if len(args) > 0 {
				o.value = args[0]
			}
			settled <- o
			resolve.Release()
			reject.Release()
			return nil
		})
	}
	var err error
	if resolve, err = then(false); err != nil {
		return safejs.Value{}, err
	}
	if reject, err = then(true); err != nil {
		return safejs.Value{}, err
	}
	if _, err := promise.Call("then", resolve, reject); err != nil {
		return safejs.Value{}, fmt.Errorf("waiting for a promise: %w", err)
	}
	select {
	case <-ctx.Done():
		return safejs.Value{}, ctx.Err()
	case o := <-settled:
		if o.rejected {
			return safejs.Value{}, rejected(o.value)
		}
		return o.value, nil
	}
}

// rejected converts the reason of another instance's rejected promise to an error.
func rejected(reason safejs.Value) error {
	text := func(name string) string {
		if reason.Type() != safejs.TypeObject {
			return ""
		}
		v, err := reason.Get(name)
		if err != nil || v.Type() != safejs.TypeString {
			return ""
		}
		s, _ := v.String()
		return s
	}
	code, message := text("code"), text("message")
	if code == "" {
		code = encipher.Internal
	}
	if message == "" {
		message = "computing a tile failed for an unknown reason"
	}
	return &encipher.Error{Code: code, Hint: text("hint"), Err: errors.New(message)}
}
