package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"enciphergan"
	"enciphergan/internal/strength"
)

// This file reads keys, passphrases, recipients and identities. Secrets come from a file, a
// prompt without echo or a file descriptor, never from the command line, which
// other programs can read.

func passphraseFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "passphrase", Usage: "ask for a passphrase on the terminal"},
		&cli.StringFlag{Name: "passphrase-file", Usage: "`FILE` with a passphrase"},
		&cli.IntFlag{Name: "passphrase-fd", HideDefault: true, Usage: "`NUMBER` of an open file descriptor with a passphrase"},
	}
}

// sealing lists the flags that say how a picture, model or key is sealed; a picture has -key too.
var sealing = []string{"r", "passphrase", "passphrase-file", "passphrase-fd", "generate"}

func sealFlags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringSliceFlag{Name: "r", Usage: "age `RECIPIENT` (age1…) who can open the output; repeat the flag for several"},
	}, passphraseFlags(), []cli.Flag{
		&cli.BoolFlag{Name: "generate", Usage: "generate a passphrase of 90 bits and print it"},
	})
}

// sealer wraps the keys of pictures, and seals models and key files.
type sealer interface {
	encipher.Recipient
	encipher.Sealer
}

// opener unwraps the keys of pictures, and unseals models and key files.
type opener interface {
	encipher.Identity
	encipher.Unsealer
}

var errNoSecret = usage("give a key file, or make one: encipher key new -o FILE", "-key FILE is missing")

// given returns how many of the flags are set.
func given(c *cli.Command, flags ...string) (n int) {
	for _, f := range flags {
		if c.IsSet(f) {
			n++
		}
	}
	return n
}

// checkLock checks, before anything is read, that exactly one flag says how to encrypt.
func checkLock(c *cli.Command) error {
	switch given(c, append([]string{"key"}, sealing...)...) {
	case 0:
		return errNoSecret
	case 1:
		if c.Bool("generate") && (c.Bool("json") || c.String("o") == standard || readsStdin(c) && c.String("o") == "") {
			return usage("give -o FILE without -json, or give a passphrase with -passphrase-file", "standard output cannot hold both the passphrase of -generate and other output")
		}
		return checkStdin(c)
	}
	return usage("give only one of -key, -r, -passphrase, -passphrase-file, -passphrase-fd and -generate", "exactly one flag must say how to encrypt")
}

// derives returns the bytes of memory that Argon2id may take: the most that a file can ask for if there
// is a passphrase, otherwise 0.
func derives(c *cli.Command) int64 {
	if given(c, "passphrase", "passphrase-file", "passphrase-fd", "generate") == 0 {
		return 0
	}
	return encipher.MaxPassphraseMemory
}

// readRecipient returns the recipient that the flags name, and the identity that decrypts
// the pictures, or nil for age recipients.
func readRecipient(ctx context.Context, c *cli.Command) (encipher.Recipient, encipher.Identity, error) {
	if c.IsSet("key") {
		k, err := readKey(ctx, c, c.String("key"))
		return k.Key, k.Key, err
	}
	s, err := readSealer(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	id, _ := s.(encipher.Identity)
	return s, id, nil
}

func readSealer(ctx context.Context, c *cli.Command) (sealer, error) {
	switch {
	case c.IsSet("r"):
		to, err := encipher.ParseRecipients(strings.Join(c.StringSlice("r"), "\n"))
		if err != nil {
			return nil, badInput("give -r age1…, the public key that age-keygen prints", err)
		}
		return to, nil
	case c.IsSet("generate"):
		text, err := encipher.ProposePassphrase()
		if err != nil {
			return nil, err
		}
		p, err := encipher.NewPassphrase(text)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(stdout, text)
		if err := stdout.failed(); err != nil { // the passphrase would be lost
			return nil, err
		}
		say(os.Stderr, "note: the passphrase is printed on standard output and stored nowhere; write it down")
		return p, nil
	}
	return readPhrase(ctx, c, true)
}

// checkSecrets checks, before anything is read, that there is an identity, and at most one passphrase.
func checkSecrets(c *cli.Command) error {
	switch {
	case given(c, "key", "i", "passphrase", "passphrase-file", "passphrase-fd") == 0:
		return errNoSecret
	case given(c, "passphrase", "passphrase-file", "passphrase-fd") > 1:
		return errPassphrases
	}
	return checkStdin(c)
}

// checkStdin returns an error if standard input would be both the picture and the passphrase.
func checkStdin(c *cli.Command) error {
	if readsStdin(c) && c.IsSet("passphrase-fd") && c.Int("passphrase-fd") == 0 {
		return usage("give the passphrase by another file descriptor, or with -passphrase-file", "standard input cannot be both the picture and the passphrase")
	}
	return nil
}

func readsStdin(c *cli.Command) bool { return slices.Contains(c.Args().Slice(), standard) }

// readIdentitiesOfPictures returns the identities that the flags name. Each formats itself
// for messages.
func readIdentitiesOfPictures(ctx context.Context, c *cli.Command) ([]encipher.Identity, error) {
	var ids []encipher.Identity
	for _, path := range c.StringSlice("key") {
		k, err := readKey(ctx, c, path)
		if err != nil {
			return nil, err
		}
		ids = append(ids, namedKey{k.Key, path})
	}
	openers, err := readOpeners(ctx, c)
	for _, o := range openers {
		ids = append(ids, o)
	}
	return ids, err
}

// namedKey is a key that names its file in messages.
type namedKey struct {
	encipher.Key
	path string
}

// Format implements fmt.Formatter for every verb.
func (k namedKey) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "%s with the key %s", k.path, k.Fingerprint())
}

