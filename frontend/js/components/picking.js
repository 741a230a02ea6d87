import { making } from './later.js';

/** Let somebody choose pictures of the library; answers their ids. */
export async function pickPictures(several) {
  await making();
  const { openLibrary } = await import('./library_picker.js');
  return ((await openLibrary('image', several)) ?? []).map(({ asset }) => asset);
}
