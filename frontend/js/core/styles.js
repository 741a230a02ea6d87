const loading = new Map();

/** Load a style sheet of a part that is shown later than the first. */
export function loadStyles(name) {
  if (!loading.has(name)) {
    const link = Object.assign(document.createElement('link'), {
      rel: 'stylesheet',
      href: `/static/css/${name}.css`,
    });
    loading.set(
      name,
      new Promise((resolve, reject) => {
        link.onload = resolve;
        link.onerror = () => {
          loading.delete(name);
          link.remove();
          reject(new Error(link.href));
        };
      }),
    );
    document.head.append(link);
  }
  return loading.get(name);
}
