import { Encipher } from "./encipher/encipher.js";

const [picture, state, result] = ["picture", "state", "result"].map((id) => document.getElementById(id));
const encipher = await Encipher.load({ onProgress: ({ fraction }) => (state.textContent = `Loading ${Math.round(100 * fraction)} %`) });
const key = await encipher.newKey(); // a real page offers key.file to be saved
picture.disabled = false;
picture.addEventListener("change", async () => {
  try {
    const { png } = await encipher.encrypt(picture.files[0], {
      key: key.text,
      onProgress: ({ fraction }) => (state.textContent = `Encrypting ${Math.round(100 * fraction)} %`),
    });
    result.href = URL.createObjectURL(png);
    result.hidden = false;
  } catch (error) {
    state.textContent = `${error.code}: ${error.message} ${error.hint}`;
  }
});
