package encipher

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"

	"enciphergan/internal/keyslot"
	"enciphergan/internal/lock"
	"enciphergan/internal/network"
)

// MaxSealedModelBytes bounds a sealed model.
const MaxSealedModelBytes = network.MaxSealedBytes

// Sealer seals models: a *Passphrase or Recipients.
type Sealer interface {
	Seal(data []byte) ([]byte, error)
}

// Unsealer opens sealed models: a *Passphrase or Identities.
type Unsealer interface {
	Unseal(file []byte, most int64) ([]byte, error)
}

// SealModel makes one age file of a model: a zip of its directory, not compressed, as
// weights hardly are, and without times, so that equal models make equal archives.
func SealModel(f ModelFiles, by Sealer) (sealed []byte, err error) {
	defer guard(&err)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, file := range f.List() {
		w, err := z.CreateHeader(&zip.FileHeader{Name: file.Name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(file.Data)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot pack the model: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("cannot pack the model: %w", err)
	}
	return by.Seal(b.Bytes())
}

const hintSealedModel = "Get the sealed model again, from where it was made."

// UnsealModel gives the files of a sealed model, which one of the given opens. The error
// is WrongKey where none does, and BadModel where the file is damaged or holds no model.
func UnsealModel(file []byte, with ...Unsealer) (f ModelFiles, err error) {
	defer guard(&err)
	if len(file) > MaxSealedModelBytes {
		return f, &Error{BadModel, hintSealedModel, fmt.Errorf("the sealed model has %d bytes, and at most %d are taken", len(file), MaxSealedModelBytes)}
	}
	archive, err := unseal(file, MaxSealedModelBytes, with)
	if errors.Is(err, keyslot.ErrOther) {
		return f, &Error{WrongKey, "Give the passphrase or the identity that the model was sealed for.", errors.New("this does not open the model")}
	}
	if err == nil {
		var z *zip.Reader
		if z, err = zip.NewReader(bytes.NewReader(archive), int64(len(archive))); err == nil {
			f, err = network.ReadFiles(z)
		}
	}
	if err != nil {
		return f, &Error{BadModel, hintSealedModel, fmt.Errorf("it is no sealed model, or a damaged one: %w", err)}
	}
	return f, nil
}

// unseal opens an age file with the first of the given that does. The error is
// keyslot.ErrOther where none does.
func unseal(file []byte, most int64, with []Unsealer) ([]byte, error) {
	if err := lock.Check(file); err != nil { // a damaged file is one, whatever is given to open it
		return nil, err
	}
	for _, w := range with {
		if data, err := w.Unseal(file, most); !errors.Is(err, keyslot.ErrOther) {
			return data, err
		}
	}
	return nil, keyslot.ErrOther
}
