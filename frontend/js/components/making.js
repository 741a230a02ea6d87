/* Everything that is made of the form beyond its plain fields; loaded after the first look. */
import './advice.js';
import './bring.js';
import './input_loras.js';
import './input_scenes.js';
import './input_size.js';
import './stage.js';

export { ask } from './ask.js';
export { openChooser } from './chooser.js';
export { openCompare } from './compare.js';
export { openGraph } from './graph_file.js';
export { bringFile } from './input_files.js';
export { openCode, openSave } from './preset_dialogs.js';
export { openPrompts } from './saved_prompts.js';
export { dice, toggleLock } from './seeds.js';
export { openVary } from './vary.js';
