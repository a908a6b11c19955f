package encipher

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"enciphergan/internal/carrier"
	"enciphergan/internal/container"
	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/lock"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
)

// The codes of errors. They are part of the API and do not change.
const (
	BadPicture         = "bad-picture"         // not a picture, or a damaged one
	UnsupportedPicture = "unsupported-picture" // a kind of picture that is not supported
	TooLarge           = "too-large"           // more bytes or pixels than allowed here or by the model
	NotCipher          = "not-a-cipher"        // not a cipher image, or its chunk was removed
	UnsupportedVersion = "unsupported-version" // a cipher image of a later format
	WrongKey           = "wrong-key"           // encrypted with another key
	Changed            = "changed"             // the file was changed or damaged after it was written
	AlteredCopy        = "altered-copy"        // of a cipher image for messengers: scaled, cropped or filtered
	DamagedCopy        = "damaged-copy"        // of a cipher image for messengers, compressed too hard
	OtherModel         = "other-model"         // encrypted with another model
	BadKey             = "bad-key"             // not a key, passphrase, recipient or identity
	BadModel           = "bad-model"           // not a usable model
	Canceled           = "canceled"            // the context was cancelled
	NotSealed          = "not-sealed"          // a bare cipher image, without AcceptBareCipher
	NotExact           = "not-exact"           // the restored picture differs from the original, or a kept file from the picture
	Internal           = "internal"            // a fault of this program
)

// Error is the type of this package's errors.
type Error struct {
	Code string // one of the constants above
	Hint string // what to do next, a sentence; may be empty
	Err  error  // what is wrong
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of an error of this package, Canceled for the error of a
// context, Internal for any other error, and "" for nil.
func CodeOf(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return Canceled
	}
	return Internal
}

var errNoKey = &Error{BadKey, "Make one with NewKey or read one with ParseKey.", errors.New("there is no key")}

// otherModel is the error of a file that was encrypted with another model.
type otherModel struct {
	file, given [32]byte
	name        string
}

func (e *otherModel) Error() string {
	return fmt.Sprintf("the picture was encrypted with the model of fingerprint %s, and this is %q of fingerprint %s",
		hex.EncodeToString(e.file[:8]), e.name, hex.EncodeToString(e.given[:8]))
}

// classes maps the errors of internal packages to codes and hints.
var classes = []struct {
	is         error
	code, hint string
}{
	// These two come before the causes that they wrap.
	{ErrOtherFile, NotExact, "Do not use that file, and ask the person who encrypted it. The picture can still be decrypted as an approximate one."},
	{errNotExact, NotExact, "Accept the approximate picture, or decrypt on another machine. Please report this."},
	{picture.ErrFormat, BadPicture, "Choose a PNG, JPEG, GIF, BMP, TIFF or WebP picture."},
	{picture.ErrUnsupported, UnsupportedPicture, "Convert the picture to PNG with an image editor, and encrypt that."},
	{picture.ErrCorrupt, BadPicture, "Fetch or export the picture again."},
	{picture.ErrTooLarge, TooLarge, "Make the picture smaller first."},
	{container.ErrTooLarge, TooLarge, fmt.Sprintf("The maximum here is %d megapixels; the native program accepts larger pictures than the page.", MaxPixels/1_000_000)},
	{container.ErrNotCipher, NotCipher, "Ask for the file as it was written, sent as a file or document and not as a picture."},
	{record.ErrRecord, UnsupportedVersion, "Get a newer version of Encipher."},
	{container.ErrVersion, UnsupportedVersion, "Get a newer version of Encipher."},
	{container.ErrWrongKey, WrongKey, "Use the key that the picture was encrypted with."},
	{container.ErrChanged, Changed, "Fetch the file again from where it was first saved; nothing can be recovered from this copy."},
	{carrier.ErrDamaged, DamagedCopy, "Ask for it again: through a service that compresses less, made with the stronger setting, or sent as a file."},
	{container.ErrBare, NotSealed, "Ask for a sealed cipher image. To decrypt it anyway, use the command line: encipher decrypt -mode paper."},
	{keyslot.ErrSlot, Changed, "Fetch the file again from where it was first saved; nothing can be recovered from this copy."}, // before ErrAge, which may be its cause
	{lock.ErrPassphrase, BadKey, "Type it again."},
	{lock.ErrAge, BadKey, "A recipient begins with age1, an identity with AGE-SECRET-KEY-, one a line."},
	{keyslot.ErrIncorrectIdentity, WrongKey, "Use the secret that the picture was encrypted with."},
	{key.ErrText, BadKey, "Compare it with the original, or copy the whole line again."},
	{context.Canceled, Canceled, ""},
	{context.DeadlineExceeded, Canceled, ""},
}

// askFor has the hints on what to ask the sender for after a change of a copy.
var askFor = map[carrier.Change]string{
	carrier.Scaled:   "Ask for it in full size: in the best quality that the messenger offers, made with a smaller side, or sent as a file.",
	carrier.Cropped:  "Ask for the whole picture, not cropped and not within another one.",
	carrier.Filtered: "Ask for it as it was made: in the best quality that the messenger offers, made with a smaller side, or sent as a file.",
}

// explain wraps an error of an internal package in an *Error with its code and hint.
func explain(err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	for _, c := range classes {
		if errors.Is(err, c.is) {
			return &Error{c.code, c.hint, err}
		}
	}
	var other *otherModel
	if errors.As(err, &other) {
		return &Error{OtherModel, "Choose the model that the picture was encrypted with.", err}
	}
	var altered *carrier.AlteredError
	if errors.As(err, &altered) {
		return &Error{AlteredCopy, askFor[altered.Change], err}
	}
	var later *carrier.VersionError
	if errors.As(err, &later) {
		return &Error{UnsupportedVersion, "Get a newer version of Encipher.", err}
	}
	return &Error{Internal, "Please report this, with the message and what you did.", err}
}

// guard, deferred by public functions, turns panics into errors and explains errors.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("unexpected fault: %v", r)
	}
	*err = explain(*err)
}
