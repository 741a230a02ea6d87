export default {
  nodes: { one: '{count} nodo', other: '{count} nodi' },
  run: 'Eseguilo',
  notInstalled: '“{name}” non è installato',
  noModelNamed: 'non indica un modello',
  chooseModel: 'Scegline uno presente',
  install: 'Non c’è alcun modello di questo tipo. Metti il file dove ComfyUI lo cerca, sotto la cartella models di questo Studio, poi controlla di nuovo.',
  installInto: 'Non c’è alcun modello di questo tipo. Metti il file (.safetensors) nella cartella {folder} di questo Studio, poi controlla di nuovo.',
  inputs: 'Legge questi file. Scegli i tuoi:',
  hashing: 'Verifica se Studio lo ha già, {percent}%',
  uploading: 'Caricamento, {percent}%',
  uploaded: 'Pronto',
};
