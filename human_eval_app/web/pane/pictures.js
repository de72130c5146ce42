// Loading pictures so that no answer can be given before all of them have been seen.

// Resolves with `true` once every image is decoded and one frame with them has been painted, `false` if one fails.
export async function allPainted(images) {
  try {
    await Promise.all(images.map((image) => image.decode()));
  } catch {
    return false;
  }
  for (const image of images) if (!image.naturalWidth) return false;
  return true;
}

// Resolves after the next frame is on the screen. A hidden tab paints nothing, so it waits until it is looked at.
export function painted() {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));
}

// Fetches the next item's pictures into the browser's cache, and keeps them decoded.
export class Preloader {
  #kept = new Map();

  want(urls) {
    for (const url of this.#kept.keys()) if (!urls.includes(url)) this.#kept.delete(url);
    for (const url of urls) {
      if (this.#kept.has(url)) continue;
      const image = new Image();
      image.decoding = "async";
      image.src = url;
      image.decode().catch(() => this.#kept.delete(url));
      this.#kept.set(url, image);
    }
  }
}

// The largest square-ish tiling: columns and tile width for `count` pictures of `aspect` (width / height) within
// a box, `gap` apart. No picture is shown wider than `most` CSS pixels.
export function tiling(count, aspect, width, height, gap, most) {
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const wide = (width - gap * (columns - 1)) / columns;
    const high = ((height - gap * (rows - 1)) / rows) * aspect;
    const size = Math.floor(Math.min(wide, high, most));
    if (size > best.size) best = { columns, size };
  }
  return best;
}
