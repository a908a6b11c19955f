package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"enciphergan/bench/generator"
	"enciphergan/internal/kernel"
)

// request is a line to a process, which loads a job if Model is set, and otherwise runs it.
type request struct {
	Training bool     `json:"training,omitempty"`
	Model    string   `json:"model,omitempty"` // name of the file of a job
	Feeds    []string `json:"feeds,omitempty"` // names of files
	// Arithmetic is for our side.
	Arithmetic kernel.Arithmetic `json:"arithmetic,omitempty"`
	Outputs    []string          `json:"outputs,omitempty"` // files to write, one for each feed
}

// reply is the answer to a request.
type reply struct {
	Seconds float64 `json:"seconds"` // of a run
	Error   string  `json:"error,omitempty"`
}

// process is a side in a process of its own, which reads requests and writes replies,
// one a line.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	dir     string // of the files of requests
}

func startProcess(c *exec.Cmd) (*process, error) {
	p := &process{command: c}
	var err error
	if p.dir, err = os.MkdirTemp("", "encipher-bench-"); err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err == nil {
		p.out = bufio.NewReader(out)
		p.in, err = c.StdinPipe()
	}
	c.Stderr = os.Stderr
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		os.RemoveAll(p.dir)
		return nil, err
	}
	return p, nil
}

func (p *process) ask(q request) (reply, error) {
	var r reply
	line, err := json.Marshal(q)
	if err != nil {
		return r, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return r, fmt.Errorf("%s does not read requests: %w", p.command.Path, err)
	}
	if line, err = p.out.ReadBytes('\n'); err != nil {
		return r, fmt.Errorf("%s ended without an answer: %w", p.command.Path, err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("%s answered %q: %w", p.command.Path, line, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

func (p *process) load(_ context.Context, j job) ([][]byte, error) {
	q := request{Training: j.training, Model: filepath.Join(p.dir, "model"), Arithmetic: j.arithmetic}
	if err := os.WriteFile(q.Model, j.file, 0o600); err != nil {
		return nil, err
	}
	for i, feed := range j.feeds {
		q.Feeds = append(q.Feeds, filepath.Join(p.dir, fmt.Sprintf("feed%d.json", i)))
		q.Outputs = append(q.Outputs, filepath.Join(p.dir, fmt.Sprintf("outputs%d.json", i)))
		if err := os.WriteFile(q.Feeds[i], feed, 0o600); err != nil {
			return nil, err
		}
	}
	if _, err := p.ask(q); err != nil {
		return nil, err
	}
	var outputs [][]byte
	for _, name := range q.Outputs {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, b)
	}
	return outputs, nil
}

func (p *process) run(context.Context) (time.Duration, error) {
	r, err := p.ask(request{})
	return time.Duration(r.Seconds * float64(time.Second)), err
}

func (p *process) peak(context.Context) (int64, error) { return peakMemory(p.command.Process.Pid) }

func (p *process) close() {
	p.in.Close() // ends the process
	p.command.Wait()
	os.RemoveAll(p.dir)
}

// serve answers requests as our side.
func serve(in io.Reader, out io.Writer) error {
	var loaded interface{ Run() (time.Duration, error) }
	answer := func(q request) (reply, error) {
		if q.Model == "" {
			if loaded == nil {
				return reply{}, errors.New("no job is loaded")
			}
			took, err := loaded.Run()
			return reply{Seconds: took.Seconds()}, err
		}
		file, err := os.ReadFile(q.Model)
		if err != nil {
			return reply{}, err
		}
		var feeds, outputs [][]byte
		for _, name := range q.Feeds {
			feed, err := os.ReadFile(name)
			if err != nil {
				return reply{}, err
			}
			feeds = append(feeds, feed)
		}
		if q.Training {
			loaded, outputs, err = newTrainer(file)
		} else {
			loaded, outputs, err = generator.Load(file, q.Arithmetic, feeds, runtime.GOMAXPROCS(0))
		}
		if err != nil {
			return reply{}, err
		}
		for i, b := range outputs {
			if err := os.WriteFile(q.Outputs[i], b, 0o600); err != nil {
				return reply{}, err
			}
		}
		return reply{}, nil
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var q request
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		r, err := answer(q)
		if err != nil {
			r.Error = err.Error()
		}
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return err
		}
	}
	return lines.Err()
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory returns the peak resident memory of a process in bytes, 0 if the system
// does not report it.
func peakMemory(pid int) (int64, error) {
	if runtime.GOOS != "linux" {
		return 0, nil
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	found := highWater.FindSubmatch(status)
	if found == nil {
		return 0, nil
	}
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	return kilobytes << 10, err
}
