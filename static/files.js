// Files that the user chose, dropped or pasted, with their paths.

/** @typedef {{ file: File, path: string, unreadable?: string }} FileEntry unreadable is why the file could not be read. */

// Files that operating systems create in folders.
const systemFiles = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

/**
 * filesFromInput lists the files of a file input; those of a folder with their paths in it.
 *
 * @param {Iterable<File>} files
 * @returns {FileEntry[]}
 */
export function filesFromInput(files) {
  return [...files]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name || "picture.png" }))
    .filter(({ file }) => !file.webkitRelativePath || !systemFiles.test(file.name));
}

/**
 * filesFromTransfer lists the files of a drop or a paste, including those in
 * folders. A DataTransfer can be read only during its event, so the entries are
 * collected before the first await.
 *
 * @param {DataTransfer} transfer
 */
export async function filesFromTransfer(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file").map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  /** @type {FileEntry[]} */
  const files = [];
  for (const { entry, file } of items) {
    if (entry?.isDirectory) await listFolder(/** @type {FileSystemDirectoryEntry} */ (entry), files);
    else if (file) files.push({ file, path: file.name || "picture.png" });
  }
  return files;
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
const readFile = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

/**
 * listFolder appends the files of a folder. An entry that cannot be read is
 * appended with the reason and does not stop the listing.
 *
 * @param {FileSystemDirectoryEntry} folder
 * @param {FileEntry[]} files
 */
async function listFolder(folder, files) {
  const reader = folder.createReader();
  /** @param {FileSystemEntry} entry */
  const path = (entry) => entry.fullPath.replace(/^\//, "");
  /**
   * @param {FileSystemEntry} entry
   * @param {Error} error
   */
  const addUnreadable = (entry, { message }) => files.push({ file: new File([], entry.name), path: path(entry), unreadable: message });
  try {
    // readEntries returns the entries in batches; the last one is empty.
    for (let /** @type {FileSystemEntry[]} */ batch; (batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; ) {
      for (const entry of batch) {
        if (entry.isDirectory) await listFolder(/** @type {FileSystemDirectoryEntry} */ (entry), files);
        else if (!systemFiles.test(entry.name)) {
          await readFile(/** @type {FileSystemFileEntry} */ (entry)).then(
            (file) => files.push({ file, path: path(entry) }),
            (error) => addUnreadable(entry, error),
          );
        }
      }
    }
  } catch (error) {
    addUnreadable(folder, /** @type {Error} */ (error));
  }
}
