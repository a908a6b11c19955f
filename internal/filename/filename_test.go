package filename

import (
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for name, want := range map[string]string{
		"photo.jpg": "photo.jpg", "Grüße aus Köln (2).JPEG": "Grüße aus Köln (2).JPEG", "写真 1.png": "写真 1.png",
		"a/b/ä.png": "ä.png", `c:\x\y.png`: "y.png", "a/": "", "": "",
		".": "", "..": "", "...": "", " . ": "", ".bashrc": "bashrc", "..a": "a", "a.jpg.": "a.jpg", "a.jpg . .": "a.jpg", " a.jpg\u00a0": "a.jpg", "\u3000a": "a",
		"a:b.jpg": "a_b.jpg", `a*b?c"d<e>f|g`: "a_b_c_d_e_f_g", "photo.jpg:hidden": "photo.jpg_hidden",
		"a\x00\x1b[2Jb": "a[2Jb", "a\u009b2Jb": "a2Jb", "a\nb\tc": "abc", "a\x7fb": "ab", "a\xffb": "ab", "\xff": "",
		"photo\u202egpj.exe": "photogpj.exe", "a\u200bb\ufeffc\u2066d\u2069e\u00adf": "abcdef", "a\u2028b\u2029c": "abc", "a\u3164b": "ab", "a\U000e0041b": "ab", "\u202e": "",
		"CON": "_CON", "con.jpg": "_con.jpg", "Prn.a.b": "_Prn.a.b", "aux ": "_aux", "NUL .png": "_NUL .png", "nul\u200b.png": "_nul.png",
		"COM0": "_COM0", "com9.png": "_com9.png", "LPT1.x": "_LPT1.x", "COM¹.x": "_COM¹.x", "lpt³": "_lpt³", "CONIN$": "_CONIN$", "conout$.png": "_conout$.png", "CLOCK$": "_CLOCK$",
		"CONE.png": "CONE.png", "COM10.png": "COM10.png", "a.CON": "a.CON", "COM.png": "COM.png",
		strings.Repeat("ö", 200) + ".jpg":       strings.Repeat("ö", 125) + ".jpg",
		strings.Repeat("a", 300):                strings.Repeat("a", 255),
		strings.Repeat("a", 254) + ".jpg":       strings.Repeat("a", 251) + ".jpg",
		"a." + strings.Repeat("x", 300):         "a." + strings.Repeat("x", 253),
		strings.Repeat("a", 254) + " " + "x.jp": strings.Repeat("a", 252) + ".jp",
	} {
		if got := Clean(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])[\s.]*(\..*)?$`)

// unsafe says what is wrong with a name, by the rules as their sources have them.
func unsafe(name string) string {
	switch {
	case !utf8.ValidString(name):
		return "not UTF-8"
	case len(name) > 255:
		return "too long"
	case strings.ContainsAny(name, `/\:*?"<>|`):
		return "a character that Windows does not take"
	case strings.HasPrefix(name, "."):
		return "a hidden file"
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return "an end that Windows drops"
	case device.MatchString(name):
		return "a device"
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Cf, r) || unicode.IsControl(r) }):
		return "a control or format character"
	}
	return ""
}

// Of names put together at random from what is awkward, each comes out safe, and
// cleaning it again changes nothing.
func TestCleanIsSafe(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"a", "ö", "写", "/", `\`, ":", "|", ".", "..", " ", "\u00a0", "\u202e", "\u200d", "\x00", "\x1b", "\x85", "\xff", "\xe2\x80", "con", "COM", "¹", "9", "NUL", "$", ".jpg", "_", "\ufffd", "👩‍👧", strings.Repeat("x", 120), strings.Repeat("ü", 70)}
	made := 0
	for range 20_000 {
		var b strings.Builder
		for range 1 + r.IntN(8) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		name := Clean(b.String())
		if fault := unsafe(name); fault != "" {
			t.Fatalf("seed %d: %q becomes %q: %s", seed, b.String(), name, fault)
		}
		if again := Clean(name); again != name {
			t.Fatalf("seed %d: %q becomes %q, and that %q", seed, b.String(), name, again)
		}
		for _, result := range []string{Cipher(b.String()), Picture(b.String(), ".unsealed.png"), InFolderOf(b.String(), b.String())} {
			for part := range strings.SplitSeq(result, "/") {
				if fault := unsafe(part); fault != "" || len(part) > 255 {
					t.Fatalf("seed %d: the result of %q is called %q: %s", seed, b.String(), result, fault)
				}
			}
			if len(path.Base(result)) > 240 {
				t.Fatalf("seed %d: the result of %q leaves no room for a number: %q", seed, b.String(), result)
			}
		}
		if name != "" {
			made++
		}
	}
	if made < 10_000 {
		t.Errorf("seed %d: only %d names were left", seed, made)
	}
}

func TestKept(t *testing.T) {
	const png, jpeg, tiff, html = "\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "II\x2a\x00", "<html>"
	for _, c := range []struct{ name, file, want string }{
		{"a.png", png, "a.png"}, {"a.PNG", png, "a.PNG"}, {"a.jpg", jpeg, "a.jpg"}, {"a.JPEG", jpeg, "a.JPEG"}, {"a.jfif", jpeg, "a.jfif"}, {"a.tiff", tiff, "a.tiff"},
		{"a.png", jpeg, "a.jpg"}, {"a.jpg", png, "a.png"}, {"a.webp", tiff, "a.tif"},
		{"a.exe", png, "a.exe.png"}, {"a", png, "a.png"}, {"a.hta", jpeg, "a.hta.jpg"}, {"photo\u202egpj.exe", jpeg, "photogpj.exe.jpg"}, {"12.05.2024", jpeg, "12.05.2024.jpg"},
		{".png", png, "png.png"}, {"CON", png, "_CON.png"}, {"CON.jpg", png, "_CON.png"}, {"a.png.", png, "a.png"}, {"a.png:x", png, "a.png_x.png"}, {"../a.lnk", png, "a.lnk.png"},
		{strings.Repeat("a", 255), png, strings.Repeat("a", 251) + ".png"},
		{"", png, ""}, {"\u202e", png, ""},
		{"a.html", html, "a.html"}, // of no kind that is ever offered
	} {
		if got := Kept(c.name, []byte(c.file)); got != c.want {
			t.Errorf("%q of %q is called %q, want %q", c.name, c.file, got, c.want)
		}
	}
}

func TestResults(t *testing.T) {
	got := []string{
		Cipher("photo.jpg"), Cipher("a/b/photo.jpg"), Cipher("photo"), Cipher(".jpg"), Cipher("../a\u202e/CON/x.y.png"), Cipher(strings.Repeat("ä", 150) + ".jpg"), Cipher(""),
		Picture("a/photo.cipher.png", ".png"), Picture("renamed.png", ".unsealed.png"), Picture("", ".jpg"), Picture(".cipher.png", ".png"),
		InFolderOf("a/b/c.png", "d.jpg"), InFolderOf("c.png", "x/"+strings.Repeat("a", 250)+".jpg"),
	}
	want := []string{
		"photo.cipher.png", "a/b/photo.cipher.png", "photo.cipher.png", "jpg.cipher.png", "a/_CON/x.y.cipher.png", strings.Repeat("ä", 114) + ".cipher.png", "picture.cipher.png",
		"a/photo.png", "renamed.unsealed.png", "picture.jpg", "cipher.png",
		"a/b/d.jpg", strings.Repeat("a", 236) + ".jpg",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}
