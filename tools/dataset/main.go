// Command dataset creates the set of photos that the shipped model is trained on. It
// downloads the Debian packages listed in photos.txt with the system's package
// client, scales the files marked as photos to a longest side of 1024 pixels, and
// writes them as PNG, with LICENSES.md, which lists source and licence of each.
//
// The set follows from photos.txt alone. The command reports and leaves out a package
// or file that this system's release does not offer, or offers with other bytes.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"enciphergan/internal/picture"
	"enciphergan/internal/training/dataset"
)

// longestSide is the size in pixels at which crops of photos are sharp.
const longestSide = 1024

// licencesName and the first line of that file identify a folder created by this
// command.
const (
	licencesName  = "LICENSES.md"
	licencesTitle = "# Sources and licences of these photos\n"
)

var errInterrupted = errors.New("interrupted, nothing was changed")

func main() {
	out := flag.String("out", "build/dataset", "folder to write; one of an earlier run is replaced")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "dataset: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out string) error {
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed: this set consists of Debian packages; on other systems give `encipher train` any folder of photos", tool)
		}
	}
	entries, err := parseList(photosText)
	if err != nil {
		return fmt.Errorf("photos.txt: %w", err)
	}
	if err := mayReplace(out, entries); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return err
	}
	partial, err := os.MkdirTemp(filepath.Dir(out), filepath.Base(out)+".partial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial)
	if err := os.Chmod(partial, 0o755); err != nil {
		return err
	}

	var licences strings.Builder
	licences.WriteString(licencesTitle + "\nEach photo was scaled to a longest side of at most 1024 pixels and is otherwise unchanged.\n")
	var taken, wanted int
	for _, group := range byPackage(entries) {
		wanted += len(group)
		name := group[0].pack
		fmt.Printf("%s: %d photos\n", name, len(group))
		tree, version, err := fetch(ctx, name)
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "dataset: left out %s: %v\n", name, err)
			continue
		}
		count, err := takePhotos(ctx, group, tree, version, partial, &licences)
		os.RemoveAll(tree)
		if err != nil {
			return err
		}
		taken += count
	}
	if taken == 0 {
		return errors.New("no photo could be taken: run `apt-get update` as root, so that the package client knows its packages, and try again")
	}
	if err := os.WriteFile(filepath.Join(partial, licencesName), []byte(licences.String()), 0o666); err != nil {
		return err
	}
	if err := mayReplace(out, entries); err != nil { // files may have been added meanwhile
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.Rename(partial, out); err != nil {
		return err
	}
	fmt.Printf("%d of %d photos in %s; sources and licences in %s\n", taken, wanted, out, filepath.Join(out, licencesName))
	return nil
}

// mayReplace returns an error if the folder contains anything but the licences and
// photos that this command writes.
func mayReplace(out string, entries []entry) error {
	existing, err := os.ReadDir(out)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(existing) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	const advice = "give another folder with -out, or delete this one"
	licences, err := os.ReadFile(filepath.Join(out, licencesName))
	if err != nil || !bytes.HasPrefix(licences, []byte(licencesTitle)) {
		return fmt.Errorf("%s was not created by this command, it contains files but no %s of its kind: %s", out, licencesName, advice)
	}
	written := map[string]bool{licencesName: true}
	for _, e := range entries {
		written[e.outputName()] = true
	}
	for _, file := range existing {
		if !written[file.Name()] || !file.Type().IsRegular() {
			return fmt.Errorf("%s contains %s, which this command did not write: %s", out, file.Name(), advice)
		}
	}
	return nil
}

// byPackage returns the photos of the list, grouped by package in its order.
func byPackage(entries []entry) [][]entry {
	var groups [][]entry
	at := map[string]int{}
	for _, e := range entries {
		if e.decision != "photo" {
			continue
		}
		if _, known := at[e.pack]; !known {
			at[e.pack] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[e.pack]] = append(groups[at[e.pack]], e)
	}
	return groups
}

// fetch downloads a package and unpacks it into a temporary folder. It does not
// install it.
func fetch(ctx context.Context, name string) (tree, version string, err error) {
	folder, err := os.MkdirTemp("", "dataset-"+name+"-")
	if err != nil {
		return "", "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(folder)
		}
	}()
	// The sandbox user of the package client cannot write to a private folder.
	if _, err := output(ctx, folder, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name); err != nil {
		return "", "", err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.deb"))
	if err != nil || len(files) != 1 {
		return "", "", fmt.Errorf("the package client left %d files, not one package", len(files))
	}
	version, err = output(ctx, folder, "dpkg-deb", "--field", files[0], "Version")
	if err != nil {
		return "", "", err
	}
	_, err = output(ctx, folder, "dpkg-deb", "-x", files[0], folder)
	return folder, version, err
}

// output runs a command in a folder and returns its output. The error quotes the last
// line of its standard error.
func output(ctx context.Context, folder, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = folder
	command.WaitDelay = time.Second // its children may outlive it with the output open
	var stderr bytes.Buffer
	command.Stderr = &stderr
	printed, err := command.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return "", fmt.Errorf("%s: %w: %s", name, err, lines[len(lines)-1])
	}
	return strings.TrimSpace(string(printed)), nil
}

// takePhotos writes the photos of an unpacked package to folder and their paragraph to
// licences, and returns their number.
func takePhotos(ctx context.Context, group []entry, tree, version, folder string, licences *strings.Builder) (int, error) {
	name := group[0].pack
	copyright, err := os.ReadFile(filepath.Join(tree, "usr/share/doc", name, "copyright"))
	if err != nil {
		return 0, fmt.Errorf("%s has no licence: %w", name, err)
	}
	fmt.Fprintf(licences, "\n## %s %s\n\n", name, version)
	readable := false
	var taken int
	for _, e := range group {
		if ctx.Err() != nil {
			return 0, errInterrupted
		}
		file, err := os.ReadFile(filepath.Join(tree, filepath.FromSlash(e.path)))
		if err != nil {
			fmt.Fprintf(os.Stderr, "dataset: left out %s: %s has no %s\n", e.outputName(), name, e.path)
			continue
		}
		if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != e.sum {
			fmt.Fprintf(os.Stderr, "dataset: left out %s: its SHA-256 is not that in photos.txt\n", e.outputName())
			continue
		}
		photo, _, err := dataset.Decode(file, longestSide)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", e.outputName(), err)
		}
		encoded, err := (&picture.Picture{Width: photo.Width, Height: photo.Height, RGB: photo.RGB}).PNG()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", e.outputName(), err)
		}
		if err := os.WriteFile(filepath.Join(folder, e.outputName()), encoded, 0o666); err != nil {
			return 0, err
		}
		taken++
		if s, ok := licenceOf(string(copyright), e.path); ok {
			readable = true
			fmt.Fprintf(licences, "- `%s`: %s; copyright %s\n", e.outputName(), s.licence, strings.ReplaceAll(s.copyright, "\n", "; "))
		} else {
			fmt.Fprintf(licences, "- `%s`: as the package, below\n", e.outputName())
		}
	}
	if !readable {
		fmt.Fprintf(licences, "\n%s\n", indent(string(copyright)))
	}
	return taken, nil
}

// indent returns a Markdown block of literal text.
func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}
