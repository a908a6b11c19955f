package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v3"
	"golang.org/x/sync/semaphore"

	"enciphergan"
	"enciphergan/internal/atomicfile"
	"enciphergan/internal/picture"
)

// This file has what encrypt and decrypt share: the list of pictures, the names of their outputs, the
// jobs that run at the same time, and the messages.

// standard, as the name of a file, means standard input or output.
const standard = "-"

func batchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "jobs", Value: 1, Usage: "process `N` pictures at the same time, within -memory"},
		&cli.IntFlag{Name: "memory", Value: 2000, Usage: "limit in `MB` of the memory for pictures at the same time; a picture that needs more is processed alone"},
		&cli.StringFlag{Name: "shard", Usage: "`I/N`: process only part I, from 0, of N parts; a hash of its name assigns a picture to a part"},
		&cli.BoolFlag{Name: "resume", Usage: "skip pictures whose output exists, after comparing the two"},
		&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each picture on standard output"},
		quietFlag(),
	}
}

// item is one picture to work on.
type item struct {
	in, out string         // as named to the user; standard for the streams
	name    string         // path of the input below the given folder, with slashes
	at      int            // index in the list
	maybe   bool           // a picture of a folder that may be a copy of a cipher image for messengers, or anything else
	err     error          // why it cannot be read, if known already
	cost    *encipher.Cost // nil if not estimated yet
}

// left is a file or folder that is left alone, with the reason.
type left struct{ in, name, why string }

// count formats a number of things: 1 picture, 2 pictures.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// batch is one call of encrypt or decrypt.
type batch struct {
	items   []item
	single  bool   // one picture, and -o names its file
	folder  string // the output folder; empty if single
	left    []left // left alone in folders
	force   bool
	secret  bool // the outputs are not encrypted, so only their owner may read them
	resume  bool
	unlike  bool // the outputs cannot be compared with the pictures, so -resume is refused
	json    bool
	quiet   bool
	jobs    int
	memory  int64
	derives int64 // bytes that Argon2id may take before a picture is opened or sealed
	workers int   // for each picture; 0: as many as processors, shared by the jobs
}

// folders defines which files of a folder are inputs and how their outputs are named.
type folders struct {
	wanted func(name string) bool   // reports whether a file is an input
	maybe  func(name string) bool   // reports whether a file that is none may be one all the same; nil: no
	other  string                   // why other files are not
	rename func(name string) string // returns the name of the output
	spare  string                   // appended to the name of an output that is taken; empty: an error
}

// newBatch returns the batch of a command line, from its inputs, its output and the flags that encrypt and
// decrypt share. kinds are the extensions of an output, nil for any.
func newBatch(c *cli.Command, f folders, kinds []string) (*batch, error) {
	b := &batch{force: c.Bool("f"), resume: c.Bool("resume"), json: c.Bool("json"), quiet: c.Bool("q"),
		jobs: c.Int("jobs"), memory: int64(c.Int("memory")) * 1_000_000, workers: c.Int("workers")}
	out, args := c.String("o"), c.Args().Slice()
	switch {
	case b.jobs < 1 || b.memory < 1:
		return nil, usage("for instance -jobs 2 -memory 2000", "-jobs and -memory must be at least 1")
	case b.workers < 0:
		return nil, usage("for instance -workers 2", "-workers must be at least 0")
	case b.force && b.resume:
		return nil, usage("leave out one of the two", "-f overwrites every output, and -resume none")
	}
	if out == "" {
		if len(args) != 1 || args[0] != standard {
			return nil, usage("add -o OUT.png for one picture, -o FOLDER for several", "-o is missing")
		}
		out = standard
	}
	if len(args) == 1 && !isFolder(args[0]) && !isFolderName(out) && !isFolder(out) {
		b.single = true
		b.items = []item{{in: args[0], out: out, name: filepath.Base(args[0])}}
		return b, b.checkSingle(c, kinds)
	}
	if out == standard || slices.Contains(args, standard) {
		return nil, usage("give one picture, or -o FOLDER and files", "standard input and output can hold only one picture")
	}
	if !isFolder(out) && !isFolderName(out) && slices.Contains(kinds, strings.ToLower(filepath.Ext(out))) {
		return nil, usage("give a folder; if this is its name, add a slash", "several pictures cannot be written to one file, %s", out)
	}
	b.folder = out
	if err := b.collect(args, out, f); err != nil {
		return nil, err
	}
	if len(b.items) == 0 {
		return nil, badInput("give a folder with pictures", fmt.Errorf("%s: no pictures, and %s", strings.Join(args, ", "), count(len(b.left), "other file")))
	}
	if shard := c.String("shard"); c.IsSet("shard") {
		var part, parts uint32
		if n, err := fmt.Sscanf(shard, "%d/%d", &part, &parts); n != 2 || err != nil || part >= parts || fmt.Sprintf("%d/%d", part, parts) != shard {
			return nil, usage("for instance -shard 0/4 for the first of four", "-shard %q: want I/N with I from 0 to N-1", shard)
		}
		b.items = slices.DeleteFunc(b.items, func(i item) bool { return shardOf(i.name, parts) != part })
		b.left = slices.DeleteFunc(b.left, func(l left) bool { return shardOf(l.name, parts) != part })
	}
	return b, nil
}

