// Decoding of formats that Encipher cannot read and the browser can, such as
// AVIF and HEIC. Samples are copied from the decoder's frame and never pass a
// canvas, because browsers with fingerprinting protection change its pixels.

/** @type {Record<string, string>} */
const typesByExtension = { avif: "image/avif", heic: "image/heic", heif: "image/heif", jxl: "image/jxl" };

// The limit of the wasm (MaxPixels).
const maxPixels = 50_000_000;

/**
 * decodeToBMP decodes the first image of a file to a BMP file, or returns null
 * if the browser cannot decode it.
 *
 * @param {File} file
 * @returns {Promise<{ blob: Blob, type: string } | null>}
 */
export async function decodeToBMP(file) {
  const extension = file.name.split(".").at(-1) ?? "";
  const type = file.type.startsWith("image/") ? file.type : typesByExtension[extension.toLowerCase()];
  if (!globalThis.ImageDecoder || !type || !(await ImageDecoder.isTypeSupported(type))) return null;
  const decoder = new ImageDecoder({ data: file.stream(), type, colorSpaceConversion: "none" });
  let frame;
  try {
    frame = (await decoder.decode()).image;
    const { width, height } = /** @type {DOMRectReadOnly} */ (frame.visibleRect);
    if (width * height > maxPixels) return null;
    const samples = new Uint8Array(4 * width * height);
    await frame.copyTo(samples, { format: "BGRA", layout: [{ offset: 0, stride: 4 * width }] });
    return { blob: new Blob([bmpHeader(width, height), samples], { type: "image/bmp" }), type };
  } catch {
    return null; // damaged, or in a pixel format that copyTo does not convert
  } finally {
    frame?.close();
    decoder.close();
  }
}

/**
 * bmpHeader returns the header of a BMP file (version 4) with 32-bit BGRA rows
 * from the top, the layout that copyTo writes.
 *
 * @param {number} width
 * @param {number} height
 */
function bmpHeader(width, height) {
  const size = 14 + 108;
  const header = new DataView(new ArrayBuffer(size));
  header.setUint16(0, 0x424d); // "BM"
  header.setUint32(2, size + 4 * width * height, true);
  header.setUint32(10, size, true);
  header.setUint32(14, 108, true);
  header.setInt32(18, width, true);
  header.setInt32(22, -height, true); // negative: rows from the top
  header.setUint16(26, 1, true);
  header.setUint16(28, 32, true);
  header.setUint32(30, 3, true); // BI_BITFIELDS
  header.setUint32(34, 4 * width * height, true);
  [0xff0000, 0xff00, 0xff, 0xff000000].forEach((mask, i) => header.setUint32(54 + 4 * i, mask, true));
  header.setUint32(70, 0x73524742, true); // sRGB
  return header;
}
