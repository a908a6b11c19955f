package main

import (
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"enciphergan/internal/container"
	"enciphergan/internal/key"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
)

var scriptLimits = picture.Limits{Bytes: 1 << 24, Pixels: 1 << 24}

// same FILE FILE checks that two pictures have the same samples; ! same, that
// they differ.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same FILE FILE")
	}
	var digests [2][32]byte
	for i := range digests {
		p, err := picture.Decode([]byte(ts.ReadFile(args[i])), scriptLimits)
		ts.Check(err)
		digests[i] = p.Digest()
	}
	if (digests[0] == digests[1]) == neg {
		ts.Fatalf("digests %x and %x", digests[0], digests[1])
	}
}

// forge KEY FROM TO seals a cipher image of $MODEL again with a wrong digest of
// the picture; forge KEY FROM TO FILE NAME, with FILE as the kept file, called NAME, in which
// it replaces \u escapes.
func forge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 && len(args) != 5 {
		ts.Fatalf("usage: forge KEY FROM TO [FILE NAME]")
	}
	k, err := key.Parse([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	files, err := network.ReadFiles(os.DirFS(ts.Getenv("MODEL")))
	ts.Check(err)
	model, err := network.Load(files)
	ts.Check(err)
	sealed, err := container.Parse([]byte(ts.ReadFile(args[1])), scriptLimits)
	ts.Check(err)
	plan, err := sealed.Header.Tiling.Plan(sealed.Header.Height, sealed.Header.Width)
	ts.Check(err)
	subkeys := k.Subkeys(sealed.Header.Nonce)
	text, err := sealed.Open(subkeys, len(plan.Tiles)*model.StatisticsBytes())
	ts.Check(err)
	r, err := record.Decode(text.Record)
	ts.Check(err)
	if len(args) == 3 {
		r[record.Digest][0]++
	} else {
		name, err := strconv.Unquote(`"` + args[4] + `"`)
		ts.Check(err)
		r[record.File], r[record.Name] = []byte(ts.ReadFile(args[3])), []byte(name)
	}
	file, err := container.Seal(sealed.Header, subkeys, text.Levels, text.Statistics, r.Encode())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), file, 0o600))
}