// needPictures returns an error if the command line has no inputs.
func needPictures(c *cli.Command) error {
	if c.Args().Present() {
		return nil
	}
	return usage(fmt.Sprintf("usage: encipher %s %s", c.Name, c.ArgsUsage), "%s takes pictures, folders or - for standard input", c.Name)
}

func (b *batch) checkSingle(c *cli.Command, kinds []string) error {
	i := b.items[0]
	switch {
	case c.IsSet("shard"):
		return usage("leave out -shard, or give a folder", "-shard is for several pictures")
	case b.resume && (i.in == standard || i.out == standard):
		return usage("leave out -resume", "-resume is for files")
	case i.out == standard && b.json:
		return usage("leave out -json, or give -o FILE", "standard output cannot hold both the picture and JSON")
	case i.out == standard:
		return checkStandard("picture")
	case kinds != nil && !slices.Contains(kinds, strings.ToLower(filepath.Ext(i.out))):
		return usage("choose a name that ends in "+strings.Join(kinds, " or ")+", or in / for a folder", "%s: not a name for this kind of output", i.out)
	case b.resume:
		return nil
	}
	return b.to(i).check()
}

// to returns the output of an item.
func (b *batch) to(i item) output { return output{i.out, "-o", b.force, b.secret} }

// shardOf returns the part, from 0 to parts-1, that a name belongs to. It is the same on every machine.
func shardOf(name string, parts uint32) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32() % parts
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// collect lists the pictures of files and folders, and assigns an output below out to each.
func (b *batch) collect(args []string, out string, f folders) error {
	whole, err := filepath.Abs(out)
	if err != nil {
		return badInput("check the name after -o", err)
	}
	for _, arg := range args {
		base := filepath.ToSlash(filepath.Base(arg))
		if !isFolder(arg) {
			b.items = append(b.items, item{in: arg, name: base})
			continue
		}
		under := func(name string) string { return filepath.Join(arg, filepath.FromSlash(name)) }
		inside := isWithin(arg, whole)
		l, err := picture.List(arg, func(name string) string {
			if why := whyHidden(name); why != "" {
				return why
			}
			if !inside && isWithin(under(name), whole) { // may be output of an earlier call
				return "it is in the output folder"
			}
			return ""
		})
		if err != nil { // the other arguments are still processed
			b.items = append(b.items, item{in: arg, name: base, err: unlisted(arg, "check its permissions", err)})
			continue
		}
		for _, c := range l.Closed {
			path := under(c.Name)
			b.items = append(b.items, item{in: path, name: c.Name, err: unlisted(path, "check its permissions", c.Err)})
		}
		for _, name := range l.Names {
			maybe := !f.wanted(name) && f.maybe != nil && f.maybe(name)
			if !maybe && !f.wanted(name) {
				l.Left = append(l.Left, picture.Left{Name: name, Why: f.other})
				continue
			}
			b.items = append(b.items, item{in: under(name), name: name, maybe: maybe})
		}
		for _, n := range l.Left {
			b.left = append(b.left, left{under(n.Name), n.Name, n.Why})
		}
	}
	return b.assign(out, f)
}

