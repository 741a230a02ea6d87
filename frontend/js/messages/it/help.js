export default {
  title: 'Immagini di un vero modello',
  why: 'Questo Studio usa il motore incorporato, che dipinge segnaposto a partire dalle tue parole, così tutto si può provare su qualsiasi macchina. Per immagini vere servono ComfyUI e un modello. Chi gestisce questo Studio può aggiungerli:',
  'step.install': 'Installa ComfyUI 0.33 o successivo sulla macchina su cui gira Studio.',
  'step.where': 'Indica dove si trova e quale Python usa. In ~/ComfyUI, /opt/comfyui o accanto alla cartella di Studio viene trovato da solo.',
  'step.model': 'Installa un checkpoint, come SD 1.5 o SDXL, nella vista Modelli, oppure mettine uno nella cartella di Studio dedicata.',
  'step.start': 'Controlla se viene trovato e riavvia Studio.',
  more: 'Va bene anche un ComfyUI su un’altra macchina: STUDIO_ENGINE ne riceve l’indirizzo. README.md (“With real ComfyUI”) e docs/configuration.md, nella cartella di Studio, dicono di più.',
};
