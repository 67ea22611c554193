#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Brings resources/translations/*.ts up to date with the texts of the source, and says what is left to translate.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

usage() {
  cat <<'TEXT'
Usage: installer/update-translations.sh [--check]

Collects the texts of the window with lupdate: all of them for German, those with a number (singular and plural) for
English. New texts are marked unfinished until somebody translates them; texts that are gone are removed.

  --check   change nothing; exit status 1 when a text is missing, unfinished or gone
  --help    show this text

LUPDATE names the program where it is not found (Debian: package qt6-l10n-tools).
TEXT
}

check=no
while (($#)); do
  case "$1" in
    --check) check=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    *)
      printf "error: unknown option '%s'; --help lists the options\n" "$1" >&2
      exit 2
      ;;
  esac
  shift
done

lupdate="${LUPDATE:-$(PATH="/usr/lib/qt6/bin:$PATH" command -v lupdate || true)}"
if [[ -z "$lupdate" ]]; then
  printf 'error: lupdate was not found; install qt6-l10n-tools, or name it with LUPDATE\n' >&2
  exit 1
fi

cd "$root"
target=resources/translations
if [[ "$check" == yes ]]; then
  target="$(mktemp -d)"
  trap 'rm -rf "$target"' EXIT
  cp resources/translations/*.ts "$target"
fi

# Without places in the source a moved line changes nothing here.
update() {
  "$lupdate" ui viz/charts viz/plots viz/overlay app -I . -locations none -no-obsolete -silent -source-language en "$@"
}
update -target-language de -ts "$target/moescope_de.ts"
update -target-language en -pluralonly -ts "$target/moescope_en.ts"

left=0
for file in "$target"/*.ts; do
  count="$(grep -c 'type="unfinished"' "$file" || true)"
  printf '%s: %s to translate\n' "$(basename "$file")" "$count"
  left=$((left + count))
  if [[ "$check" == yes ]] && ! cmp -s "$file" "resources/translations/$(basename "$file")"; then
    printf '%s is not up to date; run installer/update-translations.sh\n' "$(basename "$file")"
    left=$((left + 1))
  fi
done
[[ "$check" == no ]] || ((left == 0))
