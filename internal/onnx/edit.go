package onnx

// Edit returns file with its graph changed by edit.
func Edit(file []byte, lim Limits, edit func(*Graph) error) ([]byte, error) {
	m, err := scan(file, lim)
	if err != nil {
		return nil, err
	}
	if err := edit(&m.Graph); err != nil {
		return nil, err
	}
	return Encode(m)
}
