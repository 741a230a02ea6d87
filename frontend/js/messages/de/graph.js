export default {
  nodes: { one: '{count} Knoten', other: '{count} Knoten' },
  run: 'Ausführen',
  notInstalled: '„{name}“ ist nicht installiert',
  noModelNamed: 'nennt kein Modell',
  chooseModel: 'Wähle eins, das hier ist',
  install:
    'Hier ist kein Modell dieser Art. Lege seine Datei dorthin, wo ComfyUI sie sucht, unter den Ordner models dieses Studios, und sieh noch einmal nach.',
  installInto:
    'Hier ist kein Modell dieser Art. Lege seine Datei (.safetensors) in den Ordner {folder} dieses Studios und sieh noch einmal nach.',
  inputs: 'Er liest diese Dateien. Wähle deine:',
  hashing: 'Hat Studio sie schon? {percent} %',
  uploading: 'Wird hochgeladen, {percent} %',
  uploaded: 'Fertig',
};
