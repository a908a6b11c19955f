// Plots of a picture's samples, as SVG.
import { svg } from "./dom.js";

/**
 * histogram plots counts of 256 levels, each channel as an area. The scale ends
 * above the 99th percentile, because a picture with much pure black or white
 * would flatten the rest.
 *
 * @param {{ r: ArrayLike<number>, g: ArrayLike<number>, b: ArrayLike<number> }} counts
 * @param {string} label
 */
export function histogram({ r, g, b }, label) {
  const height = 100;
  const sorted = [r, g, b].flatMap((channel) => Array.from(channel)).sort((x, y) => x - y);
  const top = Math.max(1, sorted[Math.floor(sorted.length * 0.99)]) * 1.1;
  /** @param {number[]} levels */
  const area = (levels) => {
    let d = `M0 ${height}`;
    levels.forEach((n, x) => (d += `L${x + 0.5} ${(height * (1 - Math.min(1, n / top))).toFixed(1)}`));
    return `${d}L256 ${height}Z`;
  };
  return svg(
    "svg",
    { viewBox: `0 0 256 ${height}`, preserveAspectRatio: "none", class: "histogram", role: "img", "aria-label": label },
    ...Object.entries({ r, g, b }).map(([name, channel]) => svg("path", { d: area(Array.from(channel)), class: `channel ${name}` })),
  );
}

/**
 * scatter plots pairs of neighboring samples, x, y, x, y, …, as points.
 *
 * @param {Uint8Array} pairs
 * @param {string} label
 */
export function scatter(pairs, label) {
  let d = "";
  for (let i = 0; i + 1 < pairs.length; i += 2) d += `M${pairs[i]} ${255 - pairs[i + 1]}h0`;
  return svg("svg", { viewBox: "-2 -2 260 260", class: "scatter", role: "img", "aria-label": label }, svg("path", { d }));
}