// assign assigns a different file below out to each picture, or returns an error if it cannot. If two outputs
// would have one name, the picture whose name only loses a suffix gets it. It sorts the items by output.
func (b *batch) assign(out string, f folders) error {
	taken := map[string]item{}
	keeps := func(i item) bool { return strings.HasPrefix(i.name, f.rename(i.name)) }
	order := slices.Clone(b.items)
	for n := range order {
		order[n].at = n
	}
	slices.SortStableFunc(order, func(a, c item) int {
		switch {
		case a.maybe != c.maybe:
			if a.maybe {
				return 1
			}
			return -1
		case keeps(a) == keeps(c):
			return cmp.Compare(a.name, c.name)
		case keeps(a):
			return -1
		}
		return 1
	})
	for _, i := range order {
		if i.err != nil {
			continue
		}
		name := f.rename(i.name)
		i.out = filepath.Join(out, filepath.FromSlash(name))
		for other, ok := taken[i.out]; ok; other, ok = taken[i.out] {
			if f.spare == "" || other.name == i.name {
				return usage("process the folders one after the other, each with its own output folder", "%s and %s would both be written to %s", other.in, i.in, i.out)
			}
			i.out += f.spare
		}
		taken[i.out] = i
		b.items[i.at].out = i.out
	}
	slices.SortStableFunc(b.items, func(a, c item) int { return cmp.Compare(a.out, c.out) })
	return nil
}

// whyHidden returns the reason to leave a hidden file or folder alone, or an empty string.
func whyHidden(name string) string {
	if strings.HasPrefix(path.Base(name), ".") {
		return "hidden"
	}
	return ""
}

// isWithin reports whether path is folder or below it. folder is absolute.
func isWithin(path, folder string) bool {
	full, err := filepath.Abs(path)
	return err == nil && (full == folder || strings.HasPrefix(full, folder+string(filepath.Separator)))
}

// ready creates the output folder and checks that files can be written there, before
// any picture is processed. It removes temporary files that a killed call left in the folders of the outputs.
func (b *batch) ready() error {
	folders := map[string]bool{}
	for _, i := range b.items {
		if folder := filepath.Dir(i.out); i.out != standard && !folders[folder] {
			folders[folder] = true
			atomicfile.Sweep(folder)
		}
	}
	if b.folder == "" {
		return nil
	}
	err := os.MkdirAll(b.folder, 0o777)
	if err == nil {
		err = atomicfile.Probe(b.folder)
	}
	if err != nil {
		return &failure{exitFailure, "check the folder and its permissions, or choose another place after -o", fmt.Errorf("%s: cannot write there: %w", b.folder, cause(err))}
	}
	return nil
}

// result is the outcome for a picture, printed as an object by -json.
type result struct {
	Input       string   `json:"input"`
	InputBytes  []byte   `json:"input_bytes,omitempty"` // if Input is not UTF-8, which JSON cannot represent
	Output      string   `json:"output,omitempty"`
	OutputBytes []byte   `json:"output_bytes,omitempty"` // the same for Output
	Status      string   `json:"status"`                 // done, skipped, failed, left
	Width       int      `json:"width,omitempty"`
	Height      int      `json:"height,omitempty"`
	Bytes       int      `json:"bytes,omitempty"`
	PSNR        float64  `json:"psnr,omitempty"`       // of encrypt -for: of the picture that travels, in dB against the original in its size
	WholeFile   bool     `json:"whole_file,omitempty"` // of encrypt -for and of its copies: whether the original file travels as it is
	Exact       *bool    `json:"exact,omitempty"`      // of decrypt: whether the digest proves every sample
	Sealed      *bool    `json:"sealed,omitempty"`     // of decrypt: whether the file was sealed
	Notes       []string `json:"notes,omitempty"`
	Exit        int      `json:"exit,omitempty"` // of a failure: its exit code as the only picture
	Error       string   `json:"error,omitempty"`
	Hint        string   `json:"hint,omitempty"`
	Seconds     float64  `json:"seconds"`
}

