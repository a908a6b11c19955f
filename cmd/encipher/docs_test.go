package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"
)

// This file runs the commands of the documents. Lines of code blocks run in a temporary folder,
// slow ones with a small budget. The flags, make targets and Go packages of every command, also in running
// text, must exist.

// top is the folder of the module.
const top = "../.."

// document holds the code of a document.
type document struct {
	name  string
	lines []docLine // of code blocks
	spans []docLine // code in running text
	yaml  []string  // fenced YAML blocks
}

// docLine is a piece of code with its line number.
type docLine struct {
	text string
	line int
}

var (
	codeSpan    = regexp.MustCompile("`([^`]+)`")
	lineComment = regexp.MustCompile(`\s+# .*$`)
)

func readDocuments(t *testing.T) []document {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(top, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var list []document
	for _, path := range append(paths, filepath.Join(top, "README.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, parseDocument(filepath.Base(path), string(text)))
	}
	return list
}

func parseDocument(name, text string) document {
	d := document{name: name}
	fence, prose := "", ""
	var block []string
	for n, line := range strings.Split(text, "\n") {
		n++
		kind, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && fence == "":
			fence, block = "```"+kind, nil
		case isFence:
			if fence == "```yaml" {
				d.yaml = append(d.yaml, strings.Join(block, "\n"))
			}
			fence = ""
		case fence != "":
			block = append(block, line)
			if fence == "```sh" {
				d.lines = append(d.lines, docLine{lineComment.ReplaceAllString(line, ""), n})
			}
		case strings.HasPrefix(line, "    "):
			d.lines = append(d.lines, docLine{strings.TrimSpace(lineComment.ReplaceAllString(line, "")), n})
		default:
			// A span may begin on an earlier line.
			prose += " " + line
			if strings.Count(prose, "`")%2 == 0 || line == "" {
				for _, m := range codeSpan.FindAllStringSubmatch(prose, -1) {
					d.spans = append(d.spans, docLine{m[1], n})
				}
				prose = ""
			}
		}
	}
	return d
}

// commandStart matches the start of a command that the test checks.
var commandStart = regexp.MustCompile(`(?:^|[ |])(encipher|make|go) `)

// docWords splits a command at blanks and removes quotes, up to the shell operator that ends it.
func docWords(command string) []string {
	var list []string
	for _, w := range strings.Fields(command) {
		if slices.Contains([]string{"|", "<", ">", ":::", "&&", ";"}, w) {
			break
		}
		list = append(list, strings.Trim(w, `'"`))
	}
	return list
}

var flagWord = regexp.MustCompile(`^--?([a-z][a-z-]*)`)

func TestDocumentsNameWhatExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := otherFlags(t)
	collectFlags(root(), known)
	checked := map[string]int{}
	for _, d := range readDocuments(t) {
		for _, l := range slices.Concat(d.lines, d.spans) {
			fail := func(format string, args ...any) {
				t.Errorf("%s:%d: %q: %s", d.name, l.line, l.text, fmt.Sprintf(format, args...))
			}
			if m := flagWord.FindStringSubmatch(l.text); m != nil && len(m[1]) > 1 {
				checked["flag"]++
				if !known[m[1]] {
					fail("no program has the flag -%s", m[1])
				}
			}
			for _, at := range commandStart.FindAllStringSubmatchIndex(l.text, -1) {
				w := docWords(l.text[at[2]:])
				checked[w[0]]++
				switch w[0] {
				case "encipher":
					if err := checkCommand(w[1:]); err != nil {
						fail("%v", err)
					}
				case "make":
					checkMake(string(makefile), w[1:], fail)
				case "go":
					checkGo(w[1:], fail)
				}
			}
		}
		for _, y := range d.yaml {
			if args := yamlCommand(t, d.name, y); args != nil {
				checked["yaml"]++
				if err := checkCommand(args[1:]); err != nil {
					t.Errorf("%s: %q: %v", d.name, args, err)
				}
			}
		}
	}
	for _, kind := range []string{"encipher", "make", "go", "flag", "yaml"} {
		if checked[kind] == 0 {
			t.Errorf("no %s command was found to check", kind)
		}
	}
	t.Logf("checked: %v", checked)
}

// checkCommand returns an error if the command of a command line or one of its flags does not exist.
func checkCommand(args []string) error {
	c := root()
	for _, word := range args {
		if m := flagWord.FindStringSubmatch(word); m != nil {
			if !slices.Contains([]string{"help", "h"}, m[1]) && !hasFlag(c, m[1]) {
				return fmt.Errorf("encipher %s has no flag -%s", c.Name, m[1])
			}
			continue
		}
		if sub := c.Command(word); sub != nil {
			c = sub
		} else if c.Root() == c && len(c.Commands) > 0 && word == args[0] {
			if word == "completion" || word == "picture" || regexp.MustCompile(`^[^a-z]`).MatchString(word) {
				return nil // the library's command, labels of the file format, and COMMAND
			}
			return fmt.Errorf("encipher has no command %s", word)
		}
	}
	return nil
}

