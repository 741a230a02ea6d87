import { addIcons } from './icons.js';

/* Outlines of the wizard; the first load needs none of them. */
addIcons({
  plus: 'M12 5v14M5 12h14',
  earlier: 'M12 19V5M6 11l6-6 6 6',
  later: 'M12 5v14M6 13l6 6 6-6',
});
