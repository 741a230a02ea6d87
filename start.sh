#!/usr/bin/env bash
# Set everything up and run Studio:   ./start.sh [serve [--take-over]]
# Any other command is Studio's own:  ./start.sh run "a red fox"   ./start.sh --help
set -euo pipefail

here="$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)"

if [[ "${STUDIO_IMAGE:-}" == 1 ]]; then
  # The image brings a finished environment of its own.
  python="${STUDIO_VENV:?STUDIO_VENV must name the environment of the image}/bin/python"
else
  "${here}/scripts/setup" runtime
  python="${here}/.venv/bin/python"
fi

if [[ $# -eq 0 || "$*" == serve || "$*" == "serve --take-over" ]]; then
  exec "${python}" "${here}/bootstrap.py" "$@"
fi

# -P: a folder named "studio" where the user happens to be must not be imported.
export PYTHONPATH="${here}${PYTHONPATH:+:${PYTHONPATH}}"
exec "${python}" -P -m studio "$@"
