// Package filename makes names that any system takes and shows as they are, of
// names that may come from anybody.
//
// Main path: Clean makes a name safe, Kept gives the one of a file that was kept
// in a cipher image an extension that fits its content, Cipher and Picture name
// the results of a page.
package filename

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"enciphergan/internal/picture"
)

// Max bounds a name, in bytes: what file systems take.
const Max = 255

const (
	// maxResult leaves room for a number, which keeps results of one name apart.
	maxResult = 240
	// maxExtension bounds what is kept of a name's end when it is cut, in bytes,
	// its dot included.
	maxExtension = 16
)

// devices are names that Windows takes for devices, in any case and with any extension.
var devices = map[string]bool{"CON": true, "PRN": true, "AUX": true, "NUL": true, "CONIN$": true, "CONOUT$": true, "CLOCK$": true}

func init() {
	for _, n := range "0123456789¹²³" {
		devices["COM"+string(n)], devices["LPT"+string(n)] = true, true
	}
}

// Clean makes of any name, which may have a path before it, one of 1 to Max bytes
// of UTF-8 that is a plain file everywhere, and shown as it is. Of the path nothing
// is kept. Left out are what is not UTF-8, control and format characters, others
// that are invisible, and dots and spaces at either end; a _ takes the place of
// each of : * ? " < > | and goes before the name of a device; what is too long is
// cut before its extension. Where nothing is left, it is the empty name.
func Clean(name string) string { return clean(name, Max) }

func clean(name string, most int) string {
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
	if len(name) > most {
		ext := path.Ext(name)
		if len(ext) > maxExtension {
			ext = ""
		}
		name = trim(cut(name[:len(name)-len(ext)], most-len(ext)) + ext)
	}
	return name
}

// trim takes dots and spaces of all kinds from both ends.
func trim(name string) string {
	return strings.TrimFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// cut gives the first characters of s that fit in n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Kept is the name of a file that was kept, after the name that was sealed with
// it. Its extension is one of the file's kind, which its content tells: another
// kind's is replaced, and whatever else a name ends in gets it appended. It is
// empty where name leaves nothing.
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

// Cipher names the cipher image of the picture that lies at a slash path:
// a/photo.jpg becomes a/photo.cipher.png. All of the path is cleaned.
func Cipher(from string) string {
	folder, stem := split(from)
	return folder + withSuffix(stem, ".cipher.png")
}

// Picture names what the cipher image at a slash path is decrypted to:
// a/photo.cipher.png becomes a/photo and the suffix, such as .png. All of the path is
// cleaned.
func Picture(from, suffix string) string {
	folder, stem := split(from)
	return folder + withSuffix(strings.TrimSuffix(stem, ".cipher"), suffix)
}

// Beside puts a name, cleaned, into the folder of a slash path.
func Beside(from, name string) string {
	folder, _ := split(from)
	return folder + orPicture(clean(name, maxResult))
}

// split gives the folder of a path, with a slash at its end where there is one, and
// the name of the file without its extension.
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

// orPicture stands in for a name of which nothing is left.
func orPicture(name string) string {
	if name == "" {
		return "picture"
	}
	return name
}
