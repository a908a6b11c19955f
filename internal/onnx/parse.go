package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// parser reads the wire format into a Model. Its depth is bounded (model, graph, node,
// attribute, tensor), since subgraphs, sequences and other nesting are refused.
type parser struct {
	lim      Limits
	values   int // names of values read so far
	unpacked int // bytes of tensors that were not stored as raw data
}

// parse reads a file within limits. Raw data of the model is part of b, not a copy.
func parse(b []byte, lim Limits) (*Model, error) {
	if len(b) > lim.FileBytes {
		return nil, fmt.Errorf("the file has %d bytes, more than the %d allowed", len(b), lim.FileBytes)
	}
	p := &parser{lim: lim}
	m := &Model{}
	var graph []byte
	err := walk(b, func(f field) (err error) {
		switch f.number {
		case modelProducer:
			m.Producer, err = p.text(f)
		case modelGraph:
			if graph != nil {
				return errors.New("the file has two graphs")
			}
			graph, err = f.bytes, f.want(protowire.BytesType)
		case modelOpset:
			err = p.opset(f, m)
		case modelMetadata:
			err = p.metadata(f, m)
		case modelTraining, modelFunctions:
			err = errors.New("training information and functions are not supported; export a plain inference graph")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if m.Opset == 0 {
		return nil, errors.New("the file has no version of the default operator set")
	}
	if graph == nil {
		return nil, errors.New("the file has no graph")
	}
	if err := p.graph(graph, &m.Graph); err != nil {
		return nil, err
	}
	return m, nil
}

func (p *parser) text(f field) (string, error) {
	if err := f.want(protowire.BytesType); err != nil {
		return "", err
	}
	if len(f.bytes) > p.lim.NameBytes {
		return "", fmt.Errorf("a name has %d bytes, more than the %d allowed", len(f.bytes), p.lim.NameBytes)
	}
	if !utf8.Valid(f.bytes) {
		return "", fmt.Errorf("the name %q is not UTF-8", f.bytes)
	}
	return string(f.bytes), nil
}

// value reads the name of a value and counts it.
func (p *parser) value(f field) (string, error) {
	if p.values++; p.values > p.lim.Values {
		return "", fmt.Errorf("more than the %d values allowed", p.lim.Values)
	}
	name, err := p.text(f)
	if err == nil && strings.ContainsRune(name, 0) {
		err = fmt.Errorf("the name %q contains a zero", name)
	}
	return name, err
}

func (p *parser) opset(f field, m *Model) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	var domain string
	var version int64
	err := walk(f.bytes, func(f field) (err error) {
		switch f.number {
		case opsetDomain:
			domain, err = p.text(f)
		case opsetVersion:
			version, err = int64(f.bits), f.want(protowire.VarintType)
		}
		return err
	})
	if err != nil || !defaultDomain(domain) {
		return err
	}
	if m.Opset != 0 {
		return errors.New("the file has two versions of the default operator set")
	}
	if version < 1 {
		return fmt.Errorf("the operator set %d does not exist", version)
	}
	m.Opset = version
	return nil
}

func defaultDomain(name string) bool { return name == "" || name == "ai.onnx" }

func (p *parser) metadata(f field, m *Model) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	var key, value string
	err := walk(f.bytes, func(f field) (err error) {
		switch f.number {
		case entryKey:
			key, err = p.text(f)
		case entryValue:
			value, err = p.text(f)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	if m.Metadata == nil {
		m.Metadata = map[string]string{}
	}
	if _, twice := m.Metadata[key]; twice {
		return fmt.Errorf("metadata: two entries %q", key)
	}
	if len(m.Metadata) == p.lim.Values {
		return fmt.Errorf("metadata: more than the %d entries allowed", p.lim.Values)
	}
	m.Metadata[key] = value
	return nil
}

func (p *parser) graph(b []byte, g *Graph) error {
	return walk(b, func(f field) (err error) {
		switch f.number {
		case graphName:
			g.Name, err = p.text(f)
		case graphNode:
			if len(g.Nodes) == p.lim.Nodes {
				return fmt.Errorf("more than the %d nodes allowed", p.lim.Nodes)
			}
			var n Node
			if err := p.node(f, &n); err != nil {
				return fmt.Errorf("node %d (%s %q): %w", len(g.Nodes), n.Op, n.Name, err)
			}
			g.Nodes = append(g.Nodes, n)
		case graphInitializer:
			var t Tensor
			if err := p.tensor(f, &t); err != nil {
				return fmt.Errorf("initializer %d: %w", len(g.Initializers), err)
			}
			g.Initializers = append(g.Initializers, t)
		case graphInput:
			v, hasShape, err := p.valueInfo(f)
			if err != nil {
				return fmt.Errorf("input %d %q: %w", len(g.Inputs), v.Name, err)
			}
			if !hasShape {
				return fmt.Errorf("input %d %q has no shape; name its dimensions", len(g.Inputs), v.Name)
			}
			g.Inputs = append(g.Inputs, v)
		case graphOutput:
			v, _, err := p.valueInfo(f)
			if err != nil {
				return fmt.Errorf("output %d %q: %w", len(g.Outputs), v.Name, err)
			}
			g.Outputs = append(g.Outputs, v)
		case graphSparse:
			err = errors.New("sparse constants are not supported")
		}
		return err
	})
}

func (p *parser) node(f field, n *Node) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	return walk(f.bytes, func(f field) (err error) {
		var name string
		switch f.number {
		case nodeInput:
			name, err = p.value(f)
			n.Inputs = append(n.Inputs, name)
		case nodeOutput:
			name, err = p.value(f)
			n.Outputs = append(n.Outputs, name)
		case nodeName:
			n.Name, err = p.text(f)
		case nodeOp:
			n.Op, err = p.text(f)
		case nodeDomain:
			if name, err = p.text(f); err == nil && !defaultDomain(name) {
				err = fmt.Errorf("the operator domain %q is not supported", name)
			}
		case nodeAttribute:
			const limit = 64 // more than three times what any operator has
			if len(n.Attributes) == limit {
				return fmt.Errorf("more than %d attributes", limit)
			}
			var a Attribute
			if err := p.attribute(f, &a); err != nil {
				return fmt.Errorf("attribute %q: %w", a.Name, err)
			}
			for _, other := range n.Attributes {
				if other.Name == a.Name {
					return fmt.Errorf("two attributes %q", a.Name)
				}
			}
			n.Attributes = append(n.Attributes, a)
		}
		return err
	})
}

func (p *parser) attribute(f field, a *Attribute) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	const limit = 1 << 12 // numbers in one attribute
	err := walk(f.bytes, func(f field) (err error) {
		switch f.number {
		case attributeName:
			a.Name, err = p.text(f)
		case attributeType:
			a.Type, err = AttributeType(f.bits), f.want(protowire.VarintType)
		case attributeFloat:
			a.Float, err = math.Float32frombits(uint32(f.bits)), f.want(protowire.Fixed32Type)
		case attributeInt:
			a.Int, err = int64(f.bits), f.want(protowire.VarintType)
		case attributeString:
			a.Text, err = p.text(f)
		case attributeTensor:
			err = p.tensor(f, &a.Tensor)
		case attributeFloats:
			err = f.fixed32s(func(v uint32) error {
				if len(a.Floats) == limit {
					return fmt.Errorf("more than %d values", limit)
				}
				a.Floats = append(a.Floats, math.Float32frombits(v))
				return nil
			})
		case attributeInts:
			err = f.varints(func(v uint64) error {
				if len(a.Ints) == limit {
					return fmt.Errorf("more than %d values", limit)
				}
				a.Ints = append(a.Ints, int64(v))
				return nil
			})
		case attributeReference:
			err = errors.New("references to a function's attributes are not supported")
		}
		return err
	})
	if err != nil {
		return err
	}
	switch a.Type {
	case FloatAttribute, IntAttribute, StringAttribute, FloatsAttribute, IntsAttribute:
		return nil
	case TensorAttribute:
		return a.Tensor.check(p.lim.Elements)
	}
	return fmt.Errorf("attributes of type %d are not supported; numbers, strings and tensors are", a.Type)
}

func (p *parser) tensor(f field, t *Tensor) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	var raw, packed []byte
	var packedAs protowire.Number
	err := walk(f.bytes, func(f field) (err error) {
		switch f.number {
		case tensorName:
			t.Name, err = p.value(f)
		case tensorType:
			t.Type, err = DataType(f.bits), f.want(protowire.VarintType)
		case tensorDims:
			err = f.varints(func(v uint64) error {
				if len(t.Dims) == p.lim.Rank {
					return fmt.Errorf("more than the %d dimensions allowed", p.lim.Rank)
				}
				t.Dims = append(t.Dims, int64(v))
				return nil
			})
		case tensorRaw:
			raw, err = f.bytes, f.want(protowire.BytesType)
		case tensorFloats, tensorInt32s, tensorInt64s:
			if packed != nil || f.kind != protowire.BytesType {
				return errors.New("its values are not packed; write them as raw data")
			}
			packed, packedAs = f.bytes, f.number
		case tensorSegment:
			err = errors.New("segmented tensors are not supported")
		case tensorExternal, tensorDataLocation:
			if f.number == tensorExternal || f.bits != 0 {
				err = errors.New("its data are in another file; export the model as one file")
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	t.Raw = raw
	if raw == nil {
		if t.Raw, err = p.unpack(packed, packedAs, t.Type); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	return t.check(p.lim.Elements)
}

// unpack converts numbers in protobuf's encoding to raw data. A number of one byte can become
// eight, so the total of a file is bounded too.
func (p *parser) unpack(packed []byte, as protowire.Number, t DataType) ([]byte, error) {
	if want := map[DataType]protowire.Number{Float32: tensorFloats, Int32: tensorInt32s, Float16: tensorInt32s, Int64: tensorInt64s}[t]; as != want {
		return nil, fmt.Errorf("it has no data of type %v", t)
	}
	var raw []byte
	grow := func(n int) error {
		if p.unpacked += n; p.unpacked > p.lim.FileBytes {
			return fmt.Errorf("the tensors take more than the %d bytes allowed", p.lim.FileBytes)
		}
		return nil
	}
	f := field{number: as, kind: protowire.BytesType, bytes: packed}
	if t == Float32 {
		err := f.fixed32s(func(v uint32) error {
			raw = binary.LittleEndian.AppendUint32(raw, v)
			return grow(4)
		})
		return raw, err
	}
	err := f.varints(func(v uint64) error {
		switch t {
		case Float16:
			raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
		case Int32:
			raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
		default:
			raw = binary.LittleEndian.AppendUint64(raw, v)
		}
		return grow(int(t.size()))
	})
	return raw, err
}

// valueInfo reads an input or output. A dimension of an output may be unknown; its Dim is zero.
func (p *parser) valueInfo(f field) (v ValueInfo, hasShape bool, err error) {
	if err := f.want(protowire.BytesType); err != nil {
		return v, false, err
	}
	within := func(f field, visit func(field) error) error {
		if err := f.want(protowire.BytesType); err != nil {
			return err
		}
		return walk(f.bytes, visit)
	}
	dimension := func(f field) (err error) {
		d := &v.Dims[len(v.Dims)-1]
		switch f.number {
		case dimSize:
			*d, err = Dim{Size: int64(f.bits)}, f.want(protowire.VarintType)
		case dimParameter:
			d.Size = 0
			d.Parameter, err = p.text(f)
		}
		return err
	}
	shape := func(f field) error {
		if f.number != shapeDim {
			return nil
		}
		if len(v.Dims) == p.lim.Rank {
			return fmt.Errorf("more than the %d dimensions allowed", p.lim.Rank)
		}
		v.Dims = append(v.Dims, Dim{})
		return within(f, dimension)
	}
	tensorType := func(f field) error {
		switch f.number {
		case tensorTypeElement:
			v.Type = DataType(f.bits)
			return f.want(protowire.VarintType)
		case tensorTypeShape:
			hasShape = true
			return within(f, shape)
		}
		return nil
	}
	err = walk(f.bytes, func(f field) (err error) {
		switch f.number {
		case valueName:
			v.Name, err = p.value(f)
		case valueType:
			return within(f, func(f field) error {
				if f.number != typeTensor {
					return nil
				}
				return within(f, tensorType)
			})
		}
		return err
	})
	return v, hasShape, err
}
