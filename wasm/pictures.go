//go:build js && wasm

package main

import (
	"errors"

	"enciphergan"
	"enciphergan/internal/filename"
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

var limits = picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels}

// inspect reads the header of a cipher image or picture; to recognise a copy of a cipher image
// for messengers, it decodes the picture. If a model is loaded, it
// estimates the cost of encrypting a picture.
func (s *service) inspect(a argument) (map[string]any, error) {
	file, err := a.bytes("file", encipher.MaxFileBytes, encipher.TooLarge)
	if err != nil {
		return nil, err
	}
	i, err := encipher.Inspect(file)
	switch encipher.CodeOf(err) {
	case "":
		return map[string]any{"kind": "cipher", "width": i.Width, "height": i.Height, "model": i.Model, "needs": needs[i.Slot.Kind], "bare": !i.Sealed}, nil
	case encipher.NotCipher:
		if found := s.inspectCopy(file); found != nil {
			return found, nil
		}
	default:
		// Decrypting the cipher image returns the error.
		return map[string]any{"kind": "cipher", "width": 0, "height": 0}, nil
	}
	m := s.model.Load()
	if m == nil {
		height, width, err := picture.Size(file, limits)
		if err != nil {
			return nil, pictureError(err)
		}
		return map[string]any{"kind": "picture", "width": width, "height": height}, nil
	}
	cost, err := m.Estimate(file, 1)
	if err != nil {
		return nil, err
	}
	return map[string]any{"kind": "picture", "width": cost.Width, "height": cost.Height, "fileBytes": cost.FileBytes, "memoryBytes": cost.MemoryBytes}, nil
}

// needs maps the kind of a key slot to the secret that unwraps the key.
var needs = map[encipher.SlotKind]string{encipher.SlotKeyFile: "key", encipher.SlotPassphrase: "passphrase", encipher.SlotRecipients: "identity"}

// content reads what of a picture the cipher image holds.
func content(a argument) (c encipher.Content, err error) {
	exact := "on"
	if a.has("exact") {
		if exact, err = a.text("exact", 8); err != nil {
			return c, err
		}
	}
	name, err := a.name()
	if err != nil {
		return c, err
	}
	drop, err := a.flag("dropMetadata")
	switch {
	case err != nil:
		return c, err
	case exact == "file":
		return encipher.ContentFile(name), nil
	case exact == "off":
		return encipher.ContentApproximate, nil
	case exact != "on":
		return c, badArgumentError("%q must be on, off or file", "exact")
	case drop:
		return encipher.ContentSamples, nil
	}
	return encipher.ContentPicture, nil
}

// name returns the optional name of the file, with or without folders.
func (a argument) name() (string, error) {
	if !a.has("name") {
		return "", nil
	}
	return a.text("name", maxName)
}

// maxName limits a name with its folders, in UTF-16 units.
const maxName = 4096

func (s *service) encrypt(a argument) (map[string]any, error) {
	m, file, k, err := s.input(a)
	if err != nil {
		return nil, err
	}
	ctx, progress, end, err := a.jobContext()
	if err != nil {
		return nil, err
	}
	defer end()
	content, err := content(a)
	if err != nil {
		return nil, err
	}
	to := wrapped{key: k}
	if a.has("slot") {
		if to.slot, err = slot(a); err != nil {
			return nil, err
		}
	}
	options, err := vectorOptions(a)
	if err != nil {
		return nil, err
	}
	views, err := a.flag("views")
	if err != nil {
		return nil, err
	}
	tiles, err := a.tiles()
	if err != nil {
		return nil, err
	}
	name, err := a.name()
	if err != nil {
		return nil, err
	}
	sealed, err := m.Encrypt(ctx, file, to, append(options, encipher.WithContent(content), tiles, encipher.WithProgress(progress))...)
	if err != nil {
		return nil, err
	}
	notes := []any{}
	for _, n := range sealed.Picture.Notes {
		notes = append(notes, n)
	}
	result := map[string]any{"width": sealed.Picture.Width, "height": sealed.Picture.Height, "notes": notes, "name": filename.Cipher(name)}
	if err := setArray(result, "png", sealed.PNG); err != nil || !views {
		return result, err
	}
	sealed.PNG = nil // the views need memory
	if err := setPicture(result, "bare", sealed.NeuralCipher); err != nil {
		return nil, err
	}
	sealed.NeuralCipher = nil
	generated, err := sealed.Generated()
	if err != nil {
		return nil, err
	}
	if generated != nil {
		if err := setPicture(result, "generated", generated); err != nil {
			return nil, err
		}
	}
	return result, setPicture(result, "plain", sealed.Picture)
}