const (
	done    = "done"
	skipped = "skipped"
	failed  = "failed"

	leftAlone = "left"
)

// say prints a line unless -q is given.
func (b *batch) say(format string, args ...any) {
	if !b.quiet {
		say(os.Stderr, format, args...)
	}
}

// estimate returns the cost of a picture, from the start of its file and the number of workers.
type estimate func(head []byte, workers int) (encipher.Cost, error)

// work encrypts or decrypts one picture.
type work func(context.Context, item, encipher.Progress, int) (*result, error)

// run processes every picture and reports its result. A failure does not stop the other
// pictures, except if the disk is full; the error counts the failures.
func (b *batch) run(ctx context.Context, estimate estimate, work work) error {
	if b.single {
		progress, end := showProgress(b.quiet || b.json)
		r, err := b.one(ctx, b.items[0], work, progress, b.workers)
		end()
		b.report(r, err, "")
		if errors.Is(err, context.Canceled) || encipher.CodeOf(err) == encipher.Canceled {
			return &failure{exitInterrupted, "", errInterrupted}
		}
		return err
	}
	if len(b.left) > 0 {
		b.say("%s left alone", count(len(b.left), "other file"))
	}
	if b.json {
		for _, l := range b.left {
			printJSON(&result{Input: l.in, InputBytes: notText(l.in), Status: leftAlone, Notes: []string{l.why}})
		}
	}
	if len(b.items) == 0 {
		b.say("this part contains no pictures")
		return nil
	}
	workers := b.workers
	if workers < 1 {
		workers = max(1, runtime.GOMAXPROCS(0)/b.jobs)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	progress := b.newProgress()
	memory := semaphore.NewWeighted(b.memory)
	var (
		mu       sync.Mutex
		counts   = map[string]int{}
		failures []string
		last     error // of a picture
		wg       sync.WaitGroup
	)
	queue := make(chan item)
	for range min(b.jobs, len(b.items)) {
		wg.Go(func() {
			for i := range queue {
				if i.cost == nil {
					c := costOf(estimate, i.in, workers, b.derives)
					i.cost = &c
				}
				takes := min(b.memory, i.cost.MemoryBytes)
				if memory.Acquire(ctx, takes) != nil {
					continue // interrupted
				}
				r, err := b.one(ctx, i, work, func(stage string, done, total int) {
					mu.Lock()
					defer mu.Unlock()
					progress.part(i, stage, done, total)
				}, workers)
				memory.Release(takes)
				mu.Lock()
				if ctx.Err() == nil || err == nil || r.Status == failed && r.Exit != exitInterrupted {
					counts[r.Status]++
					if r.Status == failed {
						last = err
						failures = append(failures, fmt.Sprintf("%s: %s", r.Input, strings.TrimPrefix(r.Error, r.Input+": ")))
					}
					progress.clear()
					b.report(r, err, fmt.Sprintf("%d/%d ", counts[done]+counts[skipped]+counts[failed]+counts[leftAlone], len(b.items)))
					progress.finish(i, r.Status)
				}
				mu.Unlock()
				if atomicfile.Full(err) { // the other pictures would fail too, after all their work
					stop(err)
				}
			}
		})
	}
	for _, i := range b.items {
		select {
		case queue <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	wg.Wait()
	progress.clear()
	if len(b.items) > 1 {
		for _, f := range failures {
			say(os.Stderr, "failed: %s", f)
		}
	}
	finished := fmt.Sprintf("%d of %s done", counts[done]+counts[skipped], count(len(b.items), "picture"))
	if atomicfile.Full(context.Cause(ctx)) {
		return &failure{exitFailure, "free some space there; " + b.again(), fmt.Errorf("the disk is full, %s", finished)}
	}
	if ctx.Err() != nil {
		return &failure{exitInterrupted, "", fmt.Errorf("interrupted, %s; %s", finished, b.again())}
	}
	if n := counts[leftAlone]; n > 0 {
		b.say("%s left alone: no cipher image, nor a copy of one", count(n, "other picture"))
	}
	b.say("%d done, %d skipped, %d failed", counts[done], counts[skipped], counts[failed])
	switch {
	case counts[leftAlone] == len(b.items):
		return badInput("give a folder with cipher images", errors.New("none of the pictures is a cipher image or a copy of one"))
	case counts[failed] == 0:
		return nil
	case len(b.items) == 1:
		return last
	}
	return &failure{exitPartial, "see the errors above; " + b.again(), fmt.Errorf("%d of %s failed", counts[failed], count(len(b.items), "picture"))}
}

// again returns a hint how to process the remaining pictures.
func (b *batch) again() string {
	switch {
	case b.unlike:
		return "give the remaining pictures, or overwrite all with -f"
	case b.resume:
		return "the same command continues"
	}
	return "the same command with -resume continues"
}

// batchProgress shows the progress of several pictures and the remaining time on a terminal. Its unit is a
// byte of the inputs, as the time is roughly proportional to their size.
type batchProgress struct {
	*progressBar
	title        string
	sizes, parts map[string]int64 // by input: its size, and for inputs in process the part that is done
	total, done  int64
}

// newProgress returns a batchProgress, which draws nothing with -q or -json and if standard error is not a terminal.
func (b *batch) newProgress() *batchProgress {
	p := &batchProgress{title: count(len(b.items), "picture"), sizes: map[string]int64{}, parts: map[string]int64{}}
	if b.quiet || b.json {
		return p
	}
	p.progressBar = newProgressBar()
	for _, i := range b.items {
		if info, err := os.Stat(i.in); err == nil && i.err == nil {
			p.sizes[i.in] = info.Size()
			p.total += info.Size()
		}
	}
	p.show()
	return p
}

// part updates the progress of a picture. Only the stages of the generators count, which take nearly all
// of the time.
func (p *batchProgress) part(i item, stage string, done, total int) {
	if stage != "encrypt" && stage != "decrypt" || total < 1 {
		return
	}
	p.parts[i.in] = p.sizes[i.in] * int64(done) / int64(total)
	p.show()
}

// finish records that a picture is finished. One that was skipped or failed is removed from the total, so that
// it does not distort the remaining time.
func (p *batchProgress) finish(i item, status string) {
	delete(p.parts, i.in)
	if status == done {
		p.done += p.sizes[i.in]
	} else {
		p.total -= p.sizes[i.in]
	}
	p.show()
}

func (p *batchProgress) show() {
	if p.progressBar == nil {
		return
	}
	n := p.done
	for _, part := range p.parts {
		n += part
	}
	p.draw(n, p.total, fmt.Sprintf("%s, %.1f of %.1f MB  %s", p.title, float64(n)/1e6, float64(p.total)/1e6, timeLeft(p.now().Sub(p.began), n, p.total)))
}

// one processes a picture. Its result is never nil.
func (b *batch) one(ctx context.Context, i item, work work, progress encipher.Progress, workers int) (*result, error) {
	start := time.Now()
	r, err := &result{}, i.err
	if err == nil {
		r, err = work(ctx, i, progress, workers)
	}
	if r == nil {
		r = &result{}
	}
	r.Input, r.Seconds = i.in, time.Since(start).Seconds()
	switch {
	case err != nil:
		r.Status, r.Exit, r.Error, r.Hint = failed, exitCode(err), err.Error(), hintOf(err)
	case r.Status == "":
		r.Status = done
	}
	return r, err
}

// report prints the result of a picture. number is a prefix such as "1/3 ", or empty.
func (b *batch) report(r *result, err error, number string) {
	if b.json {
		r.InputBytes, r.OutputBytes = notText(r.Input), notText(r.Output)
		printJSON(r)
	}
	for _, n := range r.Notes {
		if r.Status != skipped && r.Status != leftAlone {
			b.say("note: %s: %s", r.Input, n)
		}
	}
	switch {
	case err != nil && len(b.items) > 1: // the error of a single picture is reported by run in main.go
		report(os.Stderr, err)
	case r.Status == skipped:
		b.say("%sskipped %s: %s", number, r.Input, strings.Join(r.Notes, ", "))
	case r.Output != "" && r.Output != standard:
		b.say("%swrote %s: %s", number, r.Output, r.size())
	}
}

// notText returns the bytes of a name that is not UTF-8, which JSON would change, and otherwise nil.
func notText(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

// printJSON prints a value as a line of JSON. Its encoding must not fail: strings, numbers and booleans do not.
func printJSON(v any) {
	line, _ := json.Marshal(v)
	fmt.Fprintln(stdout, plainJSON(string(line)))
}

func (r *result) size() string {
	if r.Width == 0 {
		return fmt.Sprintf("%.1f MB", float64(r.Bytes)/1e6)
	}
	return fmt.Sprintf("%d x %d pixels, %.1f MB", r.Width, r.Height, float64(r.Bytes)/1e6)
}

// costOf estimates the cost of encrypting a picture, with the size of its file in the memory. It reads
// the file only as far as necessary: the picture's size may follow a preview, or, in a TIFF, be at the end.
// The derives bytes of Argon2id count only if they exceed the picture's memory: they are released before the
// picture is processed.
// The cost is zero for a file that is not a picture, which fails soon.
func costOf(estimate estimate, path string, workers int, derives int64) encipher.Cost {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() { // opening a pipe would wait for its other side
		return encipher.Cost{}
	}
	f, err := os.Open(path)
	if err != nil {
		return encipher.Cost{}
	}
	defer f.Close()
	var head []byte
	for size := int64(1 << 12); ; size <<= 4 {
		more, err := io.ReadAll(io.LimitReader(f, min(size, encipher.MaxFileBytes)-int64(len(head))))
		if err != nil {
			return encipher.Cost{}
		}
		head = append(head, more...)
		if c, err := estimate(head, workers); err == nil {
			c.MemoryBytes = max(c.MemoryBytes, derives) + info.Size()
			return c
		}
		if int64(len(head)) < size {
			return encipher.Cost{}
		}
	}
}

// read reads the input of an item.
func (i item) read(ctx context.Context) ([]byte, error) { return readInput(ctx, i.in) }

// write writes the output of an item, whole or not at all. It writes nothing after an interrupt.
func (b *batch) write(ctx context.Context, i item, file []byte) error {
	if ctx.Err() != nil {
		return &failure{exitInterrupted, "", errInterrupted}
	}
	if i.out == standard {
		return writeStandard(file)
	}
	if !b.single {
		if err := os.MkdirAll(filepath.Dir(i.out), 0o777); err != nil {
			return &failure{exitFailure, "check the folder and its permissions, or choose another place after -o", fmt.Errorf("%s: cannot write there: %w", filepath.Dir(i.out), cause(err))}
		}
	}
	return b.to(i).write(file)
}

// begin checks, before a picture is processed, that its output may be written.
// With -resume, it returns whether the output exists, to be compared.
func (b *batch) begin(i item) (there bool, err error) {
	if i.out == standard {
		return false, nil
	}
	if b.resume {
		if info, err := os.Lstat(i.out); err == nil && info.Mode().IsRegular() {
			return true, nil
		}
	}
	return false, b.to(i).check()
}

// notTheSame returns the error of -resume for an existing output that differs.
func notTheSame(i item, why string) error {
	return &failure{exitFailure, "choose another place after -o, or overwrite it with -f", fmt.Errorf("%s: exists and does not belong to %s: %s", i.out, i.in, why)}
}