func hasFlag(c *cli.Command, name string) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

func collectFlags(c *cli.Command, into map[string]bool) {
	for _, f := range c.Flags {
		for _, name := range f.Names() {
			into[name] = true
		}
	}
	for _, sub := range c.Commands {
		collectFlags(sub, into)
	}
}

// otherFlags returns the flags of the module's other programs and tests, of go test and of GNU parallel.
func otherFlags(t *testing.T) map[string]bool {
	flags := map[string]bool{"help": true, "run": true, "fuzz": true, "race": true, "ldflags": true, "tags": true, "sshloginfile": true}
	defined := regexp.MustCompile(`\.(?:String|Bool|Int|Int64|Uint64|Duration|Float64|Func|Text)(?:Var)?\((?:&?[\w.]+, )?"([a-z-]+)"`)
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "build", "node_modules"}, entry.Name()) {
			return fs.SkipDir
		}
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range defined.FindAllStringSubmatch(string(source), -1) {
			flags[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

func checkMake(makefile string, args []string, fail func(string, ...any)) {
	for _, word := range args {
		name, _, isVariable := strings.Cut(word, "=")
		switch {
		case isVariable && !strings.Contains(makefile, "$("+name+")") && !strings.Contains(makefile, "$(or $("+name+")"):
			fail("the Makefile reads no variable %s", name)
		case !isVariable && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(name)+`:`).MatchString(makefile):
			fail("the Makefile has no target %s", name)
		}
	}
}

func checkGo(args []string, fail func(string, ...any)) {
	for _, word := range args {
		path, ok := strings.CutPrefix(word, "./")
		if !ok || path == "..." {
			continue
		}
		if info, err := os.Stat(filepath.Join(top, strings.TrimSuffix(path, "/..."))); err != nil || !info.IsDir() {
			fail("there is no package ./%s", path)
		}
	}
}

// yamlCommand returns command and args of a container, which the block has as JSON, or nil if it has not both.
func yamlCommand(t *testing.T, name, block string) (words []string) {
	for _, key := range []string{"command", "args"} {
		m := regexp.MustCompile(`(?m)^\s*` + key + `: (\[.*\])$`).FindStringSubmatch(block)
		if m == nil {
			return nil
		}
		var list []string
		if err := json.Unmarshal([]byte(m[1]), &list); err != nil {
			t.Fatalf("%s: %s: %v", name, m[1], err)
		}
		words = append(words, list...)
	}
	return words
}

// budgets has flags that make slow commands fast. They come first, so that the flags of a
// document override them.
var budgets = map[string]string{
	"train":    "-couplings 0 -hidden 8 -crop 32 -batch 1 -steps 2 -fine-tune 0 -kappa 1",
	"evaluate": "-crop 40 -model SMALL",
	"attack":   "-quick -side 16 -pairs 1 -steps 1 -model SMALL",
	"bench":    "-size 32 -runs 1 -model SMALL",
}

var runnable = regexp.MustCompile(`^(parallel )?encipher `)

var subcommand = regexp.MustCompile(`\bencipher (train|evaluate|attack|bench)\b`)

// shorten adds the budget to a command. small is the path of the small model.
func shorten(line, small string) string {
	return subcommand.ReplaceAllStringFunc(line, func(begin string) string {
		name := strings.TrimPrefix(begin, "encipher ")
		budget := strings.ReplaceAll(budgets[name], "SMALL", small)
		switch {
		case strings.Contains(line, "-resume"): // it has the settings of the run
			return begin
		case strings.Contains(line, "-model "):
			budget, _, _ = strings.Cut(budget, " -model")
		}
		return begin + " " + budget
	})
}

// parallel replaces GNU parallel if it is not installed. It runs one command for each argument.
const parallel = `parallel() {
	cmd=
	while [ "$1" != ":::" ]; do cmd="$cmd $1"; shift; done
	shift
	for a; do eval "$(printf %s "$cmd" | sed "s|{}|$a|g")" || return; done
}
`

func TestDocumentsRun(t *testing.T) {
	models := t.TempDir()
	writeModels(t, models)
	small := filepath.Join(models, "model")
	found := 0
	for _, d := range readDocuments(t) {
		var commands []docLine
		for _, l := range d.lines {
			if runnable.MatchString(l.text) {
				commands = append(commands, docLine{shorten(l.text, small), l.line})
			}
		}
		found += len(commands)
		if len(commands) == 0 && len(d.yaml) == 0 {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			dir := t.TempDir()
			prepare(t, dir, small, commands)
			for _, c := range commands {
				runDocLine(t, dir, d.name, c)
			}
			for _, y := range d.yaml {
				if args := yamlCommand(t, d.name, y); args != nil {
					runJob(t, dir, y, args)
				}
			}
		})
	}
	if found < 10 {
		t.Errorf("%d commands were found to run", found)
	}
}

