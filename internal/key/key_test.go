package key

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/bech32"
)

// Embedded, so that the same file serves the test binary under js/wasm.
//
//go:embed testdata/vectors.json
var vectorFile []byte

type vector struct {
	Name, Secret, Text, Fingerprint, Nonce, AEAD, Commitment, Model string
	TileSeeds                                                       map[string]string `json:"tile_seeds"`
}

func vectors(t testing.TB) []vector {
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(vectorFile, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) == 0 {
		t.Fatal("testdata/vectors.json has no vectors")
	}
	return f.Vectors
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v vector) key(t testing.TB) (k Key) {
	copy(k.secret[:], unhex(t, v.Secret))
	return k
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			k := v.key(t)
			if got := k.Text(); got != v.Text {
				t.Errorf("text %s, want %s", got, v.Text)
			}
			if got := k.Fingerprint(); got != v.Fingerprint {
				t.Errorf("fingerprint %s, want %s", got, v.Fingerprint)
			}
			back, err := Parse([]byte(v.Text))
			if err != nil || back != k {
				t.Errorf("Parse(text) = %v, %v", back, err)
			}
			s := k.Subkeys(Nonce(unhex(t, v.Nonce)))
			if got := hex.EncodeToString(s.AEAD[:]); got != v.AEAD {
				t.Errorf("AEAD key %s, want %s", got, v.AEAD)
			}
			if got := hex.EncodeToString(s.Commitment[:]); got != v.Commitment {
				t.Errorf("commitment %s, want %s", got, v.Commitment)
			}
			if len(v.TileSeeds) == 0 {
				t.Error("no tile seeds")
			}
			for tile, want := range v.TileSeeds {
				i, err := strconv.ParseUint(tile, 10, 32)
				if err != nil {
					t.Fatal(err)
				}
				seed := s.TileSeed([32]byte(unhex(t, v.Model)), uint32(i))
				if got := hex.EncodeToString(seed[:]); got != want {
					t.Errorf("seed of tile %s %s, want %s", tile, got, want)
				}
			}
		})
	}
}

func TestKeysAndNoncesDiffer(t *testing.T) {
	a, b := New(), New()
	if a == b || a.IsZero() {
		t.Error("two new keys are equal or zero")
	}
	if first, second := NewNonce(), NewNonce(); first == second {
		t.Error("two new nonces are equal")
	}
	var one Key
	one.secret[31] = 1
	if (Key{}).Subkeys(Nonce{}).Commitment == one.Subkeys(Nonce{}).Commitment {
		t.Error("one key bit does not change the commitment")
	}
}

func TestPrintingHidesTheSecret(t *testing.T) {
	k := vectors(t)[0].key(t)
	secret := vectors(t)[0].Secret
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		for _, s := range []string{fmt.Sprintf(verb, k), fmt.Sprintf(verb, struct{ K Key }{k})} {
			if strings.Contains(strings.ToLower(s), secret[:8]) || strings.Contains(s, "1 2 3") {
				t.Errorf("%s prints the secret: %s", verb, s)
			}
		}
	}
}

