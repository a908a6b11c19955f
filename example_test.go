package encipher_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"

	"filippo.io/age"

	"enciphergan"
	"enciphergan/models"
)

// photo returns a small picture as a file.
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

// open opens the model of this module. Call ReadModel for a model directory.
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
	key, err := encipher.NewKey() // store key.File in a safe place
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background() // to cancel the work
	sealed, err := model.Encrypt(ctx, photo(), key)
	if err != nil {
		log.Fatal(err)
	}
	// sealed.PNG is a file to store or send.
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
	// The picture and the file itself, byte for byte.
	sealed, err := model.Encrypt(context.Background(), photo(), key,
		encipher.WithContent(encipher.ContentFile("photo.png")))
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
	// Is this the cipher image of that picture? No generator runs for the answer.
	verified, err := model.Verify(context.Background(), sealed.PNG, key)
	if err != nil {
		log.Fatal(err)
	}
	same, err := verified.Matches(photo(), encipher.ContentPicture)
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
	info, err := encipher.Inspect(sealed.PNG) // without a key
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Width, info.Height, info.Model == model.Fingerprint(), info.IsFor(key))
	// Output: 40 30 true true
}

// A passphrase encrypts and decrypts without a key file.
func ExampleNewPassphrase() {
	model := open()
	passphrase, err := encipher.NewPassphrase("correct horse battery staple")
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	sealed, err := model.Encrypt(ctx, photo(), passphrase)
	if err != nil {
		log.Fatal(err)
	}
	opened, err := model.Decrypt(ctx, sealed.PNG, passphrase)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("exact:", opened.Exact)
	// Output: exact: true
}

// Age recipients are public keys: the sender needs no secret.
func ExampleParseRecipients() {
	model := open()
	identity, err := age.GenerateX25519Identity() // or the program age-keygen
	if err != nil {
		log.Fatal(err)
	}
	recipients, err := encipher.ParseRecipients(identity.Recipient().String())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	sealed, err := model.Encrypt(ctx, photo(), recipients)
	if err != nil {
		log.Fatal(err)
	}
	info, err := encipher.Inspect(sealed.PNG)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("needs", info.Slot)

	identities, err := encipher.ParseIdentities(identity.String())
	if err != nil {
		log.Fatal(err)
	}
	opened, err := model.Decrypt(ctx, sealed.PNG, identities)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("exact:", opened.Exact)
	// Output:
	// needs an age identity
	// exact: true
}

// Unlock tries several identities and returns the key of the picture.
func ExampleInfo_Unlock() {
	model := open()
	key, err := encipher.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	other, err := encipher.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	sealed, err := model.Encrypt(ctx, photo(), key)
	if err != nil {
		log.Fatal(err)
	}
	info, err := model.Inspect(sealed.PNG)
	if err != nil {
		log.Fatal(err)
	}
	found, err := info.Unlock(ctx, other, key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found == key)
	// Output: true
}

// Generated returns the output of the decryption generator without a decryption.
func ExampleSealed_Generated() {
	model := open()
	key, err := encipher.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := model.Encrypt(context.Background(), photo(), key)
	if err != nil {
		log.Fatal(err)
	}
	generated, err := sealed.Generated()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(generated.Width, generated.Height)
	// Output: 40 30
}

func ExampleSealModel() {
	files, err := models.Files(models.Default)
	if err != nil {
		log.Fatal(err)
	}
	passphrase, err := encipher.NewPassphrase("correct horse battery staple")
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := encipher.SealModel(files, passphrase)
	if err != nil {
		log.Fatal(err)
	}
	unsealed, err := encipher.UnsealModel(sealed, passphrase)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.Equal(unsealed.Encryption, files.Encryption))
	// Output: true
}
