//go:build js && wasm

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"strings"

	"enciphergan"
	"enciphergan/internal/filename"
)

// encryptForMessenger encrypts a picture as a cipher image that survives recompression.
func (s *service) encryptForMessenger(a argument) (map[string]any, error) {
	k, err := key(a, "key")
	if err != nil {
		return nil, err
	}
	to := wrapped{key: k}
	if a.has("slot") {
		if to.slot, err = slot(a); err != nil {
			return nil, err
		}
	}
	file, err := a.bytes("file", encipher.MaxFileBytes, encipher.TooLarge)
	if err != nil {
		return nil, err
	}
	var m encipher.Messenger
	if m.Name, err = a.name(); err != nil {
		return nil, err
	}
	if a.has("side") {
		if m.Side, err = a.integer("side", encipher.MaxMessengerSide); err != nil {
			return nil, err
		}
	}
	views := false
	for name, to := range map[string]*bool{"strong": &m.Strong, "dropMetadata": &m.DropMetadata, "views": &views} {
		if *to, err = a.flag(name); err != nil {
			return nil, err
		}
	}
	ctx, progress, end, err := a.jobContext()
	if err != nil {
		return nil, err
	}
	defer end()
	i, err := encipher.EncryptForMessenger(ctx, file, to, m, encipher.WithProgress(progress))
	if err != nil {
		return nil, err
	}
	notes := []any{}
	for _, n := range i.Picture.Notes {
		notes = append(notes, n)
	}
	result := map[string]any{"width": i.Picture.Width, "height": i.Picture.Height, "notes": notes, "wholeFile": i.WholeFile, "psnr": i.PSNR,
		"name": strings.TrimSuffix(filename.Cipher(m.Name), ".png") + ".jpg"}
	if err := setArray(result, "jpeg", i.File); err != nil || !views {
		return result, err
	}
	return result, setPicture(result, "received", i.Picture)
}

// copyCache holds the last copy that readCopy recovered: the page inspects a file, finds its
// key and decrypts it, one after the other.
type copyCache struct {
	digest [sha256.Size]byte
	copy   *encipher.Copy
}

// readCopy is encipher.ReadCopy.
func (s *service) readCopy(ctx context.Context, file []byte) (*encipher.Copy, error) {
	digest := sha256.Sum256(file)
	if last := s.lastCopy.Load(); last != nil && last.digest == digest {
		return last.copy, nil
	}
	c, err := encipher.ReadCopy(ctx, file)
	if err == nil {
		s.lastCopy.Store(&copyCache{digest, c})
	}
	return c, err
}

// inspectCopy is inspect for a copy of a cipher image for messengers. The result is nil where the
// file is none.
func (s *service) inspectCopy(file []byte) map[string]any {
	if namesCamera(file) {
		return nil
	}
	c, err := s.readCopy(context.Background(), file)
	switch encipher.CodeOf(err) {
	case "":
		return map[string]any{"kind": "cipher", "width": c.Width, "height": c.Height, "needs": needs[c.Slot.Kind]}
	case encipher.AlteredCopy, encipher.DamagedCopy, encipher.UnsupportedVersion, encipher.Changed:
		// Decrypting it returns the error.
		return map[string]any{"kind": "cipher", "width": 0, "height": 0}
	}
	return nil
}

// namesCamera reports whether the EXIF data of a file names a camera. No copy does, and most
// large photos do: to look for a copy in them would take a second each.
func namesCamera(file []byte) bool {
	head := file[:min(len(file), 64<<10)]
	i := bytes.Index(head, []byte("Exif\x00\x00"))
	if i < 0 {
		return false
	}
	// The entry of the tag Make, a text, in either order of bytes.
	return bytes.Contains(head[i:], []byte{0x01, 0x0f, 0, 2}) || bytes.Contains(head[i:], []byte{0x0f, 0x01, 2, 0})
}
