export default {
  title: 'Bilder eines echten Modells',
  why: 'Dieses Studio arbeitet mit seiner eingebauten Engine, die aus deinen Worten Platzhalter malt, damit sich alles auf jedem Rechner ausprobieren lässt. Echte Bilder brauchen ComfyUI und ein Modell. Wer dieses Studio betreibt, kann beides hinzufügen:',
  'step.install': 'Installiere ComfyUI 0.33 oder neuer auf dem Rechner, auf dem Studio läuft.',
  'step.where':
    'Sag, wo es ist und welches Python es hat. In ~/ComfyUI, /opt/comfyui oder neben dem Ordner von Studio wird es von selbst gefunden.',
  'step.model': 'Installiere einen Checkpoint, etwa SD 1.5 oder SDXL, in der Ansicht Modelle, oder lege einen in den Ordner, den Studio dafür hat.',
  'step.start': 'Sieh nach, ob es gefunden wird, und starte Studio neu.',
  more: 'Ein ComfyUI auf einem anderen Rechner geht auch: STUDIO_ENGINE nimmt seine Adresse. README.md („With real ComfyUI“) und docs/configuration.md im Ordner von Studio sagen mehr.',
};
