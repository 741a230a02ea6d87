/* What became of an update; said in every view. */
export default {
  rolledBack: 'Studio è tornato indietro da {release} il {at}.',
  failed: 'L’aggiornamento non è stato eseguito; la versione in uso continua.',
  image: 'L’immagine contiene la versione {version}; in uso c’è la {own}.',
  more: 'Altro in Sistema',
};
