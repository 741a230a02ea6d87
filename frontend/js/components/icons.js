import { html } from '../core/element.js';

/* Outlines on a grid of 24. */
const PATHS = {
  create: 'M12 3l1.9 5.1L19 10l-5.1 1.9L12 17l-1.9-5.1L5 10l5.1-1.9zM18.5 15l.9 2.1 2.1.9-2.1.9-.9 2.1-.9-2.1-2.1-.9 2.1-.9z',
  queue: 'M4 6h16M4 12h16M4 18h10',
  library: 'M4 5h16v14H4zM4 16l4.5-5 3.5 4 2.5-2.5L20 17M15.5 9h.01',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM9 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
  workflows: 'M3 4h6v6H3zM15 4h6v6h-6zM9 14h6v6H9zM6 10v2h12v-2M12 12v2',
  models: 'M12 3l9 5-9 5-9-5zM3 12l9 5 9-5M3 16l9 5 9-5',
  chat: 'M4 5h16v11H11l-5 4v-4H4z',
  system: 'M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.01M7.5 16h.01M11 8h5M11 16h5',
  activity: 'M3 12h4l3-7 4 14 3-7h4',
  more: 'M4.5 12h1M11.5 12h1M18.5 12h1M4.5 12.5h1M11.5 12.5h1M18.5 12.5h1',
  link: 'M10 14l4-4M8.5 11L6 13.5a3.2 3.2 0 0 0 4.5 4.5L13 15.5M11 8.5L13.5 6A3.2 3.2 0 0 1 18 10.5L15.5 13',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.5 3-5.5 6.5-5.5s6.5 2 6.5 5.5M16 4.5a3.5 3.5 0 0 1 0 6M18 15c2.2.7 3.5 2.5 3.5 5',
  dice: 'M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM8.5 8.5h.01M15.5 8.5h.01M12 12h.01M8.5 15.5h.01M15.5 15.5h.01',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  again: 'M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 4.5l12 7.5-12 7.5z',
  editor: 'M3 5h7v5H3zM14 14h7v5h-7zM10 7.5h3.5a2 2 0 0 1 2 2V14',
  leave: 'M14 4h5v16h-5M4 12h11M11 8l4 4-4 4',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  upload: 'M12 16V5M7.5 9L12 4.5 16.5 9M5 20h14',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  unfold: 'M6 9.5l6 6 6-6',
  prompts: 'M5 4h14v16l-7-4-7 4z',
  presets: 'M6 3h12v18l-6-4-6 4z',
  vary: 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z',
  lock: 'M6 11h12v9H6zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11',
  unlocked: 'M6 11h12v9H6zM8.5 11V7.5a3.5 3.5 0 0 1 6.8-1.2',
};

/** Outlines that are needed later. */
export const addIcons = (paths) => Object.assign(PATHS, paths);

export const icon = (name) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]}></path></svg>
`;
