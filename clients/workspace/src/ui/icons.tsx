// The few pictures of the page, as lines in the colour of the text beside them.

const LINES = {
  board: "M3 3h6v8H3zM11 3h6v4h-6zM11 9h6v8h-6zM3 13h6v4H3z",
  space: "M10 2l7 4v8l-7 4-7-4V6zM3 6l7 4 7-4M10 10v8",
  sessions: "M7 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 17c0-3 2-5 5-5s5 2 5 5M13 4a2.5 2.5 0 0 1 0 5M14 12c2.500 0 4 2 4 5",
  alerts: "M10 3l8 14H2zM10 8v4M10 14.500v.1",
  reports: "M5 2h7l4 4v12H5zM12 2v4h4M8 10h5M8 13h5",
  people: "M10 10a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM3 18c0-4 3-6 7-6s7 2 7 6",
  bell: "M10 2a5 5 0 0 1 5 5c0 5 2 6 2 7H3c0-1 2-2 2-7a5 5 0 0 1 5-5zM8 17a2 2 0 0 0 4 0",
  search: "M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3zM13.500 13.500L18 18",
  star: "M10 2l2.500 5.200 5.500.7-4 3.900 1 5.700-5-2.800-5 2.800 1-5.700-4-3.900 5.500-.7z",
  edit: "M3 17l1-4L13.500 3.500a2 2 0 0 1 3 3L7 16z",
  close: "M4 4l12 12M16 4L4 16",
  check: "M3 10l5 5 9-11",
  more: "M4 10h.1M10 10h.1M16 10h.1",
  plus: "M10 3v14M3 10h14",
  minus: "M3 10h14",
  home: "M3 10l7-7 7 7M5 8v9h10V8",
  left: "M13 3l-7 7 7 7",
  right: "M7 3l7 7-7 7",
  up: "M3 13l7-7 7 7",
  down: "M3 7l7 7 7-7",
  note: "M3 3h14v10l-4 4H3zM13 17v-4h4M6 7h8M6 10h5",
  flag: "M4 18V3M4 4h11l-2 3.500 2 3.500H4",
  play: "M5 3l12 7-12 7z",
  pause: "M6 3v14M14 3v14",
  link: "M8 12l4-4M7 9L4.500 11.500a3 3 0 0 0 4 4L11 13M13 11l2.500-2.500a3 3 0 0 0-4-4L9 7",
  pin: "M10 18v-6M6 3h8l-1 5 2 3H5l2-3z",
  clock: "M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM10 5v5l3 2",
  eye: "M2 10c2-4 5-6 8-6s6 2 8 6c-2 4-5 6-8 6s-6-2-8-6zM10 7.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
  reply: "M8 4L3 9l5 5M3 9h8c4 0 6 2 6 7",
  bin: "M3 5h14M8 5V3h4v2M5 5l1 13h8l1-13",
  out: "M8 3H3v14h5M7 10h10M13 6l4 4-4 4",
  settings: "M3 5h9M16 5h1M3 10h2M9 10h8M3 15h9M16 15h1M14 3v4M7 8v4M14 13v4",
  critical: "M7 2h6l5 5v6l-5 5H7l-5-5V7zM10 6v5M10 14v.1",
  info: "M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM10 9v5M10 6v.1",
  download: "M10 3v10M5 9l5 5 5-5M3 17h14",
} as const;

export type IconName = keyof typeof LINES;

export function Icon({ name, filled = false }: { name: IconName; filled?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" data-filled={filled || undefined}>
      <path d={LINES[name]} />
    </svg>
  );
}
