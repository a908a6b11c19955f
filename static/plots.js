// Drawings of what a picture's samples look like, as SVG.

function draw(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// histogram draws counts of 256 levels, {r, g, b}, each an area from level 0 on
// the left. The scale ends at the largest count that is no outlier: a picture
// with much pure black or white would flatten all else.
export function histogram({ r, g, b }, label) {
  const height = 100;
  const counts = [...r, ...g, ...b].sort((x, y) => x - y);
  const top = Math.max(1, counts[Math.floor(counts.length * 0.99)]) * 1.1;
  const area = (levels) => {
    let d = `M0 ${height}`;
    levels.forEach((n, x) => (d += `L${x + 0.5} ${(height * (1 - Math.min(1, n / top))).toFixed(1)}`));
    return `${d}L256 ${height}Z`;
  };
  const channels = { r, g, b };
  return draw(
    "svg",
    { viewBox: `0 0 256 ${height}`, preserveAspectRatio: "none", class: "histogram", role: "img", "aria-label": label },
    ...Object.keys(channels).map((name) => draw("path", { d: area([...channels[name]]), class: `channel ${name}` })),
  );
}

// scatter draws neighbouring samples, bytes x, y, x, y, …, each pair a point.
export function scatter(pairs, label) {
  let d = "";
  for (let i = 0; i + 1 < pairs.length; i += 2) d += `M${pairs[i]} ${255 - pairs[i + 1]}h0`;
  return draw("svg", { viewBox: "-2 -2 260 260", class: "scatter", role: "img", "aria-label": label }, draw("path", { d }));
}