// readOpeners reads the age identities and the passphrase.
func readOpeners(ctx context.Context, c *cli.Command) ([]opener, error) {
	var list []opener
	identities, err := readIdentities(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, i := range identities {
		list = append(list, i)
	}
	if given(c, "passphrase", "passphrase-file", "passphrase-fd") > 0 {
		p, err := readPhrase(ctx, c, false)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// readIdentities reads the files after -i, and caches them for the next call: they may be pipes.
// It opens a sealed file with a passphrase or with the identities read before it.
func readIdentities(ctx context.Context, c *cli.Command) ([]identityFile, error) {
	const known = "identities"
	if list, ok := c.Metadata[known].([]identityFile); ok {
		return list, nil
	}
	var list []identityFile
	add := func(path, text string) error {
		ids, err := encipher.ParseIdentities(text)
		if err != nil {
			return badInput("give a file that age-keygen wrote", fmt.Errorf("%s: %w", path, err))
		}
		list = append(list, identityFile{ids, path})
		return nil
	}
	sealed := map[string]string{}
	for _, path := range c.StringSlice("i") {
		f, err := readSmall(ctx, path)
		if err != nil {
			return nil, badInput("check its name, or make one with age-keygen", fmt.Errorf("%s: cannot read the identity: %w", path, cause(err)))
		}
		if is, _ := encipher.IsSealed([]byte(f.text)); is {
			sealed[path] = f.text
			continue
		}
		if err := add(path, f.text); err != nil {
			return nil, err
		}
		f.warn(path)
	}
	for _, path := range slices.Sorted(maps.Keys(sealed)) {
		text, err := openSealed(ctx, c, path, openKeyCommand, []byte(sealed[path]), list, encipher.UnsealKeyFile)
		if err != nil {
			return nil, err
		}
		if err := add(path, text); err != nil {
			return nil, err
		}
	}
	if c.Metadata == nil {
		c.Metadata = map[string]any{}
	}
	c.Metadata[known] = list
	return list, nil
}

// checkUnseal checks, before anything is read, that there is an identity or passphrase to open a model or
// key with, and at most one passphrase.
func checkUnseal(c *cli.Command, what string) error {
	switch {
	case given(c, "i", "passphrase", "passphrase-file", "passphrase-fd") == 0:
		return usage("give -i FILE or -passphrase", "a passphrase or identity to open the %s is missing", what)
	case given(c, "passphrase", "passphrase-file", "passphrase-fd") > 1:
		return errPassphrases
	}
	return nil
}

var errPassphrases = usage("give one of -passphrase, -passphrase-file and -passphrase-fd", "there is more than one passphrase")

// checkSeal checks, before anything is read, that exactly one flag says how to seal a model or key.
func checkSeal(c *cli.Command, what string) error {
	switch {
	case given(c, sealing...) != 1:
		return usage("give only one of -r, -passphrase, -passphrase-file, -passphrase-fd and -generate", "exactly one flag must say how to seal the %s", what)
	case c.Bool("generate") && c.String("o") == standard:
		return usage("give -o FILE, or give a passphrase with -passphrase-file", "standard output cannot hold both the passphrase of -generate and the sealed %s", what)
	case c.String("o") == standard:
		return checkStandard("sealed " + what)
	}
	return nil
}

// readUnsealers reads the identities and the passphrase that open sealed models and keys.
func readUnsealers(ctx context.Context, c *cli.Command) ([]encipher.Unsealer, error) {
	openers, err := readOpeners(ctx, c)
	with := make([]encipher.Unsealer, len(openers))
	for i, o := range openers {
		with[i] = o
	}
	return with, err
}

// identityFile holds the age identities of a file, which it names in messages.
type identityFile struct {
	*encipher.AgeIdentities
	path string
}

// Format implements fmt.Formatter for every verb.
func (f identityFile) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "%s with %v", f.path, f.AgeIdentities)
}

// readPhrase reads a passphrase from the source that the flags name. For a fresh passphrase, it asks
// twice on a terminal, and prints a note if the passphrase is weak.
func readPhrase(ctx context.Context, c *cli.Command, fresh bool) (*encipher.Passphrase, error) {
	var text string
	var err error
	switch {
	case c.IsSet("passphrase-file"):
		var f smallFile
		if f, err = readSmall(ctx, c.String("passphrase-file")); err == nil {
			text = f.text
			f.warn(c.String("passphrase-file"))
		}
	case c.IsSet("passphrase-fd"):
		f := os.NewFile(uintptr(c.Int("passphrase-fd")), "file descriptor")
		if f == nil {
			return nil, usage("give its number, for instance 3", "-passphrase-fd %d is not an open file descriptor", c.Int("passphrase-fd"))
		}
		var read smallFile
		read, err = interruptible(ctx, func() (smallFile, error) { return readAtMost(f) })
		text = read.text
	default:
		prompt := "Passphrase: "
		if fresh {
			prompt = "New passphrase: "
		}
		text, err = ask(ctx, c, prompt)
		if err == nil && fresh {
			var again string
			if again, err = ask(ctx, c, "Repeat the passphrase: "); err == nil && again != text {
				return nil, badInput("type it again, or generate one with -generate", errors.New("the two passphrases differ"))
			}
		}
	}
	if err != nil {
		return nil, badInput("give it with -passphrase-file or -passphrase-fd, or with -passphrase on a terminal", fmt.Errorf("cannot read the passphrase: %w", err))
	}
	p, err := encipher.NewPassphrase(text)
	if err != nil {
		return nil, badInput("give one line of text, or generate one with -generate", err)
	}
	if fresh && isWeak(p.Text()) {
		say(os.Stderr, "note: the passphrase is weak: anybody who has the file can try guesses without limit; -generate makes a passphrase of 90 bits")
	}
	return p, nil
}

// isWeak reports whether the strength meter of the page rates a passphrase as weak or worse.
func isWeak(phrase string) bool {
	score, err := strength.Score(phrase)
	return err == nil && score < 3
}

// Commands that open sealed files.
const (
	openKeyCommand   = "encipher key open"
	openModelCommand = "encipher model open"
)

// openSealed opens a sealed file with its passphrase, which it asks for on the terminal, or
// with identities. If it can do neither, the hint of its error names the command that opens the file.
func openSealed[T any](ctx context.Context, c *cli.Command, path, command string, sealed []byte, ids []identityFile, open func([]byte, ...encipher.Unsealer) (T, error)) (T, error) {
	var none T
	var with []encipher.Unsealer
	_, passphrase := encipher.IsSealed(sealed)
	if passphrase {
		text, err := ask(ctx, c, "Passphrase of "+path+": ")
		if err != nil {
			return none, badInput("open it first with: "+command, fmt.Errorf("%s is sealed, and its passphrase cannot be read: %w", path, err))
		}
		p, err := encipher.NewPassphrase(text)
		if err != nil {
			return none, badInput("type it again", fmt.Errorf("%s: %w", path, err))
		}
		with = append(with, p)
	}
	for _, i := range ids {
		with = append(with, i)
	}
	opened, err := open(sealed, with...)
	if encipher.CodeOf(err) != encipher.WrongKey {
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return opened, err
	}
	switch takes := slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "i") }); {
	case passphrase:
		return none, &failure{exitWrongKey, "type the passphrase again", fmt.Errorf("%s: %w", path, err)}
	case takes:
		return none, &failure{exitWrongKey, "give the file of its identity with -i", fmt.Errorf("%s is sealed for an age recipient, and no identity for it is given", path)}
	default:
		return none, &failure{exitWrongKey, "open it first with: " + command + " -i FILE", fmt.Errorf("%s is sealed for an age recipient", path)}
	}
}

