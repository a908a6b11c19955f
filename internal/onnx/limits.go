package onnx

// Limits bound what a file may ask for. Every one is checked before the memory
// or time that it stands for is spent.
type Limits struct {
	FileBytes int   // length of the file
	Nodes     int   // nodes of the graph
	Values    int   // inputs and outputs of all nodes and of the graph, and constants
	NameBytes int   // length of a name, a text attribute or a metadata entry
	Rank      int   // dimensions of a tensor
	Elements  int64 // elements of any one tensor
	Memory    int64 // the most bytes that a run takes at a time, see op.Program
	Work      int64 // of one run and of what is computed before it, in multiply-adds or what takes as long, see kernel.Cost
}

// DefaultLimits leave room for the paper's network on pictures of some
// megapixels and keep a hostile file from taking the machine down.
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 64 << 20,
		Nodes:     4096,
		Values:    1 << 14,
		NameBytes: 4096,
		Rank:      8,
		Elements:  1 << 28,
		Memory:    4 << 30,
		Work:      1 << 42,
	}
}
