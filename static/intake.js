// Files as they come in: dropped, pasted or chosen, alone or in folders, each
// with its path.

// What systems leave in folders by themselves.
const debris = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

// chosen lists the files of a file field; those of a folder keep their place in it.
export function chosen(files) {
  return [...files]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name || "picture.png" }))
    .filter(({ file }) => !file.webkitRelativePath || !debris.test(file.name));
}

// dropped lists the files of a drop or a paste, folders opened. A DataTransfer is
// readable only until the event is over, so its entries are taken at once.
export async function dropped(transfer) {
  const taken = [...transfer.items].filter((item) => item.kind === "file").map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  const files = [];
  for (const { entry, file } of taken) {
    if (entry?.isDirectory) await open(entry, files);
    else if (file) files.push({ file, path: file.name || "picture.png" });
  }
  return files;
}

// open lists a folder. What cannot be read is listed with the reason, in place of
// a file, and does not keep the rest from being read.
async function open(folder, files) {
  const reader = folder.createReader();
  const path = (entry) => entry.fullPath.replace(/^\//, "");
  const unreadable = (entry, { message }) => files.push({ file: new File([], entry.name), path: path(entry), unreadable: message });
  try {
    // A reader gives some of its entries at a time, and none at the end.
    for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; ) {
      for (const entry of some) {
        if (entry.isDirectory) await open(entry, files);
        else if (!debris.test(entry.name)) {
          await new Promise((resolve, reject) => entry.file(resolve, reject)).then(
            (file) => files.push({ file, path: path(entry) }),
            (error) => unreadable(entry, error),
          );
        }
      }
    }
  } catch (error) {
    unreadable(folder, error);
  }
}
