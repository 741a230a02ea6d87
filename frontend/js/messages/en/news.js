/* What became of an update; said in every view. */
export default {
  rolledBack: 'Studio went back from {release} on {at}.',
  failed: 'The update was not made; what ran runs on.',
  image: 'The image brings version {version}; {own} runs.',
  more: 'More in System',
};
