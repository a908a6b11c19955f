// Package version returns the version of the running program.
//
// Releases set it with the linker; other builds use what Go records.
package version

import "runtime/debug"

// set is set by -ldflags "-X enciphergan/internal/version.set=v1.2.3".
var set string

// String returns the version of the running program: that of the release, otherwise
// of the installed module, otherwise the commit it was built from, with
// "+dirty" for uncommitted changes, otherwise "devel".
func String() string {
	info, _ := debug.ReadBuildInfo()
	return choose(set, info)
}

func choose(set string, info *debug.BuildInfo) string {
	if set != "" {
		return set
	}
	if info == nil {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var revision, dirty string
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			revision = setting.Value[:min(12, len(setting.Value))]
		case "vcs.modified":
			if setting.Value == "true" {
				dirty = "+dirty"
			}
		}
	}
	if revision == "" {
		return "devel"
	}
	return revision + dirty
}
