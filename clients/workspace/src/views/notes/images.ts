// A picture, made small enough to be a note.

const KEPT = ["image/png", "image/jpeg", "image/webp", "image/gif"];
/** How large and how good, the best first: the longer side in pixels, and the quality. */
const TRIES: [number, number][] = [
  ...([[1024, 0.6], [800, 0.6], [640, 0.7], [640, 0.5], [512, 0.6], [512, 0.4], [400, 0.6], [400, 0.4]] as [number, number][]),
  ...([[320, 0.6], [320, 0.4], [256, 0.5], [256, 0.3], [192, 0.4], [128, 0.5], [96, 0.5]] as [number, number][]),
];
const LARGEST_FILE = 40_000_000;

/** A file as a data: address of at most so many characters. Rejected, in words, where it cannot be made so small. */
export async function pictureOf(file: Blob, most: number): Promise<string> {
  if (file.size > LARGEST_FILE) throw new Error("This file is too large.");
  if (KEPT.includes(file.type) && file.size < most * 0.7) {
    const whole = await asAddress(file);
    if (whole.length <= most) return whole;
  }
  const picture = await decoded(file);
  try {
    for (const [side, quality] of TRIES) {
      if (side > 2 * Math.max(picture.width, picture.height)) continue;
      const made = encoded(picture, side, quality);
      if (made.length <= most) return made;
    }
  } finally {
    picture.close();
  }
  throw new Error("This picture has too much in it to be made small enough for a note.");
}

async function decoded(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error("This is no picture that the browser can read. PNG, JPEG, WebP and GIF are.");
  }
}

function encoded(picture: ImageBitmap, side: number, quality: number): string {
  const scale = Math.min(1, side / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot make pictures smaller.");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const webp = canvas.toDataURL("image/webp", quality);
  if (webp.startsWith("data:image/webp")) return webp;
  // A browser that writes no WebP: JPEG knows nothing transparent.
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", quality);
}

function asAddress(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(`${reader.result}`);
    reader.onerror = () => reject(new Error("The file could not be read."));
    reader.readAsDataURL(file);
  });
}

/** The picture among what was pasted or dropped. */
export function pictureIn(data: DataTransfer | null): File | null {
  return [...data?.files ?? []].find(({ type }) => type.startsWith("image/")) ?? null;
}
