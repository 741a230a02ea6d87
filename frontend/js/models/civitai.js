import { address, api } from '../core/api.js';
import { t } from '../core/messages.js';
import { downloads } from './downloads.js';
import { draft } from './draft.js';
import { notices } from './notices.js';
import { recall, useAsInput } from './recall.js';

const PAGE = 24;
const AT_ONCE = 12;
const pathOf = (id, rest = '') => `/api/civitai/pictures/${id}${rest}`;

/** Where the page shows what an address or a reference of Civitai's leads to. */
export const civitaiAddress = (reference) => `#/civitai/${encodeURIComponent(reference)}`;

/** Whether a text looks as if it led there. */
export const isCivitai = (text) => /^(civitai:|(urn:)?air:)|^https?:\/\/([\w-]+\.)?civitai\.(com|red|green)\//i.test(text.trim());

export const look = (url) => api.get(address('/api/civitai/look', { url }));
export const keptPicture = (id) => api.get(pathOf(id));
export const keep = (id) => api.put(pathOf(id));
export const rate = (id, stars) => api.put(pathOf(id, '/stars'), { stars });
export const takeOut = (id) => api.remove(pathOf(id));

/** Whether something has come whose place among the models Studio is yet to find out. */
export function isSettling({ model, picture }) {
  const wanted = [...(model?.versions.flatMap(({ files }) => files) ?? []), ...(picture?.used ?? [])];
  return wanted.some(({ install }) => install && downloads.of(install)?.state === 'done');
}

/** A page of what is kept: of one version, or of all. */
export const keptPage = ({ version, stars, nsfw, cursor, limit = PAGE }) =>
  api.get(address('/api/civitai/gallery', { version, stars: stars || '', nsfw: nsfw ? 1 : '', cursor, limit }));

/** Have the next ones fetched and kept. */
export const collect = ({ version, nsfw, cursor }) =>
  api.post('/api/civitai/gallery', { version_id: version, cursor: cursor ?? null, limit: AT_ONCE, nsfw });

/** Make the picture a file of one's own, and put it into the form. */
export async function takeAsInput(picture) {
  const asset = await api.post(pathOf(picture.id, '/input'));
  const kind = asset.content_type.split('/')[0];
  const isPlaced = await useAsInput({ asset: asset.id, name: asset.file_path, kind });
  notices.say(t(isPlaced ? 'civitai.isInput' : 'civitai.isFile'));
}

/** Put how it was made into the form. */
export async function takeParameters({ form, used }) {
  await recall({ workflow_id: form.workflow_id, version: null, values: form.values });
  notices.say(form.left_out.length ? leftOutText(form.left_out, used) : t('civitai.recalled'));
}

/** Save how it was made, with the picture on it. */
export async function makePreset(picture) {
  const { preset, left_out: leftOut } = await api.post(pathOf(picture.id, '/preset'), {});
  const { presets } = await import('./presets.js');
  if (presets.items) await presets.load();
  const use = async () => {
    location.hash = '#/create';
    await draft.choosePreset(preset);
  };
  const text = [t('civitai.presetMade', { name: preset.name }), leftOut.length && leftOutText(leftOut, picture.used)];
  notices.say(text.filter(Boolean).join(' '), {
    action: { label: t('civitai.usePreset'), run: () => notices.attempt(use) },
  });
}

/** @param used the models that it was made with: of those that are not here, each is named */
export function leftOutText(parts, used) {
  const named = (part) => {
    const missing = used.filter(({ kind, here }) => kind === part && !here);
    const names = missing.map(({ name, title }) => title || name || t('civitai.nameless'));
    return names.length ? t('civitai.leftOutModel', { part: t(`civitai.part.${part}`), names: names.join(', ') }) : t(`civitai.part.${part}`);
  };
  return t('civitai.leftOut', { names: parts.map(named).join(', ') });
}

/** What is to be seen, as far as anybody knows: the words that it was made of. */
export function altOf({ recipe, creator, kind }) {
  const words = recipe?.prompt.replace(/\s+/g, ' ').slice(0, 140);
  if (words) return words;
  const what = t(kind === 'video' ? 'civitai.film' : 'civitai.picture');
  return creator ? t('civitai.pictureBy', { what, name: creator }) : what;
}