func (s *service) decrypt(a argument) (map[string]any, error) {
	m, file, k, err := s.input(a)
	if err != nil {
		return nil, err
	}
	ctx, progress, end, err := a.jobContext()
	if err != nil {
		return nil, err
	}
	defer end()
	tiles, err := a.tiles()
	if err != nil {
		return nil, err
	}
	options := []encipher.DecryptOption{encipher.WithProgress(progress), tiles}
	for name, option := range map[string]func() encipher.DecryptOption{"approximate": encipher.AcceptApproximate, "bareCipher": encipher.AcceptBareCipher} {
		if accepted, err := a.flag(name); err != nil {
			return nil, err
		} else if accepted {
			options = append(options, option())
		}
	}
	views, err := a.flag("views")
	if err != nil {
		return nil, err
	}
	from, err := a.name()
	if err != nil {
		return nil, err
	}
	var opened *encipher.Opened
	if _, notCipher := encipher.Inspect(file); encipher.CodeOf(notCipher) == encipher.NotCipher {
		c, err := s.readCopy(ctx, file)
		if err != nil {
			return nil, err
		}
		opened, err = c.Decrypt(ctx, k, options...)
		if err != nil {
			return nil, err
		}
	} else if opened, err = m.Decrypt(ctx, file, k, options...); err != nil {
		return nil, err
	}
	result := map[string]any{"width": opened.Picture.Width, "height": opened.Picture.Height, "exact": opened.Exact, "sealed": opened.Sealed, "name": resultName(from, opened)}
	if opened.Fault != nil {
		result["fault"] = opened.Fault.Error()
	}
	if err := setArray(result, "png", opened.PNG); err != nil {
		return nil, err
	}
	if opened.File != nil {
		if err := setArray(result, "original", opened.File); err != nil {
			return nil, err
		}
	}
	if !views || opened.NeuralCipher == nil {
		return result, nil
	}
	return result, errors.Join(setPicture(result, "bare", opened.NeuralCipher), setPicture(result, "generated", opened.Generated))
}

// resultName returns the name to save the kept file, or else the picture, under: in the
// folder of the cipher image, from.
func resultName(from string, o *encipher.Opened) string {
	switch {
	case !o.Sealed:
		return filename.Picture(from, ".unsealed.png") // so that the name shows it
	case o.File == nil:
		return filename.Picture(from, ".png")
	case o.Name == "":
		return filename.Picture(from, picture.Extensions(o.File)[0])
	}
	return filename.InFolderOf(from, o.Name)
}

// input reads the arguments that encrypt and decrypt share.
func (s *service) input(a argument) (m *encipher.Model, file []byte, k encipher.Key, err error) {
	if m, err = s.loaded(); err != nil {
		return
	}
	if k, err = key(a, "key"); err != nil {
		return
	}
	file, err = a.bytes("file", encipher.MaxFileBytes, encipher.TooLarge)
	return
}

func (s *service) metrics(a argument) (map[string]any, error) {
	p, err := s.measured(a, "a")
	if err != nil {
		return nil, err
	}
	result := map[string]any{
		"entropy":     metric.MeanEntropy(p.RGB),
		"correlation": metric.AdjacentCorrelation(p.RGB, p.Height, p.Width).MeanAbsolute(),
	}
	if plots, err := a.flag("plots"); err != nil {
		return nil, err
	} else if plots {
		result["histograms"] = histograms(p)
		if err := setArray(result, "pairs", metric.NeighbourPairs(p.RGB, p.Height, p.Width, scatterPairs)); err != nil {
			return nil, err
		}
	}
	if !a.has("b") {
		return result, nil
	}
	q, err := s.measured(a, "b")
	if err != nil {
		return nil, err
	}
	if q.Width != p.Width || q.Height != p.Height {
		return nil, badArgumentError("the pictures are %d x %d and %d x %d pixels; the sizes must be equal", p.Width, p.Height, q.Width, q.Height)
	}
	result["psnr"] = metric.PSNR(p.RGB, q.RGB)
	result["ssim"] = metric.SSIM(p.RGB, q.RGB, p.Height, p.Width)
	return result, nil
}

// scatterPairs is the number of points in a scatter plot.
const scatterPairs = 2000

// histograms counts the 256 levels of each channel: {r, g, b}.
func histograms(p *encipher.Picture) map[string]any {
	counts := metric.Histogram(p.RGB)
	result := map[string]any{}
	for c, name := range []string{"r", "g", "b"} {
		list := make([]any, 256)
		for i, n := range counts[c] {
			list[i] = n
		}
		result[name] = list
	}
	return result
}

func (s *service) measured(a argument, name string) (*encipher.Picture, error) {
	file, err := a.bytes(name, encipher.MaxFileBytes, encipher.TooLarge)
	if err != nil {
		return nil, err
	}
	return decode(file)
}

// decode returns the decoder's errors with their codes.
func decode(file []byte) (*encipher.Picture, error) {
	p, err := picture.Decode(file, limits)
	if err != nil {
		return nil, pictureError(err)
	}
	return p, nil
}

func pictureError(err error) error {
	switch {
	case errors.Is(err, picture.ErrTooLarge):
		return &encipher.Error{Code: encipher.TooLarge, Hint: "Make the picture smaller first.", Err: err}
	case errors.Is(err, picture.ErrUnsupported):
		return &encipher.Error{Code: encipher.UnsupportedPicture, Hint: "Convert the picture to PNG with an image editor, and use that.", Err: err}
	case errors.Is(err, picture.ErrCorrupt):
		return &encipher.Error{Code: encipher.BadPicture, Hint: "Fetch or export the picture again.", Err: err}
	}
	return &encipher.Error{Code: encipher.BadPicture, Hint: "Choose a PNG, JPEG, GIF, BMP, TIFF or WebP picture.", Err: err}
}

// setPicture sets a field of a result to a picture, as a PNG file without compression.
func setPicture(result map[string]any, name string, p *encipher.Picture) error {
	b, err := p.StoredPNG()
	if err != nil {
		return err
	}
	return setArray(result, name, b)
}

// setArray sets a field of a result to a Uint8Array.
func setArray(result map[string]any, name string, b []byte) error {
	v, err := newUint8Array(b)
	if err != nil {
		return err
	}
	result[name] = v
	return nil
}
