package regexp

import (
	standard "regexp"
	"testing"
)

// What age asks is answered as by the standard library.
func TestNumber(t *testing.T) {
	ours, theirs := MustCompile(Number), standard.MustCompile(Number)
	for _, s := range []string{"", "0", "1", "18", "018", "+1", "-1", "1 ", "1\n", "٣", "1a", "99999999999999999999", "9", "10", ":", "/"} {
		if ours.MatchString(s) != theirs.MatchString(s) {
			t.Errorf("%q: %v", s, ours.MatchString(s))
		}
	}
	for a := range 256 {
		for b := range 256 {
			if s := string([]byte{byte(a), byte(b)}); ours.MatchString(s) != theirs.MatchString(s) {
				t.Errorf("%q: %v", s, ours.MatchString(s))
			}
		}
	}
	if MustCompile(`.*`).MatchString("x") {
		t.Error("another expression matches")
	}
}
