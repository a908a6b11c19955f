package onnx

// Limits bounds the memory and time that a file may require. Each limit is checked before the
// memory is allocated or the time is spent.
type Limits struct {
	FileBytes int   // length of the file
	Nodes     int   // nodes of the graph
	Values    int   // inputs and outputs of all nodes and of the graph, plus constants
	NameBytes int   // length of a name, a text attribute or a metadata entry
	Rank      int   // dimensions of a tensor
	Elements  int64 // elements of a tensor
	Memory    int64 // peak memory of a run in bytes, see op.Program
	Work      int64 // work of one run and of constants folded before it, in multiply-adds or operations of equal time, see kernel.Cost
}

// DefaultLimits returns limits that permit the paper's network on pictures of several
// megapixels and prevent a hostile file from exhausting the machine.
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
