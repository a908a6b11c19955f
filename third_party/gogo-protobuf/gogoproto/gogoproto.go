// Package gogoproto replaces github.com/gogo/protobuf/gogoproto, which generated code
// of tensor imports only to register types. There is nothing to register here; see
// third_party/README.md.
package gogoproto
