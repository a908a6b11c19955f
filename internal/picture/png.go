package picture

import (
	"encoding/binary"
	"hash/crc32"
	"image/png"
	"slices"
	"strings"

	"enciphergan/internal/pngchunk"
)

func pngSize(file []byte) (width, height int, err error) {
	if len(file) >= 16 && string(file[12:16]) == "CgBI" {
		return 0, 0, unsupported("PNG in Apple's variant for apps (CgBI)")
	}
	return sizeBy(png.DecodeConfig)(file)
}

// mendPNG removes ancillary chunks with a wrong checksum, which libpng ignores. It
// does not remove tRNS, since that would change the samples.
func mendPNG(file []byte) ([]byte, []string) {
	var left []string
	mended := file
	for at := 8; at <= len(file); {
		name, data, rest, ok := pngchunk.Next(file[at:])
		if !ok {
			break
		}
		next := len(file) - len(rest)
		sum := binary.BigEndian.Uint32(file[next-4:])
		const ancillary = 0x20
		if name[0]&ancillary != 0 && name != "tRNS" && crc32.ChecksumIEEE(file[at+4:at+8+len(data)]) != sum {
			if left == nil {
				mended = slices.Clone(file[:at])
			}
			left = append(left, name)
		} else if left != nil {
			mended = append(mended, file[at:next]...)
		}
		at = next
		if name == "IEND" {
			if left != nil {
				mended = append(mended, rest...)
			}
			break
		}
	}
	if left == nil {
		return file, nil
	}
	slices.Sort(left)
	return mended, []string{"damaged chunks that hold no samples were left out: " + strings.Join(slices.Compact(left), ", ")}
}
