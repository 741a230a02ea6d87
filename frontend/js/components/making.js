/* Everything that is made of the form beyond its plain fields; loaded after the first look. */
import './advice.js';
import './bring.js';
import './input_loras.js';
import './input_scenes.js';
import './input_size.js';
import './stage.js';

import { addIcons } from './icons.js';

export { ask } from './ask.js';
export { openChooser } from './chooser.js';
export { openCompare } from './compare.js';
export { openGraph } from './graph_file.js';
export { bringFile } from './input_files.js';
export { openCode, openSave } from './preset_dialogs.js';
export { openPrompts } from './saved_prompts.js';
export { openVary } from './vary.js';

addIcons({
  up: 'M6 14.5l6-6 6 6',
  plus: 'M12 5v14M5 12h14',
  swap: 'M4 9h14l-3.5-3.5M20 15H6l3.5 3.5',
  compare: 'M12 3v18M4 6h5v12H4M15 6h5v12h-5',
  star: 'M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9-4.3-4.1 5.9-.8z',
  brush: 'M14 6l4 4-8 8c-1.5 1.5-4 2-6 2 0-2 .5-4.500 2-6zM14 6l3-3 4 4-3 3',
  erase: 'M4 15l9-9 6 6-7 7H8zM11 19h9',
});
