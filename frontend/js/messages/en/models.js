export default {
  downloadsNow: 'Under way',
  downloadsEnded: 'What came lately',
  downloadsNone: 'Nothing is being fetched.',
  atOnce: 'At once',
  speed: 'Speed',
  speedAny: 'As fast as it goes',
  speedOf: 'At most {speed}/s',
  together: '{speed}/s together',
};
