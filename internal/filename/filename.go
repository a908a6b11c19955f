// Package filename turns untrusted names into names that are valid on every system and
// displayed as they are.
//
// Main path: Clean makes a name safe, Kept also gives the name of a kept file an extension
// that matches its content, Cipher and Picture name the results of the page.
package filename

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"enciphergan/internal/picture"
)

// Max is the maximum length of a name in bytes, that of common file systems.
const Max = 255

const (
	// maxResult leaves room for a number that makes the names of results unique.
	maxResult = 240
	// maxExtension is the maximum length of an extension, with its dot, that a name
	// still has after it was cut.
	maxExtension = 16
)

// devices are names of devices on Windows, in any case and with any extension.
var devices = map[string]bool{"CON": true, "PRN": true, "AUX": true, "NUL": true, "CONIN$": true, "CONOUT$": true, "CLOCK$": true}

func init() {
	for _, n := range "0123456789¹²³" {
		devices["COM"+string(n)], devices["LPT"+string(n)] = true, true
	}
}

// Clean returns a safe name of up to Max bytes of UTF-8 for any name or path. It
// removes the path, invalid UTF-8, control, format and other invisible characters, and
// dots and spaces at both ends. It replaces each of : * ? " < > | by _, and puts a _
// before the name of a device. It shortens a long name before its extension. The
// result is empty where nothing is left.
func Clean(name string) string { return clean(name, Max) }

func clean(name string, max int) string {
	name = strings.ToValidUTF8(name, "")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = trim(strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point):
			return -1
		case strings.ContainsRune(`:*?"<>|`, r):
			return '_'
		}
		return r
	}, name))
	if base, _, _ := strings.Cut(name, "."); devices[strings.ToUpper(trim(base))] {
		name = "_" + name
	}
	if len(name) > max {
		ext := path.Ext(name)
		if len(ext) > maxExtension {
			ext = ""
		}
		name = trim(cut(name[:len(name)-len(ext)], max-len(ext)) + ext)
	}
	return name
}

// trim removes dots and spaces of all kinds from both ends.
func trim(name string) string {
	return strings.TrimFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// cut returns the first characters of s that fit in n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Kept returns the name to save a kept file under, from the sealed name and the content
// of the file. Its extension matches the content: the extension of another kind of picture is
// replaced; to any other ending, the extension is appended. The result is empty where
// Clean(name) is.
func Kept(name string, file []byte) string {
	name = Clean(name)
	extensions := picture.Extensions(file)
	if name == "" || len(extensions) == 0 || slices.Contains(extensions, strings.ToLower(path.Ext(name))) {
		return name
	}
	if picture.HasExtension(name) {
		name = strings.TrimSuffix(name, path.Ext(name))
	}
	return clean(name+extensions[0], Max)
}

// Cipher returns the name of the cipher image of the picture at a slash path:
// a/photo.cipher.png for a/photo.jpg. It cleans every part of the path.
func Cipher(from string) string {
	folder, stem := split(from)
	return folder + withSuffix(stem, ".cipher.png")
}

// Picture returns the name of the decrypted picture of the cipher image at a slash path:
// a/photo and the suffix, such as .png, for a/photo.cipher.png. It cleans every part of
// the path.
func Picture(from, suffix string) string {
	folder, stem := split(from)
	return folder + withSuffix(strings.TrimSuffix(stem, ".cipher"), suffix)
}

// InFolderOf returns the path of a name, cleaned, in the folder of a slash path.
func InFolderOf(from, name string) string {
	folder, _ := split(from)
	return folder + orPicture(clean(name, maxResult))
}

// split returns the folder of a path, with a trailing slash unless it is empty, and the
// name of the file without its extension.
func split(from string) (folder, stem string) {
	parts := strings.Split(from, "/")
	for _, part := range parts[:len(parts)-1] {
		if part = Clean(part); part != "" {
			folder += part + "/"
		}
	}
	name := Clean(parts[len(parts)-1])
	return folder, strings.TrimSuffix(name, path.Ext(name))
}

func withSuffix(stem, suffix string) string {
	return trim(cut(orPicture(stem), maxResult-len(suffix))) + suffix
}

// orPicture replaces an empty name.
func orPicture(name string) string {
	if name == "" {
		return "picture"
	}
	return name
}
