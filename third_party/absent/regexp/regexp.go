// Package regexp takes the place of the standard one in the wasm's copies of
// tensor, which reads files of NumPy with it and is never asked to, and of age,
// which wants to know one thing of it: whether a text is a decimal number.
package regexp

// Number is the one expression that is understood.
const Number = `^[1-9][0-9]*$`

// Regexp matches Number, or nothing.
type Regexp struct{ number bool }

func MustCompile(expression string) *Regexp { return &Regexp{expression == Number} }

// MatchString says whether s is a decimal number without sign and leading zeros.
func (r *Regexp) MatchString(s string) bool {
	if !r.number || s == "" || s[0] == '0' {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func (r *Regexp) FindSubmatch([]byte) [][]byte { return nil }
