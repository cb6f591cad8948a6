/** The pictures, as lines on a field of 24 by 24. */

export const PATHS = {
  feed: "M4 5h16M4 12h16M4 19h10",
  room: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm8 0a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.5 19c0-3 2.4-5 5.5-5s5.5 2 5.5 5M15 14.2c3.6-.7 6.5 1.4 6.5 4.8",
  thread: "M4 5h16v11H9l-5 4V5Z",
  plus: "M12 5v14M5 12h14",
  back: "m15 5-7 7 7 7",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  close: "m6 6 12 12M18 6 6 18",
  down: "m6 9 6 6 6-6",
  up: "m6 15 6-6 6 6",
  send: "M4 12 20 5l-5 15-3.5-6.5L4 12Z",
  info: "M12 8h.01M11 12h1v4h1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  settings: "M4 7h9m4 0h3M4 17h3m4 0h9M15 9.5v-5M9 19.5v-5",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm9 2-4-4",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1",
  edit: "m5 19 .8-4L16 4.800 19.200 8 9 18.200 5 19Z",
  remove: "M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13",
  desk: "M4 13h4l1.500 3h5L16 13h4M4 13l2.500-8h11L20 13v6H4v-6Z",
  place:
    "M12 21c-4-4.500-6-7.500-6-10.500a6 6 0 1 1 12 0c0 3-2 6-6 10.500Zm0-8.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  image: "M4 5h16v14H4V5Zm0 11 5-5 4 4 3-3 4 4M15.500 9h.01",
  file: "M6 3h8l4 4v14H6V3Zm8 0v4h4",
  check: "m5 12.500 4.500 4.500L19 7.500",
  person:
    "M12 11.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.500 20.500c0-4 3.400-6.500 7.500-6.500s7.500 2.500 7.500 6.500",
} as const;
export type IconName = keyof typeof PATHS;
