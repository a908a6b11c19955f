// Package static embeds the page: HTML, style sheet, scripts, icons and manifest. There
// is no build step: the files are served as they are.
package static

import "embed"

// Files contains the files of the page.
//
//go:embed *.html *.css *.js *.svg *.png *.webmanifest vendor/*.js
var Files embed.FS
