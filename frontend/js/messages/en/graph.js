export default {
  nodes: { one: '{count} node', other: '{count} nodes' },
  run: 'Run it',
  notInstalled: '“{name}” is not installed',
  noModelNamed: 'names no model',
  chooseModel: 'Choose one that is here',
  install:
    'No model of this kind is here. Put its file where ComfyUI looks for it, below the folder models of this Studio, then look again.',
  installInto:
    'No model of this kind is here. Put its file (.safetensors) into the folder {folder} of this Studio, then look again.',
  inputs: 'It reads these files. Choose yours:',
  hashing: 'Looking whether Studio has it, {percent} %',
  uploading: 'Uploading, {percent} %',
  uploaded: 'Ready',
};
