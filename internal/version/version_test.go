package version

import (
	"runtime/debug"
	"testing"
)

func TestChoose(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	settings := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}
	}
	for _, c := range []struct {
		set  string
		info *debug.BuildInfo
		want string
	}{
		{"v1.2.3", &debug.BuildInfo{Main: debug.Module{Version: "v1.0.0"}}, "v1.2.3"},
		{"", nil, "devel"},
		{"", &debug.BuildInfo{}, "devel"},
		{"", &debug.BuildInfo{Main: debug.Module{Version: "v1.0.0"}, Settings: settings("true")}, "v1.0.0"},
		{"", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings("false")}, "0123456789ab"},
		{"", &debug.BuildInfo{Settings: settings("true")}, "0123456789ab+dirty"},
	} {
		if got := choose(c.set, c.info); got != c.want {
			t.Errorf("%q and %+v give %q, want %q", c.set, c.info, got, c.want)
		}
	}
	if String() == "" {
		t.Error("this program has no version")
	}
}
