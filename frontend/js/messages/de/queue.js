export default {
  title: 'Schlange',
  running: 'Jetzt',
  waiting: 'Wartet',
  ended: 'Gerade beendet',
  empty: 'Nichts wartet. Was du erstellst, reiht sich hier ein.',
  cancelMine: 'Alle meine abbrechen',
  cancelMineSure: 'Wirklich alle abbrechen?',
  canceledMany: { one: '{count} Auftrag abgebrochen.', other: '{count} Aufträge abgebrochen.' },
  more: 'und {count} weitere',
};
