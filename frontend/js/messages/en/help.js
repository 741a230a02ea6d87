export default {
  title: 'Pictures of a real model',
  why: 'This Studio works with its embedded engine, which paints placeholders from your words, so that everything can be tried on any machine. Real pictures need ComfyUI and a model. Whoever runs this Studio can add them:',
  'step.install': 'Install ComfyUI 0.33 or newer on the machine that Studio runs on.',
  'step.where':
    'Say where it is, and which Python it has. In ~/ComfyUI, /opt/comfyui or beside Studio’s own folder it is found by itself.',
  'step.model': 'Install a checkpoint, such as SD 1.5 or SDXL, in the view Models, or put one into Studio’s folder for them.',
  'step.start': 'Look whether it is found, and start Studio again.',
  more: 'A ComfyUI on another machine works as well: STUDIO_ENGINE takes its address. README.md (“With real ComfyUI”) and docs/configuration.md, in Studio’s folder, say more.',
};
