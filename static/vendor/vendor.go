// Package vendor embeds the page's libraries that the command line uses too.
package vendor

import _ "embed"

// Zxcvbn is the source of zxcvbn, which defines a function of this name on the global object.
//
//go:embed zxcvbn.js
var Zxcvbn string
