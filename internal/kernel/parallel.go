package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// parallel runs f(task) for every task in [0, tasks) on all cores. Tasks must
// write disjoint outputs, so that the result does not depend on the schedule.
//
// Only one job at a time uses the helpers. A job that starts meanwhile, from within a
// task or by a caller that already runs in parallel, runs in the caller's goroutine.
func parallel(tasks int, f func(task int)) {
	helpers := min(runtime.GOMAXPROCS(0), tasks) - 1
	if helpers < 1 || !helperPool.busy.TryLock() {
		for t := range tasks {
			f(t)
		}
		return
	}
	j := &job{f: f, tasks: int64(tasks), ended: make(chan struct{})}
	helperPool.job.Store(j)
	for n := helperPool.helpers.Load(); n < int64(helpers); n = helperPool.helpers.Load() {
		if helperPool.helpers.CompareAndSwap(n, n+1) {
			go help()
		}
	}
	j.work()
	j.wait()
	helperPool.job.Store(nil)
	helperPool.busy.Unlock()
	if r := j.failure.Load(); r != nil {
		panic(*r)
	}
}

// helperPool holds the job that helpers look for. The operations of a network follow one another
// within microseconds, while waking a sleeping thread takes tens of them. A helper therefore
// polls for the next job for a while before it ends.
var helperPool struct {
	busy    sync.Mutex
	job     atomic.Pointer[job]
	helpers atomic.Int64
}

// spinTime is how long a helper polls for a job, and a caller for the end of its job before it sleeps.
const spinTime = 500 * time.Microsecond

type job struct {
	f          func(task int)
	tasks      int64
	next, done atomic.Int64
	ended      chan struct{} // closed when all tasks are done
	failure    atomic.Pointer[any]
}

// work runs tasks until none is left to start.
func (j *job) work() {
	for {
		t := j.next.Add(1) - 1
		if t >= j.tasks {
			return
		}
		j.do(int(t))
		if j.done.Add(1) == j.tasks {
			close(j.ended)
		}
	}
}

// do runs one task and records its panic, which parallel raises in the caller. In a helper it would end the process.
func (j *job) do(task int) {
	defer func() {
		if r := recover(); r != nil {
			j.failure.CompareAndSwap(nil, &r)
		}
	}()
	j.f(task)
}

func (j *job) wait() {
	if !watch(func() bool { return j.done.Load() == j.tasks }) {
		<-j.ended
	}
}

func help() {
	defer helperPool.helpers.Add(-1)
	var last *job
	for {
		var j *job
		if !watch(func() bool { j = helperPool.job.Load(); return j != nil && j != last }) {
			return
		}
		j.work()
		last = j
	}
}

// watch polls a condition for at most spinTime and reports whether it was met. It does not sleep, but yields to
// other goroutines.
func watch(met func() bool) bool {
	var began time.Time
	for i := 1; ; i++ {
		if met() {
			return true
		}
		if i%64 == 0 {
			runtime.Gosched()
			if began.IsZero() {
				began = time.Now()
			} else if time.Since(began) > spinTime {
				return false
			}
		}
	}
}
