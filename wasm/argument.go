//go:build js && wasm

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hack-pad/safejs"

	"enciphergan"
)

// argument is the argument object of a JS method. Its methods check type and
// size before they copy anything into Go.
type argument struct{ value safejs.Value }

// badArgument is the code of a call with the wrong types. The root package does not have it.
const badArgument = "bad-argument"

// badArgumentError returns an error with the code badArgument.
func badArgumentError(format string, values ...any) error {
	return &encipher.Error{Code: badArgument, Err: fmt.Errorf(format, values...)}
}

func (a argument) get(name string) (safejs.Value, error) {
	if a.value.Type() != safejs.TypeObject {
		return safejs.Value{}, badArgumentError("the argument must be an object with %q", name)
	}
	return a.value.Get(name)
}

// has reports whether the object has a property that is neither undefined nor null.
func (a argument) has(name string) bool {
	v, err := a.get(name)
	return err == nil && !v.IsUndefined() && !v.IsNull()
}

// bytes copies a Uint8Array. It returns an error with the code tooLarge if it is longer than limit.
func (a argument) bytes(name string, limit int64, tooLarge string) ([]byte, error) {
	v, err := a.get(name)
	if err != nil {
		return nil, err
	}
	class, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return nil, err
	}
	if ok, err := v.InstanceOf(class); err != nil || !ok {
		return nil, badArgumentError("%q must be a Uint8Array", name)
	}
	n, err := v.Length()
	if err != nil {
		return nil, err
	}
	if int64(n) > limit {
		return nil, &encipher.Error{
			Code: tooLarge,
			Hint: fmt.Sprintf("The limit is %d MB.", limit/1_000_000),
			Err:  fmt.Errorf("the file has %d bytes", n),
		}
	}
	b := make([]byte, n)
	_, err = safejs.CopyBytesToGo(b, v)
	return b, err
}

// flag reads an optional boolean, which is false by default.
func (a argument) flag(name string) (bool, error) {
	if !a.has(name) {
		return false, nil
	}
	v, err := a.get(name)
	if err != nil {
		return false, err
	}
	if v.Type() != safejs.TypeBoolean {
		return false, badArgumentError("%q must be true or false", name)
	}
	return v.Bool()
}

// text copies a string of at most limit UTF-16 units.
func (a argument) text(name string, limit int) (string, error) {
	v, err := a.get(name)
	if err != nil {
		return "", err
	}
	if v.Type() != safejs.TypeString {
		return "", badArgumentError("%q must be a string", name)
	}
	// syscall/js cannot return the length of a string value, only of a String object.
	class, err := safejs.Global().Get("String")
	if err != nil {
		return "", err
	}
	object, err := class.New(v)
	if err != nil {
		return "", err
	}
	n, err := object.Length()
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", badArgumentError("%q has %d characters, more than %d", name, n, limit)
	}
	return v.String()
}

// integer reads a whole number from 0 to max.
func (a argument) integer(name string, max int) (int, error) {
	v, err := a.get(name)
	if err != nil {
		return 0, err
	}
	if v.Type() != safejs.TypeNumber {
		return 0, badArgumentError("%q must be a number", name)
	}
	f, err := v.Float()
	if err != nil {
		return 0, err
	}
	if n := int(f); f >= 0 && f <= float64(max) && float64(n) == f {
		return n, nil
	}
	return 0, badArgumentError("%q is %g; it must be a whole number from 0 to %d", name, f, max)
}

// yieldInterval is how long a computation may run before it yields to the event
// loop, which delivers aborts.
const yieldInterval = 50 * time.Millisecond

// jobContext returns the context and the progress function of a long call. The
// context is canceled when the signal is aborted or onProgress throws. The caller
// must call end.
func (a argument) jobContext() (ctx context.Context, progress encipher.Progress, end func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	end = cancel
	if a.has("signal") {
		signal, err := a.get("signal")
		if err != nil {
			cancel()
			return nil, nil, nil, err
		}
		listener, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
			cancel()
			return nil
		})
		if err != nil {
			cancel()
			return nil, nil, nil, err
		}
		end = func() {
			signal.Call("removeEventListener", "abort", listener)
			listener.Release()
			cancel()
		}
		if _, err := signal.Call("addEventListener", "abort", listener); err != nil {
			end()
			return nil, nil, nil, badArgumentError("%q must be an AbortSignal", "signal")
		}
		if aborted, err := signal.Get("aborted"); err == nil {
			if stop, err := aborted.Truthy(); err == nil && stop {
				cancel()
			}
		}
	}
	report := func(string, int, int) {}
	if a.has("onProgress") {
		callback, err := a.get("onProgress")
		if err != nil || callback.Type() != safejs.TypeFunction {
			end()
			return nil, nil, nil, badArgumentError("%q must be a function", "onProgress")
		}
		report = func(stage string, done, total int) {
			if _, err := callback.Invoke(stage, done, total); err != nil {
				cancel()
			}
		}
	}
	last := time.Now()
	progress = func(stage string, done, total int) {
		report(stage, done, total)
		if time.Since(last) >= yieldInterval {
			// Only a sleep yields to the event loop.
			time.Sleep(time.Millisecond)
			last = time.Now()
		}
	}
	return ctx, progress, end, nil
}

// newUint8Array copies bytes into a new Uint8Array.
func newUint8Array(b []byte) (safejs.Value, error) {
	class, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return safejs.Value{}, err
	}
	v, err := class.New(len(b))
	if err != nil {
		return safejs.Value{}, err
	}
	_, err = safejs.CopyBytesToJS(v, b)
	return v, err
}
