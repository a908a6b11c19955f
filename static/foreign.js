// Pictures of formats that Encipher lacks and the browser decodes, such as AVIF
// and HEIC. Samples are copied out of the decoder's frame and never pass a
// canvas, whose pixels protection against fingerprinting changes.

const types = { avif: "image/avif", heic: "image/heic", heif: "image/heif", jxl: "image/jxl" };

// Pictures of more pixels are refused by the program too.
const maxPixels = 50_000_000;

// bitmapOf decodes the first image of a file to a BMP file that the program
// reads: {blob, type}, or null where this browser cannot.
export async function bitmapOf(file) {
  const type = file.type.startsWith("image/") ? file.type : types[/[^.]*$/.exec(file.name ?? "")[0].toLowerCase()];
  if (!globalThis.ImageDecoder || !type || !(await ImageDecoder.isTypeSupported(type))) return null;
  const decoder = new ImageDecoder({ data: file.stream(), type, colorSpaceConversion: "none" });
  let frame;
  try {
    frame = (await decoder.decode()).image;
    const { width, height } = frame.visibleRect;
    if (width * height > maxPixels) return null;
    const samples = new Uint8Array(4 * width * height);
    await frame.copyTo(samples, { format: "BGRA", layout: [{ offset: 0, stride: 4 * width }] });
    return { blob: new Blob([bitmapHeader(width, height), samples], { type: "image/bmp" }), type };
  } catch {
    return null; // damaged, or of a kind that frames do not convert
  } finally {
    frame?.close();
    decoder.close();
  }
}

// bitmapHeader is that of a BMP file, version 4, of rows of B, G, R, A from the
// top: what copyTo gives is its body as it is.
function bitmapHeader(width, height) {
  const size = 14 + 108;
  const header = new DataView(new ArrayBuffer(size));
  header.setUint16(0, 0x424d); // "BM"
  header.setUint32(2, size + 4 * width * height, true);
  header.setUint32(10, size, true);
  header.setUint32(14, 108, true);
  header.setInt32(18, width, true);
  header.setInt32(22, -height, true); // from the top
  header.setUint16(26, 1, true);
  header.setUint16(28, 32, true);
  header.setUint32(30, 3, true); // masks say which byte is which
  header.setUint32(34, 4 * width * height, true);
  [0xff0000, 0xff00, 0xff, 0xff000000].forEach((mask, i) => header.setUint32(54 + 4 * i, mask, true));
  header.setUint32(70, 0x73524742, true); // sRGB
  return header;
}
