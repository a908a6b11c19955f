//go:build js && wasm

package main

import (
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"

	"enciphergan"
)

// method is one method of the JS API: it reads its argument and returns what
// its promise resolves to.
type method func(argument) (map[string]any, error)

// promised makes a JS function of a method. The work runs on a goroutine of its
// own, because a blocking wait inside a callback would block the event loop
// that is to end it.
func promised(run method) (safejs.Func, error) {
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
				result, err := guarded(run, given)
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

// guarded turns a panic into an error, so that one bad file cannot end the program.
func guarded(run method, given argument) (result map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unexpected failure: %v", r)
		}
	}()
	return run(given)
}

// rejection builds the Error of a rejected promise.
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