// ask reads a line from the terminal without echo. It opens the terminal itself if it can, as standard
// input may be a picture and standard error a log.
func ask(ctx context.Context, c *cli.Command, prompt string) (string, error) {
	in, out, err := openTerminal()
	switch {
	case err == nil:
		defer in.Close()
		defer out.Close()
	case term.IsTerminal(int(os.Stdin.Fd())) && !readsStdin(c):
		in, out = os.Stdin, os.Stderr
	default:
		return "", errors.New("there is no terminal for the prompt")
	}
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("the terminal cannot be used: %w", err)
	}
	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		typed <- line{text, err}
	}()
	// Wait until the echo is off: what is typed before would be visible, and after an interrupt
	// the echo would stay off.
	silent := time.NewTicker(time.Millisecond)
	defer silent.Stop()
	for range 250 { // at most 250 ms: if nothing changes, the echo was off before
		if now, err := term.GetState(fd); err != nil || !reflect.DeepEqual(now, before) || len(typed) > 0 {
			break
		}
		<-silent.C
	}
	fmt.Fprint(out, visible(prompt))
	defer fmt.Fprintln(out)
	select {
	case l := <-typed:
		return string(l.text), l.err
	case <-ctx.Done():
		term.Restore(fd, before) // the goroutine still waits for a line
		return "", &failure{exitInterrupted, "", errInterrupted}
	}
}

