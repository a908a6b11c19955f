// Our start, as an embedding page does it.
import { Encipher } from "./encipher.js";

globalThis.started = Encipher.load().then(() => performance.now() / 1000);
