package journal

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeEntries(t *testing.T, path string, after int, steps ...int) {
	t.Helper()
	journal, err := Open(path, after)
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	for _, step := range steps {
		entry := Entry{Step: step, Losses: map[string]float64{"total": 1.5}, LearningRate: 1e-3, Seconds: float64(step)}
		if step%20 == 0 {
			entry.Validation = &Validation{PSNR: 58.5, MinimumPSNR: 48.25, SSIM: .999, Entropy: 7.997, Correlation: .003}
		}
		if err := journal.Write(entry); err != nil {
			t.Fatal(err)
		}
	}
}

func journalSteps(t *testing.T, path string) []int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []int
	for line := range strings.Lines(string(text)) {
		var entry Entry
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if (entry.Validation != nil) != (entry.Step%20 == 0) || entry.Losses["total"] != 1.5 {
			t.Errorf("entry %+v", entry)
		}
		steps = append(steps, entry.Step)
	}
	return steps
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	writeEntries(t, path, -1, 10, 20, 30, 40)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"step":50,"los`); err != nil { // a crash while writing
		t.Fatal(err)
	}
	file.Close()
	writeEntries(t, path, 25, 30, 40)
	if got := journalSteps(t, path); len(got) != 4 || got[1] != 20 || got[2] != 30 || got[3] != 40 {
		t.Errorf("steps after a resumption: %v", got)
	}
	writeEntries(t, path, 40, 50)
	if got := journalSteps(t, path); len(got) != 5 || got[4] != 50 {
		t.Errorf("steps after a second one: %v", got)
	}
	writeEntries(t, path, 0, 10)
	if got := journalSteps(t, path); len(got) != 1 || got[0] != 10 {
		t.Errorf("steps of a new run: %v", got)
	}
}

func TestJournalErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	journal, err := Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.Write(Entry{Losses: map[string]float64{"total": math.NaN()}}); err == nil {
		t.Error("NaN was written")
	}
	journal.Close()
	if err := os.WriteFile(path, []byte("letter to a friend\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, 0); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("another file: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "letter to a friend\n" {
		t.Error("another file was changed")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no", "run.jsonl"), 0); err == nil {
		t.Error("missing folder: opened")
	}
}

func TestRead(t *testing.T) {
	const good = `{"step":0,"losses":{},"validation":{"psnr":50,"ssim":0.9,"entropy":7.9,"correlation":0.1}}
{"step":500,"losses":{"psnr":-5},"learning_rate":0.001,"validation":{"psnr":60}}
`
	entries, err := Read(strings.NewReader(good + `{"step":1000,"los`))
	if err != nil || len(entries) != 2 || entries[1].Losses["psnr"] != -5 || entries[1].Validation.PSNR != 60 {
		t.Errorf("%+v, %v", entries, err)
	}
	for name, text := range map[string]string{
		"empty": "", "no JSON": good + "step 7\n", "a long line": `{"step":` + strings.Repeat("0", maxLine) + "}\n",
		"too many lines": strings.Repeat("{\"step\":1}\n", maxLines+1),
		"too large":      strings.Repeat(" ", 1000) + strings.Repeat("{\"step\":1, \"more\":\""+strings.Repeat("x", maxLine/2)+"\"}\n", 130),
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}