// smallFile is the content of a file with a key, passphrase or identity.
type smallFile struct {
	text    string
	exposed bool // the mode lets users other than the owner access it
}

// warn prints a note if others can read the file. It is for secrets that are not sealed.
func (f smallFile) warn(path string) {
	if f.exposed {
		say(os.Stderr, "note: others can read %s; to prevent this: chmod 600 %[1]s", path)
	}
}

// readSmall reads a file with a key, passphrase or identity, which may be sealed.
func readSmall(ctx context.Context, path string) (smallFile, error) {
	return interruptible(ctx, func() (smallFile, error) {
		f, err := os.Open(path)
		if err != nil {
			return smallFile{}, err
		}
		return readAtMost(f)
	})
}

// readAtMost reads a file of at most encipher.MaxSealedKeyFileBytes, and closes it.
func readAtMost(f *os.File) (smallFile, error) {
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return smallFile{}, err
	}
	// On Windows the mode does not tell who can read a file.
	exposed := runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0
	b, err := io.ReadAll(io.LimitReader(f, encipher.MaxSealedKeyFileBytes+1))
	if err == nil && len(b) > encipher.MaxSealedKeyFileBytes {
		err = fmt.Errorf("the file is longer than %d bytes", encipher.MaxSealedKeyFileBytes)
	}
	return smallFile{string(b), exposed}, err
}

// slotFlags has a hint for each kind of key slot: the flags that name its identity.
var slotFlags = map[encipher.SlotKind]string{
	encipher.SlotKeyFile:    "give it with -key",
	encipher.SlotPassphrase: "give it with -passphrase, -passphrase-file or -passphrase-fd",
	encipher.SlotRecipients: "give the file of the identity with -i",
}

// unlock returns the key of a cipher image of the model. If no identity fits, its error lists them.
func unlock(ctx context.Context, m *encipher.Model, file []byte, ids []encipher.Identity) (encipher.Key, error) {
	i, err := m.Inspect(file)
	if err != nil {
		return encipher.Key{}, err
	}
	return unlockSlot(ctx, i, i.Slot, ids)
}

// unlockSlot returns the key of a cipher image or copy with the given slot, as unlock does.
func unlockSlot(ctx context.Context, i interface {
	Unlock(context.Context, ...encipher.Identity) (encipher.Key, error)
}, slot encipher.Slot, ids []encipher.Identity) (encipher.Key, error) {
	k, err := i.Unlock(ctx, ids...)
	if encipher.CodeOf(err) == encipher.WrongKey {
		var given []string
		for _, id := range ids {
			given = append(given, fmt.Sprint(id))
		}
		return k, &failure{exitWrongKey, "use the secret that the picture was encrypted with: " + slotFlags[slot.Kind], fmt.Errorf("%w; given: %s", err, strings.Join(given, ", "))}
	}
	return k, err
}
