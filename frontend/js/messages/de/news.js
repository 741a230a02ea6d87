/* Was aus einem Update wurde; jede Ansicht sagt es. */
export default {
  rolledBack: 'Studio ist am {at} von {release} zurückgekehrt.',
  failed: 'Das Update wurde nicht gemacht; was lief, läuft weiter.',
  image: 'Das Image bringt Version {version} mit; {own} läuft.',
  more: 'Mehr unter System',
};