// prepare creates the files that the commands of the documents need.
func prepare(t *testing.T, dir, small string, commands []docLine) {
	t.Helper()
	for _, folder := range []string{"photos", "DIR", "FOLDER", "build/dataset"} {
		if err := drawPhotos(filepath.Join(dir, folder), 8, 80, 72); err != nil {
			t.Fatal(err)
		}
	}
	pictures := t.TempDir()
	writePictures(t, pictures)
	if err := os.Link(filepath.Join(pictures, "photo.jpg"), filepath.Join(dir, "photo.jpg")); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(commands, func(c docLine) bool { return strings.Contains(c.text, "-o RUN ") }) {
		if err := os.CopyFS(filepath.Join(dir, "RUN", "model"), os.DirFS(small)); err != nil {
			t.Fatal(err)
		}
	}
}

func runDocLine(t *testing.T, dir, name string, c docLine) {
	t.Helper()
	script := c.text
	// Other packages have a program of this name too.
	if out, _ := exec.Command("parallel", "--version").Output(); !strings.Contains(string(out), "GNU") {
		script = parallel + script
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	sh := exec.CommandContext(ctx, "sh", "-c", script)
	sh.Dir = dir
	if out, err := sh.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %s: %v\n%s", name, c.line, c.text, err, out)
	}
}

// runJob runs the pods of an indexed Job, one after the other, and counts the cipher images.
func runJob(t *testing.T, dir, block string, args []string) {
	t.Helper()
	m := regexp.MustCompile(`completions: (\d+)`).FindStringSubmatch(block)
	if m == nil {
		t.Fatal("the Job says no completions")
	}
	pods, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(args, fmt.Sprintf("$(JOB_COMPLETION_INDEX)/%d", pods)) {
		t.Errorf("%d completions, and no -shard of as many: %q", pods, args)
	}
	volume := filepath.Join(dir, "volume")
	if err := os.CopyFS(filepath.Join(volume, "pictures", "photos"), os.DirFS(filepath.Join(dir, "photos"))); err != nil {
		t.Fatal(err)
	}
	if exit := run([]string{"encipher", "key", "new", "-o", filepath.Join(dir, "pod.key")}); exit != 0 {
		t.Fatalf("key new exits %d", exit)
	}
	for index := range pods {
		replace := strings.NewReplacer("$(JOB_COMPLETION_INDEX)", fmt.Sprint(index), "/key/my.key", filepath.Join(dir, "pod.key"), "/pictures/", volume+"/pictures/")
		var pod []string
		for _, a := range args {
			pod = append(pod, replace.Replace(a))
		}
		if out, err := exec.Command(pod[0], pod[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", pod, err, out)
		}
	}
	made, err := filepath.Glob(filepath.Join(volume, "pictures", "sealed", "*"+cipherSuffix))
	if err != nil || len(made) != 8 {
		t.Errorf("the pods made %d of 8 cipher images, %v", len(made), err)
	}
}

// TestBatchDocument checks that docs/batch.md has every exit code and every field of -json.
func TestBatchDocument(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(top, "docs", "batch.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, code := range []int{0, exitFailure, exitUsage, exitInput, exitWrongKey, exitChanged, exitOtherModel, exitApproximate, exitPartial, exitInterrupted} {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("it lacks the exit code %d", code)
		}
		if !regexp.MustCompile(fmt.Sprintf(`\b%d\s`, code)).MatchString(exitCodes) {
			t.Errorf("encipher -help lacks the exit code %d", code)
		}
	}
	for _, v := range []any{result{}, facts{}} {
		for i := range reflect.TypeOf(v).NumField() {
			field, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("json"), ",")
			if field != "" && !strings.Contains(text, "`"+field+"`") {
				t.Errorf("it lacks the field %s of %T", field, v)
			}
		}
	}
}

// TestParseDocument tests the parser: the other tests would pass if it found nothing.
func TestParseDocument(t *testing.T) {
	d := parseDocument("x.md", "Text `encipher info\nFILE` and `-seed 1`.\n\n    encipher train -o RUN FOLDER   # comment\n\n```yaml\nargs: [\"a\"]\n```\n```sh\nmake test\n```\n")
	want := document{"x.md", []docLine{{"encipher train -o RUN FOLDER", 4}, {"make test", 10}}, []docLine{{"encipher info FILE", 2}, {"-seed 1", 2}}, []string{`args: ["a"]`}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("%+v, want %+v", d, want)
	}
	for line, fails := range map[string]bool{
		"encrypt -key k -o out.png in.png": false, "encrypt -kee k": true, "encrpt -key k": true, "model seal -o x y": false, "model seal -jobs 3": true, "train -help": false,
	} {
		if err := checkCommand(strings.Fields(line)); (err != nil) != fails {
			t.Errorf("%s: %v", line, err)
		}
	}
	makefile := "test: build ## x\nbench:\n\tgo run $(if $(ONLY),-only '$(ONLY)')\n"
	for line, fails := range map[string]bool{"test": false, "tests": true, "bench ONLY=x": false, "bench OTHER=x": true} {
		failed := false
		checkMake(makefile, strings.Fields(line), func(string, ...any) { failed = true })
		if failed != fails {
			t.Errorf("make %s: %v", line, failed)
		}
	}
}
