// Package gographviz replaces github.com/awalterschulze/gographviz, with which gorgonia
// draws graphs in the language of Graphviz. It draws nothing; see third_party/README.md.
package gographviz

import "errors"

// ErrLeftOut is returned by all methods that return an error.
var ErrLeftOut = errors.New("gographviz: drawing graphs is not part of this build")

// Escape accepts a drawing and discards it.
type Escape struct{}

// NewEscape returns an empty drawing.
func NewEscape() *Escape { return &Escape{} }

func (*Escape) SetName(string) error                                   { return ErrLeftOut }
func (*Escape) SetDir(bool) error                                      { return ErrLeftOut }
func (*Escape) AddAttr(_, _, _ string) error                           { return ErrLeftOut }
func (*Escape) AddNode(_, _ string, _ map[string]string) error         { return ErrLeftOut }
func (*Escape) AddSubGraph(_, _ string, _ map[string]string) error     { return ErrLeftOut }
func (*Escape) AddEdge(_, _ string, _ bool, _ map[string]string) error { return ErrLeftOut }
func (*Escape) AddPortEdge(_, _, _, _ string, _ bool, _ map[string]string) error {
	return ErrLeftOut
}
func (*Escape) IsSubGraph(string) bool { return false }

// String returns a comment in that language, which states why there is no graph.
func (*Escape) String() string { return "// " + ErrLeftOut.Error() + "\n" }
