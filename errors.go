package encipher

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

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
	UnsupportedPicture = "unsupported-picture" // a picture of a kind that is not read
	TooLarge           = "too-large"           // over the limits on bytes or pixels, or over the model's
	NotCipher          = "not-a-cipher"        // not a cipher image, or one whose chunk was removed
	UnsupportedVersion = "unsupported-version" // a cipher image of a later format
	WrongKey           = "wrong-key"           // another key sealed the file
	Changed            = "changed"             // the file differs from what was written
	OtherModel         = "other-model"         // another model made the file
	BadKey             = "bad-key"             // the text is no key
	BadModel           = "bad-model"           // the files are no usable model
	Canceled           = "canceled"            // the context was canceled
	NotSealed          = "not-sealed"          // a bare neural cipher, made for measurements, and AcceptBareCipher was not given
	NotExact           = "not-exact"           // the picture can be recovered approximately only, or a file that was kept is not of it
	Internal           = "internal"            // a fault of this program
)

// Error is what this package's functions return.
type Error struct {
	Code string // one of the constants above
	Hint string // what to do next, a sentence; may be empty
	Err  error  // what is wrong
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of an error of this package, Internal for any other error,
// and "" for nil.
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

// otherModel names the model that a file wants and the one it was given to.
type otherModel struct {
	file, given [32]byte
	name        string
}

func (e *otherModel) Error() string {
	return fmt.Sprintf("the picture was sealed with the model of fingerprint %s, and this is %q of fingerprint %s",
		hex.EncodeToString(e.file[:8]), e.name, hex.EncodeToString(e.given[:8]))
}

// classes pairs what the rooms below report with a code and a hint.
var classes = []struct {
	is         error
	code, hint string
}{
	// These two stand before the causes that they wrap.
	{ErrOtherFile, NotExact, "Do not use that file, and ask who encrypted it. The picture alone comes back as an approximate one."},
	{errNotExact, NotExact, "Ask for the approximate picture, or decrypt on another machine; and please report this."},
	{picture.ErrFormat, BadPicture, "Choose a PNG, JPEG, GIF, BMP, TIFF or WebP picture."},
	{picture.ErrUnsupported, UnsupportedPicture, "Convert the picture to PNG with an image editor, and encrypt that."},
	{picture.ErrCorrupt, BadPicture, "Fetch or export the picture again."},
	{picture.ErrTooLarge, TooLarge, "Make the picture smaller first."},
	{container.ErrTooLarge, TooLarge, fmt.Sprintf("Up to %d megapixels are opened here; the native program opens larger pictures than the page.", MaxPixels/1_000_000)},
	{container.ErrNotCipher, NotCipher, "Ask for the file as it was written, sent as a file or document and not as a picture."},
	{record.ErrRecord, UnsupportedVersion, "Get a newer version of Encipher."},
	{container.ErrVersion, UnsupportedVersion, "Get a newer version of Encipher."},
	{container.ErrWrongKey, WrongKey, "Use the key that the picture was encrypted with."},
	{container.ErrChanged, Changed, "Fetch the file again from where it was first saved; nothing can be recovered from this copy."},
	{container.ErrBare, NotSealed, "Ask for a sealed cipher image. To read it all the same, with the command line: encipher decrypt -mode paper."},
	{keyslot.ErrSlot, Changed, "Fetch the file again from where it was first saved; nothing can be recovered from this copy."}, // whose cause may be ErrAge
	{lock.ErrPhrase, BadKey, "Type it again."},
	{lock.ErrAge, BadKey, "A recipient begins with age1, an identity with AGE-SECRET-KEY-, one a line."},
	{keyslot.ErrOther, WrongKey, "Use what the picture was encrypted with."},
	{key.ErrText, BadKey, "Compare it with the original, or copy the whole line again."},
	{context.Canceled, Canceled, ""},
	{context.DeadlineExceeded, Canceled, ""},
}

// explain gives an error of a room below its code and hint.
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
	return &Error{Internal, "Please report this with the message and what you did.", err}
}

// guard ends a public function: panics become errors, errors get codes.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("unexpected fault: %v", r)
	}
	*err = explain(*err)
}
