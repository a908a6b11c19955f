//go:build js && wasm

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hack-pad/safejs"

	"enciphergan"
)

// argument is the object that a JS method was called with. Nothing is copied
// into Go before its type and size were checked.
type argument struct{ value safejs.Value }

// badArgument is the one code that the root package does not have.
const badArgument = "bad-argument"

// bad is the error of a call with the wrong types.
func bad(format string, values ...any) error {
	return &encipher.Error{Code: badArgument, Err: fmt.Errorf(format, values...)}
}

func (a argument) get(name string) (safejs.Value, error) {
	if a.value.Type() != safejs.TypeObject {
		return safejs.Value{}, bad("the argument must be an object with %q", name)
	}
	return a.value.Get(name)
}

// has says whether the object has a value under the name.
func (a argument) has(name string) bool {
	v, err := a.get(name)
	return err == nil && !v.IsUndefined() && !v.IsNull()
}

// bytes copies a Uint8Array of at most limit bytes.
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
		return nil, bad("%q must be a Uint8Array", name)
	}
	n, err := v.Length()
	if err != nil {
		return nil, err
	}
	if int64(n) > limit {
		return nil, &encipher.Error{
			Code: tooLarge,
			Hint: fmt.Sprintf("At most %d MB are taken here.", limit/1_000_000),
			Err:  fmt.Errorf("the file has %d bytes", n),
		}
	}
	b := make([]byte, n)
	_, err = safejs.CopyBytesToGo(b, v)
	return b, err
}

// flag reads a boolean that may be left out, which is false.
func (a argument) flag(name string) (bool, error) {
	if !a.has(name) {
		return false, nil
	}
	v, err := a.get(name)
	if err != nil {
		return false, err
	}
	if v.Type() != safejs.TypeBoolean {
		return false, bad("%q must be true or false", name)
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
		return "", bad("%q must be a string", name)
	}
	// syscall/js has no length of a string value, so the string object is asked.
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
		return "", bad("%q has %d characters; at most %d are taken", name, n, limit)
	}
	return v.String()
}

// integer reads a whole number from 0 to most.
func (a argument) integer(name string, most int) (int, error) {
	v, err := a.get(name)
	if err != nil {
		return 0, err
	}
	if v.Type() != safejs.TypeNumber {
		return 0, bad("%q must be a number", name)
	}
	f, err := v.Float()
	if err != nil {
		return 0, err
	}
	if n := int(f); f >= 0 && f <= float64(most) && float64(n) == f {
		return n, nil
	}
	return 0, bad("%q is %g; it must be a whole number from 0 to %d", name, f, most)
}

// yieldEvery is how long a computation may hold the thread before the event
// loop gets a turn, in which an abort can arrive.
const yieldEvery = 50 * time.Millisecond

// job returns the context and the progress function of a long call. The context
// ends when the signal is aborted or onProgress throws; end must be called.
func (a argument) job() (ctx context.Context, progress encipher.Progress, end func(), err error) {
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
			return nil, nil, nil, bad("%q must be an AbortSignal", "signal")
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
			return nil, nil, nil, bad("%q must be a function", "onProgress")
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
		if time.Since(last) >= yieldEvery {
			// Only a sleep gives the thread back to the event loop.
			time.Sleep(time.Millisecond)
			last = time.Now()
		}
	}
	return ctx, progress, end, nil
}

// array copies bytes into a new Uint8Array.
func array(b []byte) (safejs.Value, error) {
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
