export default {
  title: 'Library',
  search: 'Search prompts',
  everybody: 'Everybody’s',
  empty: 'What you create is kept here.',
  nothing: 'Nothing found for “{text}”.',
  end: 'That is all.',
};
