export default {
  title: 'Queue',
  running: 'Now',
  waiting: 'Waiting',
  ended: 'Just ended',
  empty: 'Nothing waits. What you create lines up here.',
  cancelMine: 'Cancel all of mine',
  cancelMineSure: 'Really cancel all?',
  canceledMany: { one: '{count} job cancelled.', other: '{count} jobs cancelled.' },
  more: 'and {count} more',
};
