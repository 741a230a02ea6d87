/*
 * The workflows that Studio brings speak the page's language. Their manifests are written in English;
 * `messages/<language>/shipped.js` says the same, by the English words. What a person wrote stays as it is.
 */
import { has, language, loadMessages, t } from './messages.js';

const READ = ['name', 'description', 'help', 'placeholder', 'label'];

/** One text of a manifest. */
export const inWords = (text) => (has(`shipped.${text}`) ? t(`shipped.${text}`) : text);

function spoken(entry) {
  const texts = READ.filter((name) => typeof entry[name] === 'string').map((name) => [name, inWords(entry[name])]);
  return { ...entry, ...Object.fromEntries(texts) };
}

function spokenField({ presets, ...field }) {
  const more = field.options ? { options: field.options.map(spoken) } : {};
  if (presets) {
    const sizes = Object.entries(presets).map(([family, all]) => [family, all.map(spoken)]);
    more.presets = Object.fromEntries(sizes);
  }
  return { ...spoken(field), ...more };
}

/** A workflow as Studio's API tells it, in words for people. */
export async function translated(workflow) {
  if (language === 'en' || !workflow.shipped) return workflow;
  // English stands in for what could not be loaded; the next time it is tried again.
  await loadMessages('shipped').catch(() => {});
  const form = workflow.form ? { form: workflow.form.map(spokenField) } : {};
  return { ...spoken(workflow), ...form };
}
