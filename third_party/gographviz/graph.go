// Package gographviz stands in for github.com/awalterschulze/gographviz, with
// which gorgonia would draw a graph in the language of Graphviz. Nothing here
// draws graphs; see third_party/README.md.
package gographviz

import "errors"

// ErrLeftOut is what everything answers.
var ErrLeftOut = errors.New("gographviz: drawing graphs is not part of this build")

// Escape takes a drawing and drops it.
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

// String is a comment in that language, which says why there is no graph.
func (*Escape) String() string { return "// " + ErrLeftOut.Error() + "\n" }
