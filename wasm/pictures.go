//go:build js && wasm

package main

import (
	"errors"

	"enciphergan"
	"enciphergan/internal/container"
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

var limits = picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels}

// inspect tells a cipher image from other pictures by its header, without a key.
func (s *service) inspect(a argument) (map[string]any, error) {
	file, err := a.bytes("file", encipher.MaxFileBytes, encipher.TooLarge)
	if err != nil {
		return nil, err
	}
	sealed, err := container.Parse(file, limits)
	if err == nil {
		return map[string]any{"kind": "cipher", "width": sealed.Header.Width, "height": sealed.Header.Height}, nil
	}
	if !errors.Is(err, container.ErrNotCipher) {
		// What is wrong with a cipher image is told when it is to be opened.
		return map[string]any{"kind": "cipher", "width": 0, "height": 0}, nil
	}
	p, err := decode(file)
	if err != nil {
		return nil, err
	}
	return map[string]any{"kind": "picture", "width": p.Width, "height": p.Height}, nil
}

func (s *service) encrypt(a argument) (map[string]any, error) {
	m, file, k, err := s.work(a)
	if err != nil {
		return nil, err
	}
	ctx, progress, end, err := a.job()
	if err != nil {
		return nil, err
	}
	defer end()
	options, err := vectorOptions(a)
	if err != nil {
		return nil, err
	}
	sealed, err := m.Encrypt(ctx, file, k, append(options, encipher.WithProgress(progress), encipher.WithWorkers(1))...)
	if err != nil {
		return nil, err
	}
	notes := []any{}
	for _, n := range sealed.Plain.Notes {
		notes = append(notes, n)
	}
	result := map[string]any{"width": sealed.Plain.Width, "height": sealed.Plain.Height, "notes": notes}
	return result, errors.Join(
		setArray(result, "png", sealed.PNG),
		setPicture(result, "plain", sealed.Plain),
		setPicture(result, "bare", sealed.Bare),
	)
}

func (s *service) decrypt(a argument) (map[string]any, error) {
	m, file, k, err := s.work(a)
	if err != nil {
		return nil, err
	}
	ctx, progress, end, err := a.job()
	if err != nil {
		return nil, err
	}
	defer end()
	options := []encipher.Option{encipher.WithProgress(progress), encipher.WithWorkers(1)}
	if a.has("approximate") {
		options = append(options, encipher.AcceptApproximate())
	}
	opened, err := m.Decrypt(ctx, file, k, options...)
	if err != nil {
		return nil, err
	}
	result := map[string]any{"width": opened.Picture.Width, "height": opened.Picture.Height, "exact": opened.Exact}
	return result, errors.Join(
		setArray(result, "png", opened.PNG),
		setPicture(result, "bare", opened.Bare),
	)
}

// work reads what encrypt and decrypt need.
func (s *service) work(a argument) (m *encipher.Model, file []byte, k encipher.Key, err error) {
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
	if !a.has("b") {
		return result, nil
	}
	q, err := s.measured(a, "b")
	if err != nil {
		return nil, err
	}
	if q.Width != p.Width || q.Height != p.Height {
		return nil, bad("the pictures are %d x %d and %d x %d pixels; only equal sizes compare", p.Width, p.Height, q.Width, q.Height)
	}
	result["psnr"] = metric.PSNR(p.RGB, q.RGB)
	result["ssim"] = metric.SSIM(p.RGB, q.RGB, p.Height, p.Width)
	return result, nil
}

func (s *service) measured(a argument, name string) (*encipher.Picture, error) {
	file, err := a.bytes(name, encipher.MaxFileBytes, encipher.TooLarge)
	if err != nil {
		return nil, err
	}
	return decode(file)
}

// decode gives the errors of the decoder their codes.
func decode(file []byte) (*encipher.Picture, error) {
	p, err := picture.Decode(file, limits)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, picture.ErrTooLarge):
		return nil, &encipher.Error{Code: encipher.TooLarge, Hint: "Make the picture smaller first.", Err: err}
	case errors.Is(err, picture.ErrCorrupt):
		return nil, &encipher.Error{Code: encipher.BadPicture, Hint: "Fetch or export the picture again.", Err: err}
	}
	return nil, &encipher.Error{Code: encipher.BadPicture, Hint: "Choose a PNG, JPEG, GIF, BMP, TIFF or WebP picture.", Err: err}
}

// setPicture puts a picture into a result as the bytes of a PNG file.
func setPicture(result map[string]any, name string, p *encipher.Picture) error {
	b, err := p.PNG()
	if err != nil {
		return err
	}
	return setArray(result, name, b)
}

// setArray puts bytes into a result as a Uint8Array.
func setArray(result map[string]any, name string, b []byte) error {
	v, err := array(b)
	if err != nil {
		return err
	}
	result[name] = v
	return nil
}
