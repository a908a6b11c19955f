package main

import (
	"path"
	"regexp"
	"strings"
)

// stanza is one paragraph of a Debian copyright file, without the text of the licence.
type stanza struct {
	patterns  []string
	copyright string // lines of holders
	licence   string // short name
}

// licenceOf returns the stanza of a copyright file that covers a picture: the last one
// with a matching pattern, as in the machine-readable format (copyright-format 1.0).
// Patterns are relative to the source tree, whose layout a package changes, so a
// pattern may match any trailing part of the installed path. The second result is
// false if the file is not machine-readable.
func licenceOf(copyright, installed string) (stanza, bool) {
	var found stanza
	var ok bool
	for _, s := range stanzas(copyright) {
		for _, pattern := range s.patterns {
			if covers(pattern, installed) {
				found, ok = s, true
			}
		}
	}
	return found, ok
}

func stanzas(copyright string) []stanza {
	var all []stanza
	for _, paragraph := range regexp.MustCompile(`\n[ \t]*\n`).Split(copyright, -1) {
		fields := map[string]string{}
		var field string
		for _, line := range strings.Split(paragraph, "\n") {
			name, value, isField := strings.Cut(line, ":")
			switch {
			case line == "" || line[0] == '#':
			case line[0] == ' ' || line[0] == '\t':
				fields[field] += "\n" + strings.TrimSpace(line)
			case isField:
				field = strings.ToLower(name)
				fields[field] = strings.TrimSpace(value)
			}
		}
		if fields["files"] != "" {
			licence, _, _ := strings.Cut(fields["license"], "\n")
			all = append(all, stanza{strings.Fields(fields["files"]), strings.TrimSpace(fields["copyright"]), licence})
		}
	}
	return all
}

// covers reports whether pattern, in which * and ? stand for any characters
// including slashes, matches the installed path from some component on.
func covers(pattern, installed string) bool {
	expression := regexp.QuoteMeta(strings.TrimPrefix(pattern, "./"))
	expression = strings.ReplaceAll(expression, `\*`, `.*`)
	expression = strings.ReplaceAll(expression, `\?`, `.`)
	whole, err := regexp.Compile("^" + expression + "$")
	if err != nil {
		return false
	}
	for rest := path.Clean(installed); ; {
		if whole.MatchString(rest) {
			return true
		}
		_, after, more := strings.Cut(rest, "/")
		if !more {
			return false
		}
		rest = after
	}
}