func TestParseAccepts(t *testing.T) {
	v := vectors(t)[0]
	for name, text := range map[string]string{
		"lower case":       strings.ToLower(v.Text),
		"spaces around":    "  " + v.Text + "\t\r\n\r\n",
		"comments":         "# one\n#two\n\n" + v.Text,
		"blanks":           "\ufeff \t# a comment \r\n\t" + v.Text + " \t\r\n \r\n",
		"byte order mark":  "\ufeff# made by an editor\r\n" + v.Text + "\r\n",
		"own file content": string(v.key(t).File(time.Unix(1e9, 0))),
	} {
		if k, err := Parse([]byte(text)); err != nil || k != v.key(t) {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := vectors(t)[2].Text
	at := func(i int, c byte) string { return good[:i] + string(c) + good[i+1:] }
	other := func(i int) byte { // another character that may occur there
		if good[i] == 'Q' {
			return 'P'
		}
		return 'Q'
	}
	twice := []byte(at(20, other(20)))
	twice[40] = other(40)
	swapped := []byte(good)
	i := 30
	for swapped[i] == swapped[i+1] {
		i++
	}
	swapped[i], swapped[i+1] = swapped[i+1], swapped[i]

	for name, c := range map[string]struct{ text, want string }{
		"empty":           {"", "no line with a key"},
		"comments only":   {"# created: today\n", "no line with a key"},
		"two keys":        {good + "\n" + good, "more than one line"},
		"other kind":      {"AGE-SECRET-KEY-1QQQ", "does not begin with ENCIPHER-KEY-1"},
		"typo in prefix":  {at(3, 'X'), "does not begin with ENCIPHER-KEY-1"},
		"mixed case":      {strings.ToLower(good[:30]) + good[30:], "mixes upper and lower case"},
		"impossible":      {at(17, 'B'), "typo at character 18"},
		"not ASCII":       {good[:17] + "Ä" + good[18:], "typo at character 18"},
		"cut":             {good[:50], "is cut short: it has 50 characters of 72"},
		"too long":        {good + "QQ", "2 characters too many"},
		"one typo":        {at(20, other(20)), "typo near character 21"},
		"two typos":       {string(twice), "several typos"},
		"swapped":         {string(swapped), fmt.Sprintf("typo near character %d", i+1)},
		"all zero":        {Key{}.Text(), "all its bits are zero"},
		"a large file":    {strings.Repeat("#\n", MaxFileBytes), "longer than"},
		"a binary file":   {"\x89PNG\r\n\x1a\n\x00\x00", "more than one line"},
		"spaces in it":    {good[:20] + " " + good[20:], "typo at character 21"},
		"padding bit set": {paddingBit(t), "checksum"},
	} {
		_, err := Parse([]byte(c.text))
		if !errors.Is(err, ErrText) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(strings.ToUpper(err.Error()), good[14:]) {
			t.Errorf("%s: the error contains the key", name)
		}
	}
}

func TestFile(t *testing.T) {
	k := New()
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	text := k.File(created)
	for _, want := range []string{"# created: 2026-01-02T03:04:05Z\n", "# fingerprint: " + k.Fingerprint() + "\n", "\n" + k.Text() + "\n"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the file lacks %q", want)
		}
	}
	if back, at, err := ParseFile(text); err != nil || back != k || !at.Equal(created) {
		t.Errorf("ParseFile = %v, %v, %v", back, at, err)
	}
	if back, at, err := ParseFile([]byte("\ufeff" + strings.ReplaceAll(string(text), "\n", " \r\n"))); err != nil || back != k || !at.Equal(created) {
		t.Errorf("with a byte order mark and blanks: %v, %v", at, err)
	}
	for name, text := range map[string]string{"no time": k.Text(), "another time": "# created: yesterday\n" + k.Text()} {
		if back, at, err := ParseFile([]byte(text)); err != nil || back != k || !at.IsZero() {
			t.Errorf("%s: ParseFile = %v, %v, %v", name, back, at, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Text)
		f.Add(strings.ToLower(v.Text[:40]))
		f.Add("# c\r\n" + v.Text + "\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Parse([]byte(text))
		if err != nil {
			if !errors.Is(err, ErrText) {
				t.Errorf("error outside ErrText: %v", err)
			}
			return
		}
		if back, err := Parse([]byte(k.Text())); err != nil || back != k {
			t.Errorf("%q parses, but its own text does not give it back: %v", text, err)
		}
	})
}

// paddingBit is a text with a right checksum whose last data character carries
// a bit beyond the 256: a second spelling of the same key, which must be refused.
func paddingBit(t *testing.T) string {
	_, data, err := bech32.Decode(vectors(t)[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] |= 1
	s, err := bech32.Encode(hrp, data)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ToUpper(s)
}
