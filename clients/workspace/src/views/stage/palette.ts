// The colours of the page's design for what draws by itself, as they are in its light or dark now.

export type Rgb = readonly [red: number, green: number, blue: number];

const TOKENS = ["ground", "panel", "raised", "sunk", "line", "line-strong", "ink", "soft", "accent", "good", "warning", "bad"] as const;
const PEOPLE = 8;

export type Palette = Record<(typeof TOKENS)[number], Rgb> & { people: readonly Rgb[]; isDark: boolean };

/** Read them where `element` is: a design's token says nothing of what `light-dark()` comes to. */
export function paletteOf(element: HTMLElement): Palette {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const read = (token: string): Rgb => {
    probe.style.color = `var(--${token})`;
    const [red = 0, green = 0, blue = 0] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? []).map(Number);
    return [red / 255, green / 255, blue / 255];
  };
  const colours = Object.fromEntries(TOKENS.map((token) => [token, read(token)])) as Record<(typeof TOKENS)[number], Rgb>;
  const people = Array.from({ length: PEOPLE }, (_, index) => read(`person-${index}`));
  probe.remove();
  const [red, green, blue] = colours.ground;
  return { ...colours, people, isDark: red + green + blue < 1.5 };
}

export function mix(one: Rgb, other: Rgb, share: number): Rgb {
  const between = (index: 0 | 1 | 2) => one[index] + (other[index] - one[index]) * share;
  return [between(0), between(1), between(2)];
}

export function css([red, green, blue]: Rgb, alpha = 1): string {
  return `rgb(${Math.round(red * 255)} ${Math.round(green * 255)} ${Math.round(blue * 255)} / ${alpha})`;
}

/** Call `changed` when the page's colours are others; call what is returned to stop it. */
export function onPalette(changed: () => void): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = new MutationObserver(changed);
  theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", changed);
  return () => {
    theme.disconnect();
    dark.removeEventListener("change", changed);
  };
}
