#!/usr/bin/env bash
# Set everything up and run Studio:   ./start.sh [serve [--take-over]]
# Any other command is Studio's own:  ./start.sh run "a red fox"   ./start.sh --help
set -euo pipefail

here="$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)"

as_studio=()
if [[ "${STUDIO_IMAGE:-}" == 1 ]]; then
  # The image brings a finished environment of its own.
  python="${STUDIO_VENV:?STUDIO_VENV must name the environment of the image}/bin/python"
  home="${STUDIO_DIR:-/workspace/studio}"
  owner="$(stat --format %u -- "${home}" 2>/dev/null || echo 0)"
  if [[ "$(id -u)" == 0 && "${owner}" != 0 && "${1:-}" != doctor ]]; then
    # A command in a container that runs leaves no file behind that Studio cannot open. The doctor
    # writes nothing, and sees what bootstrap sees.
    as_studio=(setpriv --reuid "${owner}" --regid "${owner}" --clear-groups --)
  fi
else
  "${here}/scripts/setup" runtime
  python="${here}/.venv/bin/python"
fi

if [[ $# -eq 0 || "$*" == serve || "$*" == "serve --take-over" ]]; then
  exec "${python}" "${here}/bootstrap.py" "$@"
fi

# -P: a folder named "studio" where the user happens to be must not be imported.
export PYTHONPATH="${here}${PYTHONPATH:+:${PYTHONPATH}}"
exec ${as_studio[@]+"${as_studio[@]}"} "${python}" -P -m studio "$@"
