export default {
  offline: 'Studio ist nicht zu erreichen. Prüfe die Verbindung und versuche es noch einmal.',
  foreign: 'Unterwegs hat etwas geantwortet, das nicht Studio ist. Versuche es gleich noch einmal.',
  wrong_credentials: 'Dieser Name und dieses Passwort gehören nicht zusammen.',
  too_many_logins: 'Zu viele Versuche. Versuche es später noch einmal.',
  invalid_token: 'Dieser Link ist verbraucht, abgelaufen oder nicht vollständig. Bitte um einen neuen.',
  already_set_up:
    'Ein Link zum Einrichten gilt ein Mal, und dieses Studio gehört schon jemandem. Melde dich stattdessen an.',
  name_taken: 'Jemand heißt schon so. Wähle einen anderen Namen.',
  forbidden: 'Das darfst du hier nicht.',
  not_found: 'Das gibt es nicht mehr.',
  session_required: 'Melde dich dafür an; ein Schlüssel genügt nicht.',
  asset_in_use: 'Ein Auftrag, der noch nicht zu Ende ist, braucht es. Versuche es danach noch einmal.',
  payload_too_large: 'Das ist größer, als dieses Studio annimmt.',
  too_many_uploads: 'Es wird schon zu viel hochgeladen. Warte, bis etwas fertig ist.',
  hash_mismatch: 'Die Datei hat sich unterwegs verändert. Wähle sie noch einmal.',
  unreadable_file:
    'Die Datei lässt sich nicht mehr lesen. Vielleicht hat sie sich verändert; wähle sie noch einmal.',
  missing_asset: 'Eine Datei, die er liest, ist nicht unter deinen. Wähle eine dafür.',
  queue_full: 'Die Schlange ist voll. Versuche es gleich noch einmal.',
  rate_limited: 'Das war zu viel auf einmal. Versuche es gleich noch einmal.',
  no_checkpoint:
    'Ein Bild aus Worten braucht einen Checkpoint. Lege eine Modelldatei (.safetensors, etwa SD 1.5 oder SDXL) in den Ordner models/checkpoints dieses Studios und sieh noch einmal nach.',
  unavailable: 'Studio ist noch nicht so weit. Versuche es gleich noch einmal.',
  storage_unavailable:
    'Studio kann gerade nicht auf seine Platte schreiben. Nichts ging verloren; versuche es noch einmal.',
  disk_full: 'Die Platte ist voll. Entferne etwas und versuche es noch einmal.',
  engine_crash: 'Die Engine ist bei dieser Arbeit abgestürzt.',
  engine_refused: 'Keine Engine hat das angenommen.',
  output_lost: 'Das Ergebnis ließ sich nicht lesen.',
  credentials_lost: 'Ein Schlüssel, den er braucht, wurde nicht aufgehoben. Schick ihn noch einmal ab.',
  internal_error: 'In Studio ist etwas schiefgegangen. Näheres steht in seinem Protokoll.',
  no_engine: 'Keine Engine ist eingerichtet; es gibt keinen Editor zu öffnen.',
  http_413: 'Ein Proxy auf dem Weg lehnt diese Größe ab.',
  http_502: 'Ein Proxy auf dem Weg konnte Studio nicht erreichen. Versuche es gleich noch einmal.',
  http_503: 'Ein Proxy auf dem Weg konnte Studio nicht erreichen. Versuche es gleich noch einmal.',
  http_504: 'Ein Proxy auf dem Weg konnte nicht auf Studio warten. Versuche es gleich noch einmal.',
  workflow_not_shared: 'Sein Workflow gehört nur dir; niemand sonst könnte es ausführen.',
  interrupted: 'Jemand hat es in der Engine angehalten.',
  deadline_passed: 'Seine Zeit war um, bevor er an die Reihe kam.',
  upstream_error: 'In Studio ist etwas schiefgegangen. Näheres steht in seinem Protokoll.',
  no_graph:
    'In dieser Datei ist kein Workflow. Nimm JSON im API-Format oder ein PNG, das ComfyUI gespeichert hat.',
  ui_format:
    'Das ist das eigene Format des Editors. Wähle in ComfyUI „Export (API)“ aus dem Workflow-Menü und nimm diese Datei.',
  too_large: 'Diese Datei ist zu groß für einen Workflow.',
  not_allowed:
    'Gäste erstellen aus Worten. Wem das Studio gehört, kann dich zum Mitglied machen; dann gehen auch Workflows.',
};
