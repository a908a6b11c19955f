package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// every returns a task function that counts how often each task ran.
func every(tasks int) (counts []atomic.Int32, f func(int)) {
	counts = make([]atomic.Int32, tasks)
	return counts, func(task int) { counts[task].Add(1) }
}

func ranOnce(t *testing.T, what string, counts []atomic.Int32) {
	t.Helper()
	for i := range counts {
		if n := counts[i].Load(); n != 1 {
			t.Fatalf("%s: task %d ran %d times", what, i, n)
		}
	}
}

// TestParallelRunsEachTaskOnce varies the number of tasks, and starts jobs from many callers at a time and
// from within tasks.
func TestParallelRunsEachTaskOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for tasks := range 40 {
		counts, f := every(tasks)
		parallel(tasks, f)
		ranOnce(t, fmt.Sprint(tasks, " tasks"), counts)
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 300 {
				outer, f := every(5)
				inner, g := every(5 * 7)
				parallel(5, func(i int) {
					f(i)
					parallel(7, func(j int) { g(7*i + j) })
				})
				ranOnce(t, "outer", outer)
				ranOnce(t, "inner", inner)
			}
		})
	}
	callers.Wait()
}

// TestParallelHandsPanicsOver checks that a panic of a task reaches the caller after the other tasks have
// run, and that the next job can use the helpers.
func TestParallelHandsPanicsOver(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	for range 100 {
		counts, f := every(9)
		caught := func() (r any) {
			defer func() { r = recover() }()
			parallel(9, func(task int) {
				f(task)
				if task == 4 {
					panic("the fifth")
				}
			})
			return nil
		}()
		if caught != "the fifth" {
			t.Fatalf("caught %v", caught)
		}
		if runtime.GOMAXPROCS(0) > 1 { // WebAssembly has one, where a panic ends the job
			ranOnce(t, "with a panic", counts)
		}
	}
	if !helperPool.busy.TryLock() {
		t.Fatal("the helpers are still taken")
	}
	helperPool.busy.Unlock()
}
