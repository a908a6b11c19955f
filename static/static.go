// Package static embeds the page: HTML, style, scripts, icons and manifest,
// exactly as the browser gets them. There is no build step; what is in this
// folder is what is served.
package static

import "embed"

// Files holds the files of the page at its root.
//
//go:embed *.html *.css *.js *.svg *.png *.webmanifest vendor/*.js
var Files embed.FS
