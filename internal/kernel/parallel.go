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
// One job at a time has the helpers; the others, of callers that share the work in
// a coarser way already or from within a task, run where they are.
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

// helperPool is the job that helpers look for. A network's operations follow one another
// within microseconds, and to wake a sleeping thread takes tens of them: so a
// helper looks for the next job for a while before it ends.
var helperPool struct {
	busy    sync.Mutex
	job     atomic.Pointer[job]
	helpers atomic.Int64
}

// spinTime is how long a helper looks for a job, and the caller for the end of one before it sleeps.
const spinTime = 500 * time.Microsecond

type job struct {
	f          func(task int)
	tasks      int64
	next, done atomic.Int64
	ended      chan struct{} // closed when all are done
	failure    atomic.Pointer[any]
}

// work does tasks until none is left to begin.
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

// do does one task. A panic in a bare goroutine would end the process; it is handed to the caller instead.
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

// watch waits for a condition, but no longer than spinTime, without giving up the thread unless others want it.
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
