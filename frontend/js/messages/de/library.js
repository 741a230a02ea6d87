export default {
  title: 'Bibliothek',
  search: 'Prompts durchsuchen',
  everybody: 'Von allen',
  empty: 'Was du erstellst, bleibt hier.',
  nothing: 'Nichts gefunden zu „{text}“.',
  end: 'Das ist alles.',
};
