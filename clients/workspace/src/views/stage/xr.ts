// Whether there is a headset, or a telephone that mixes rooms.

export type XrKind = "immersive-vr" | "immersive-ar";

const KINDS: readonly XrKind[] = ["immersive-vr", "immersive-ar"];
export const XR_NAMES: Record<XrKind, string> = { "immersive-vr": "Enter VR", "immersive-ar": "Enter AR" };

/** Which of them this browser can show now. */
export async function supportedXr(): Promise<XrKind[]> {
  const { xr } = navigator as Navigator & { xr?: XRSystem };
  if (!xr) return [];
  const supported = await Promise.all(KINDS.map((kind) => xr.isSessionSupported(kind).catch(() => false)));
  return KINDS.filter((_, index) => supported[index]);
}
