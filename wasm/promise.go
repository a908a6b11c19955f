//go:build js && wasm

package main

import (
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"

	"enciphergan"
)

// method is a method of the JS API. Its promise resolves to the result.
type method func(argument) (map[string]any, error)

// promiseFunc returns a JS function that calls a method and returns a promise. The
// method runs on its own goroutine, because blocking in a callback would block the
// event loop.
func promiseFunc(run method) (safejs.Func, error) {
	return safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		given := argument{safejs.Undefined()}
		if len(args) > 0 {
			given.value = args[0]
		}
		class, err := safejs.Global().Get("Promise")
		if err != nil {
			return safejs.Undefined()
		}
		executor, err := safejs.FuncOf(func(_ safejs.Value, settle []safejs.Value) any {
			go func() {
				result, err := recovered(run, given)
				if err == nil {
					_, err = settle[0].Invoke(result)
				}
				if err != nil {
					settle[1].Invoke(rejection(err))
				}
			}()
			return nil
		})
		if err != nil {
			return safejs.Undefined()
		}
		defer executor.Release()
		promise, err := class.New(executor)
		if err != nil {
			return safejs.Undefined()
		}
		return promise
	})
}

// recovered converts a panic to an error, so that a bad file cannot end the program.
func recovered(run method, given argument) (result map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unexpected fault: %v", r)
		}
	}()
	return run(given)
}

// rejection returns the JS Error of a rejected promise.
func rejection(err error) any {
	class, jsErr := safejs.Global().Get("Error")
	if jsErr != nil {
		return err.Error()
	}
	value, jsErr := class.New(err.Error())
	if jsErr != nil {
		return err.Error()
	}
	hint := ""
	var known *encipher.Error
	if errors.As(err, &known) {
		hint = known.Hint
	}
	value.Set("code", encipher.CodeOf(err))
	value.Set("hint", hint)
	return value
}
