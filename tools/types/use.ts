// Uses every member that static/encipher.d.ts declares. Only the compiler reads it: make types.
import { Encipher, EncipherError, type Code, type Inspection, type Progress } from "encipher";

export async function use(photo: File, signal: AbortSignal): Promise<Blob> {
  const onProgress = ({ stage, done, total, fraction }: Progress) => console.log(stage, done / total, fraction.toFixed(2));
  const encipher: Encipher = await Encipher.load({ model: "default", base: new URL("https://example.org/encipher/"), workers: 2, signal, onProgress });
  console.log(
    encipher.models.map((m) => m.name + m.folder + m.files.length + m.sealed + m.bytes),
    encipher.model.fingerprint,
    encipher.kernels,
    encipher.memory,
  );
  const { text, file, fingerprint } = await encipher.newKey();
  console.log(file, (await encipher.parseKey(text)).fingerprint === fingerprint);
  const { passphrase } = await encipher.generatePassphrase();
  const { key, slot } = await encipher.wrapKey({ passphrase, signal });
  await encipher.wrapKey({ recipients: "age1…" });
  const found: Inspection = await encipher.inspect(photo, { signal });
  console.log(found.kind === "cipher" ? found.needs : found.memoryBytes);
  const sealed = await encipher.encrypt(photo, { key, slot, exact: "file", name: photo.name, dropMetadata: true, views: true, signal, onProgress });
  console.log(sealed.name, sealed.width, sealed.height, sealed.notes.join(" "), sealed.plain?.size, sealed.bare?.size, sealed.generated?.size);
  const sent = await encipher.encryptForMessenger(photo, {
    key,
    slot,
    side: 1600,
    strong: true,
    name: photo.name,
    dropMetadata: true,
    views: true,
    signal,
    onProgress,
  });
  console.log(sent.jpeg.size, sent.name, sent.width, sent.height, sent.psnr, sent.wholeFile, sent.notes.length, sent.received?.size);
  const unwrapped = await encipher.unwrapKey(sealed.png, { passphrase, identity: "AGE-SECRET-KEY-…", key: text, signal });
  try {
    const opened = await encipher.decrypt(sealed.png, {
      key: unwrapped.key,
      name: photo.name,
      approximate: true,
      bareCipher: false,
      views: true,
      signal,
      onProgress,
    });
    const { psnr, ssim, entropy, correlation, histograms, pairs } = await encipher.metrics(photo, opened.png, { plots: true });
    console.log(psnr, ssim, entropy, correlation, histograms?.r[0], pairs?.length, opened.exact, opened.sealed, opened.name, opened.fault, opened.generated);
    return opened.original ?? opened.png;
  } catch (error) {
    if (!(error instanceof EncipherError)) throw error;
    const code: Code = error.code;
    console.log(code, error.hint);
    // @ts-expect-error: no such code
    console.log(error.code === "nothing");
    throw error;
  } finally {
    await encipher.useModel({ name: "mine", passphrase });
    await encipher.useModel({ sealed: new Blob(), identity: "AGE-SECRET-KEY-…" });
    await encipher.useModel({ card: new Uint8Array(), encryption: new Blob(), decryption: new Blob() }, { onProgress });
    // @ts-expect-error: the engine is frozen
    encipher.kernels = "";
    // @ts-expect-error: only load makes one
    new Encipher();
    encipher.dispose();
  }
}
