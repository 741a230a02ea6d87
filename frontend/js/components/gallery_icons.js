import { addIcons } from './icons.js';

/* Outlines of the library, the queue and the lightbox; the first load does without. */
addIcons({
  heart: 'M12 20s-7.5-4.6-7.5-10A4.2 4.2 0 0 1 12 7.4 4.2 4.2 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z',
  star: 'M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9-4.3-4.1 5.9-.8z',
  filter: 'M4 6h16M7 12h10M10 18h4',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8h.01',
  board: 'M4 6h6l2 2h8v11H4z',
  grip: 'M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01',
  minus: 'M5 12h14',
  sound: 'M9 17V6l10-2v11M9 17a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 15a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z',
  rows: 'M4 5h9v6H4zM16 5h4v6h-4zM4 14h5v5H4zM12 14h8v5h-8z',
  squares: 'M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z',
  plus: 'M12 5v14M5 12h14',
  first: 'M12 19V5M6 11l6-6 6 6',
  last: 'M12 5v14M6 13l6 6 6-6',
});
