package encipher_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"

	"enciphergan"
	"enciphergan/models"
)

// photo is a small picture, as a file.
func photo() []byte {
	m := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for y := range 30 {
		for x := range 40 {
			m.Set(x, y, color.RGBA{uint8(6 * x), uint8(8 * y), 120, 255})
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, m); err != nil {
		log.Fatal(err)
	}
	return file.Bytes()
}

// open opens the model that comes with this module. Files of others are read with
// os.ReadFile.
func open() *encipher.Model {
	files, err := models.Files(models.Default)
	if err != nil {
		log.Fatal(err)
	}
	model, err := encipher.OpenModel(files)
	if err != nil {
		log.Fatal(err)
	}
	return model
}

func Example() {
	model := open()
	key, err := encipher.NewKey() // keep key.File() somewhere safe
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background() // cancelling it stops the work
	sealed, err := model.Encrypt(ctx, photo(), key)
	if err != nil {
		log.Fatal(err)
	}
	// sealed.PNG is a file to keep or to send.
	opened, err := model.Decrypt(ctx, sealed.PNG, key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opened.Picture.Width, opened.Picture.Height, "exact:", opened.Exact)
	// Output: 40 30 exact: true
}

func ExampleModel_Encrypt() {
	model := open()
	key, err := encipher.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	// The file itself, byte by byte, beside the picture.
	sealed, err := model.Encrypt(context.Background(), photo(), key,
		encipher.WithExact(encipher.ExactFile), encipher.WithName("photo.png"))
	if err != nil {
		log.Fatal(err)
	}
	opened, err := model.Decrypt(context.Background(), sealed.PNG, key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opened.Name, bytes.Equal(opened.File, photo()))
	// Output: photo.png true
}

func ExampleModel_Decrypt_errors() {
	model := open()
	key, err := encipher.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	other, err := encipher.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := model.Encrypt(context.Background(), photo(), key)
	if err != nil {
		log.Fatal(err)
	}
	_, err = model.Decrypt(context.Background(), sealed.PNG, other)
	fmt.Println(encipher.CodeOf(err) == encipher.WrongKey)

	sealed.PNG[len(sealed.PNG)/2] ^= 1
	_, err = model.Decrypt(context.Background(), sealed.PNG, key)
	fmt.Println(encipher.CodeOf(err) == encipher.Changed)
	// Output:
	// true
	// true
}

func ExampleModel_Verify() {
	model := open()
	key, err := encipher.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := model.Encrypt(context.Background(), photo(), key)
	if err != nil {
		log.Fatal(err)
	}
	// Is this the cipher image of that picture? No generator runs to find out.
	verified, err := model.Verify(sealed.PNG, key)
	if err != nil {
		log.Fatal(err)
	}
	same, err := verified.Matches(photo())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(same)
	// Output: true
}

func ExampleInspect() {
	model := open()
	key, err := encipher.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := model.Encrypt(context.Background(), photo(), key)
	if err != nil {
		log.Fatal(err)
	}
	info, err := encipher.Inspect(sealed.PNG) // needs no key
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Width, info.Height, info.Model == model.Fingerprint(), info.IsFor(key))
	// Output: 40 30 true true
}
