import { contentUrl, kindOf, thumbnailUrl } from './job.js';

/** An output of a job as the library would show it; what only the library knows is asked for. */
export function pictureOf({ job, output }) {
  const isImage = kindOf(output) === 'image';
  const thumbnail = isImage ? `${thumbnailUrl(output)}?size=small` : null;
  return {
    id: output.id,
    job_id: job.id,
    kind: kindOf(output),
    content_type: output.content_type,
    name: output.name,
    title: job.title,
    prompt: '',
    rating: 0,
    favourite: false,
    boards: [],
    width: null,
    height: null,
    user: { id: job.user_id },
    thumbnail,
    preview: isImage ? thumbnailUrl(output) : null,
    content: contentUrl(output),
  };
}
