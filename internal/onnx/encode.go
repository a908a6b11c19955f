package onnx

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Encode returns the model as an ONNX file. Equal models have equal bytes. Encode returns an
// error for a tensor whose data does not fit its dimensions and for an unknown type of
// attribute or element. Scan checks everything else.
func Encode(m *Model) ([]byte, error) {
	for _, v := range slices.Concat(m.Graph.Inputs, m.Graph.Outputs) {
		if v.Type.size() == 0 {
			return nil, fmt.Errorf("input or output %q: %v is not supported", v.Name, v.Type)
		}
	}
	return encode(m)
}

// encode is Encode for a model whose inputs and outputs may have no type.
func encode(m *Model) ([]byte, error) {
	g := &m.Graph
	var graph []byte
	for i := range g.Nodes {
		n, err := encodeNode(&g.Nodes[i])
		if err != nil {
			return nil, fmt.Errorf("node %d (%s %q): %w", i, g.Nodes[i].Op, g.Nodes[i].Name, err)
		}
		graph = appendBytes(graph, graphNode, n)
	}
	graph = appendString(graph, graphName, g.Name)
	for i := range g.Initializers {
		t, err := encodeTensor(&g.Initializers[i])
		if err != nil {
			return nil, err
		}
		graph = appendBytes(graph, graphInitializer, t)
	}
	for _, v := range g.Inputs {
		graph = appendBytes(graph, graphInput, encodeValueInfo(v))
	}
	for _, v := range g.Outputs {
		graph = appendBytes(graph, graphOutput, encodeValueInfo(v))
	}

	var b []byte
	b = appendInt(b, modelIRVersion, irVersion)
	b = appendString(b, modelProducer, m.Producer)
	b = appendBytes(b, modelGraph, graph)
	b = appendBytes(b, modelOpset, appendInt(appendString(nil, opsetDomain, ""), opsetVersion, m.Opset))
	for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
		entry := appendString(appendString(nil, entryKey, key), entryValue, m.Metadata[key])
		b = appendBytes(b, modelMetadata, entry)
	}
	return b, nil
}

func encodeNode(n *Node) ([]byte, error) {
	var b []byte
	for _, in := range n.Inputs {
		b = appendBytes(b, nodeInput, []byte(in)) // writes the empty name of an absent input too
	}
	for _, out := range n.Outputs {
		b = appendBytes(b, nodeOutput, []byte(out))
	}
	b = appendString(b, nodeName, n.Name)
	b = appendString(b, nodeOp, n.Op)
	for i := range n.Attributes {
		a, err := encodeAttribute(&n.Attributes[i])
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", n.Attributes[i].Name, err)
		}
		b = appendBytes(b, nodeAttribute, a)
	}
	return b, nil
}

func encodeAttribute(a *Attribute) ([]byte, error) {
	b := appendString(nil, attributeName, a.Name)
	switch a.Type {
	case FloatAttribute:
		b = protowire.AppendTag(b, attributeFloat, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(a.Float))
	case IntAttribute:
		b = appendInt(b, attributeInt, a.Int)
	case StringAttribute:
		b = appendBytes(b, attributeString, []byte(a.Text))
	case TensorAttribute:
		t, err := encodeTensor(&a.Tensor)
		if err != nil {
			return nil, err
		}
		b = appendBytes(b, attributeTensor, t)
	case FloatsAttribute:
		for _, v := range a.Floats {
			b = protowire.AppendTag(b, attributeFloats, protowire.Fixed32Type)
			b = protowire.AppendFixed32(b, math.Float32bits(v))
		}
	case IntsAttribute:
		for _, v := range a.Ints {
			b = appendInt(b, attributeInts, v)
		}
	default:
		return nil, fmt.Errorf("unknown attribute type %d", a.Type)
	}
	return appendInt(b, attributeType, int64(a.Type)), nil
}

func encodeTensor(t *Tensor) ([]byte, error) {
	if err := t.check(math.MaxInt64 / 8); err != nil {
		return nil, err
	}
	var b []byte
	for _, d := range t.Dims {
		b = appendInt(b, tensorDims, d)
	}
	b = appendInt(b, tensorType, int64(t.Type))
	b = appendString(b, tensorName, t.Name)
	return appendBytes(b, tensorRaw, t.Raw), nil
}

func encodeValueInfo(v ValueInfo) []byte {
	b := appendString(nil, valueName, v.Name)
	if v.Type == 0 {
		return b
	}
	var shape []byte
	for _, d := range v.Dims {
		var dim []byte
		if d.Parameter != "" {
			dim = appendString(nil, dimParameter, d.Parameter)
		} else {
			dim = appendInt(nil, dimSize, d.Size)
		}
		shape = appendBytes(shape, shapeDim, dim)
	}
	t := appendBytes(appendInt(nil, tensorTypeElement, int64(v.Type)), tensorTypeShape, shape)
	return appendBytes(b, valueType, appendBytes(nil, typeTensor, t))
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendString(b []byte, field protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return appendBytes(b, field, []byte(v))
}

func appendInt(b []byte, field protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}
