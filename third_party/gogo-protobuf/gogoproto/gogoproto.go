// Package gogoproto stands in for github.com/gogo/protobuf/gogoproto, which
// generated code of tensor imports for its registration alone. There is
// nothing to register here; see third_party/README.md.
package gogoproto
