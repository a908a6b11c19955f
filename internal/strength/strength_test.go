package strength

import "testing"

// The scores are those that browsers compute with the same file.
func TestScore(t *testing.T) {
	for passphrase, want := range map[string]int{
		"x": 0, "password": 0, "qwertyuiop": 0, "thx1138": 0, "1qaz2wsx3edc": 0, "aaaaaaaaaaaaaaaa": 0,
		"dragonfly9": 1, "temppass22": 1, "briansmith": 1, "abcdefghijk987654321": 1,
		"Tr0ub4dour&3": 2, "jenny-1984": 2,
		"neverforget13/3/1997": 3, "sunflower meadow": 3,
		"correct horse battery staple": 4, "coRrecth orseba++ery9": 4, "rWibMFACxAUGZmxhVncy": 4, "Gr\u00fc\u00dfe aus K\u00f6ln": 4,
		"Ba9ZyWABu99[BK#6MBgbH88Tofv)vs$w": 4,
	} {
		if got, err := Score(passphrase); err != nil || got != want {
			t.Errorf("%q: score %d, %v, want %d", passphrase, got, err, want)
		}
	}
}
