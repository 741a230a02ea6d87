export default {
  downloadsNow: 'Unterwegs',
  downloadsEnded: 'Zuletzt gekommen',
  downloadsNone: 'Gerade wird nichts geholt.',
  atOnce: 'Zugleich',
  speed: 'Tempo',
  speedAny: 'So schnell es geht',
  speedOf: 'Höchstens {speed}/s',
  together: 'zusammen {speed}/s',
};
