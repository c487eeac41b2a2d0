#!/usr/bin/env bash
# Shows the main job end to end: two devices study and edit offline, a server merges them, nothing is lost.
# Needs Rust and a C compiler. Everything happens in a temporary folder and on loopback; nothing is left behind.
# Ends with an error if anything it promises does not hold.
#
#   ./demo.sh           the whole deck (193 cards, 386 pictures and sounds)
#   ./demo.sh --keep    leave the temporary folder, to look around in it
set -euo pipefail
cd "$(dirname "$0")"

keep=no
case "${1:-}" in
  "") ;;
  --keep) keep=yes ;;
  *) echo "usage: ./demo.sh [--keep]" >&2; exit 2 ;;
esac

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; else bold='' green='' red='' plain=''; fi
broken=0
title() { echo; echo "${bold}$*${plain}"; }
tell() { echo "   $*"; }

# A promise: its words, what is, what should be.
promise() {
  if [ "$2" = "$3" ]; then
    echo "   ${green}ok${plain}  $1"
  else
    echo "   ${red}NO${plain}  $1: expected '$3', found '$2'"
    broken=$((broken + 1))
  fi
}

command -v cargo >/dev/null || { echo "Rust is missing: install it with rustup (https://rustup.rs) and run this again" >&2; exit 1; }
command -v cc >/dev/null && command -v make >/dev/null || { echo "a C compiler or make is missing: apt-get install gcc make, and run this again" >&2; exit 1; }

title "Building (the first time takes a few minutes)"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
# The whole workspace, as ./test.sh does, so that nothing is built twice.
cargo build --quiet --locked --workspace --bins
tell "memoryvault and memoryvault-server are in $CARGO_TARGET_DIR/debug"

work=$(mktemp -d "${TMPDIR:-/tmp}/memoryvault-demo.XXXXXX")
server_pid=''
stop_server() {
  [ -n "$server_pid" ] || return 0
  kill -TERM "$server_pid" 2>/dev/null || true
  local code=0
  wait "$server_pid" || code=$?
  server_pid=''
  return "$code"
}
clean_up() {
  stop_server || true
  if [ "$keep" = yes ]; then echo "   the vaults and the server's data are in $work"; else rm -rf "$work"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

password='seven small rivers meet here'
deck=fixtures/decks/capitals

# on DEVICE COMMAND...: the real program on one device, each with a home of its own.
on() {
  local device=$1
  shift
  env HOME="$work/$device" XDG_RUNTIME_DIR="$work/$device/run" XDG_CONFIG_HOME="$work/$device/config" NO_COLOR=1 \
    "$CARGO_TARGET_DIR/debug/memoryvault" --vault "$work/$device/vault" "$@"
}
# show DEVICE COMMAND...: the same, with the command line above its indented output.
show() {
  local device=$1
  shift
  printf '   %s$ memoryvault' "$device"
  local word
  for word in "$@"; do
    case "$word" in *" "*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
  done
  echo
  on "$device" "$@" 2>&1 | sed 's/^/     /'
}
# field NAME: the first value of that name in a JSON object on stdin (ids, numbers and digests: nothing escaped).
field() { grep -o "\"$1\":\"\\{0,1\\}[^\",}]*" | head -n 1 | sed 's/^[^:]*:"\{0,1\}//' || true; }
status() { on "$1" status --json | field "$2"; }
# Words of the card's front find it; its id is the first field of its line.
card() { on "$1" --json card list "$2" 2>/dev/null | field id; }
shows() { if on "$1" --json card show "$2" 2>/dev/null | grep -qF -- "$3"; then echo yes; else echo no; fi; }

# Starts the server on a port ("0" is any) and waits for its first line.
start_server() {
  "$CARGO_TARGET_DIR/debug/memoryvault-server" --data "$work/server" --listen "127.0.0.1:$1" --registration open \
    >"$work/server.out" 2>"$work/server.log" &
  server_pid=$!
  for _ in $(seq 300); do
    url=$(sed -n '1s/^listening on //p' "$work/server.out")
    [ -z "$url" ] || return 0
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "the server did not start:" >&2
  cat "$work/server.log" >&2
  exit 1
}
sync_line() {
  local out
  out=$(on "$1" sync --json)
  tell "$1 synced: $(field pushed <<<"$out") changes up, $(field pulled <<<"$out") down," \
    "$(field blobs_sent <<<"$out") files up, $(field blobs_received <<<"$out") down," \
    "$(field bytes_sent <<<"$out") bytes sent, $(field bytes_received <<<"$out") received"
}

title "1. A laptop, alone: 193 countries with their flags and the spoken names of their capitals"
mkdir -p "$work"/{laptop,phone}/{run,config}
chmod 700 "$work"/{laptop,phone}/run
on laptop --quiet init --name laptop >/dev/null
on laptop --quiet deck add Capitals >/dev/null
from=$SECONDS
while IFS=$'\t' read -r front back tags image sound alt; do
  on laptop --quiet add --deck Capitals --front "$front" --front-image "$deck/$image" --alt "$alt" \
    --back "$back" --back-audio "$deck/$sound" --alt "$back" --tag "$tags" >/dev/null
done < <(tail -n +2 "$deck/capitals.tsv")
tell "$(status laptop cards) cards with $(status laptop blobs) pictures and sounds, each written to the disk for good, in $((SECONDS - from)) s"
promise "every row of the deck became a card" "$(status laptop cards)" "$(tail -n +2 "$deck/capitals.tsv" | wc -l)"
show laptop card show "$(card laptop Nepal)"

title "2. A server, and a phone that joins"
start_server 0
tell "memoryvault-server is listening on $url"
on laptop --quiet account register "$url" --user ada --login --password-stdin <<<"$password" >/dev/null
sync_line laptop
on phone --quiet init --name phone >/dev/null
on phone --quiet account login "$url" --user ada --password-stdin <<<"$password" >/dev/null
sync_line phone
promise "both devices show the same" "$(status phone state_digest)" "$(status laptop state_digest)"
promise "every picture and sound has arrived" "$(status phone blobs) of them, $(status phone blobs_missing) missing" "$(status laptop blobs) of them, 0 missing"

title "3. The network is gone: the server is stopped, both go on"
stop_server && stopped=well || stopped=badly
promise "the server stopped cleanly" "$stopped" well
chad=$(card laptop Chad) fiji=$(card laptop Fiji) peru=$(card laptop Peru) iraq=$(card laptop Iraq) japan=$(card laptop Japan)
afghanistan=$(card laptop Afghanistan)

tell "One card, Chad: the laptop rewrites the front, the phone the back, each adds a tag."
on laptop --quiet card edit "$chad" --front "Which city is the capital of Chad?" --tag seen-on-laptop >/dev/null
on phone --quiet card edit "$chad" --back "N'Djamena, on the river Chari" --tag seen-on-phone >/dev/null
tell "The laptop deletes Fiji, the phone, not knowing, improves it."
on laptop --quiet card remove "$fiji" --yes >/dev/null
on phone --quiet card edit "$fiji" --back "Suva, on Viti Levu" >/dev/null
tell "The phone deletes Iraq. Nobody else touches it."
on phone --quiet card remove "$iraq" --yes >/dev/null
tell "Both rewrite the same sentence, the back of Peru."
on laptop --quiet card edit "$peru" --back "Lima, the City of Kings" >/dev/null
on phone --quiet card edit "$peru" --back "Lima, on the Pacific" >/dev/null

tell "Both study, and each is served the same first cards. On the laptop (keys: Enter shows the answer, 3 is good):"
keys=$'\n3\n\n3\nq\n'
on laptop study --deck Capitals <<<"$keys" 2>&1 | sed 's/^/     /'
on phone --quiet study --deck Capitals <<<"$keys" >/dev/null
tell "Then twelve more cards on the laptop, twelve on the phone, six of them the same."
# The same six letters find the same cards on both.
mapfile -t cards < <(on laptop --json card list tag:Africa 2>/dev/null | grep -o '^{"id":"[^"]*' | cut -d'"' -f4 | head -n 18)
for id in "${cards[@]:0:12}"; do on laptop --quiet review "$id" good >/dev/null; done
for id in "${cards[@]:6:12}"; do on phone --quiet review "$id" good --difficulty 2 >/dev/null; done
tell "Japan: known on the laptop, forgotten on the phone."
on laptop --quiet review "$japan" good >/dev/null
on phone --quiet review "$japan" again >/dev/null
promise "the laptop kept its 15 answers, offline" "$(status laptop events)" 15
promise "the phone kept its 15 answers, offline" "$(status phone events)" 15
if on laptop sync >/dev/null 2>"$work/offline"; then code=0; else code=$?; fi
promise "a sync without a network says so (exit code 7) and loses nothing" "$code" 7
sed 's/^/       /' "$work/offline"

title "4. The network is back"
start_server "${url##*:}"
sync_line laptop
sync_line phone
sync_line laptop

title "5. What became of it"
tell "Chad has both texts and all tags:"
show phone card show "$chad"
for device in laptop phone; do
  promise "$device: the front from the laptop" "$(shows $device "$chad" 'Which city is the capital of Chad?')" yes
  promise "$device: the back from the phone" "$(shows $device "$chad" "N'Djamena, on the river Chari")" yes
  promise "$device: the tags of both" "$(shows $device "$chad" seen-on-laptop) $(shows $device "$chad" seen-on-phone)" "yes yes"
  promise "$device: Fiji is kept, because it was edited without knowing of the deletion" "$(shows $device "$fiji" 'Suva, on Viti Levu')" yes
  promise "$device: Iraq is gone" "$(card $device Iraq)" ""
  promise "$device: all 30 answers of both devices count" "$(status $device events)" 30
  promise "$device: Japan was forgotten on one of two devices today, so it is in box 1" "$(on $device --json card show "$japan" | field box)" 1
  for id in "$afghanistan" "${cards[6]}"; do
    state=$(on $device --json card show "$id")
    promise "$device: a card that both knew is in box 2, with two answers" "$(field box <<<"$state") $(field reviews <<<"$state")" "2 2"
  done
done
tell "Why Japan is where it is:"
show laptop card why "$japan"
tell "Peru is the one thing only a person can settle. Both versions are kept and shown:"
show laptop conflicts list
promise "one text waits for a choice, on both devices" "$(status laptop conflicts) $(status phone conflicts)" "1 1"
promise "both devices show the same" "$(status phone state_digest)" "$(status laptop state_digest)"

title "6. The choice is made on one device and holds on both"
conflict=$(on laptop --json conflicts list 2>/dev/null | field id)
show laptop conflicts pick "$conflict" --text "Lima, the City of Kings, on the Pacific"
sync_line laptop
sync_line phone
promise "the phone shows the chosen text" "$(shows phone "$peru" 'Lima, the City of Kings, on the Pacific')" yes
promise "nothing waits any more" "$(status laptop conflicts) $(status phone conflicts)" "0 0"
promise "both devices are whole" "$(on laptop verify >/dev/null 2>&1 && echo yes) $(on phone verify >/dev/null 2>&1 && echo yes)" "yes yes"

title "The state of both devices"
laptop_state=$(status laptop state_digest) phone_state=$(status phone state_digest)
tell "laptop  $laptop_state"
tell "phone   $phone_state"
promise "they are equal" "$phone_state" "$laptop_state"
stop_server && stopped=well || stopped=badly
promise "the server stopped cleanly" "$stopped" well

echo
if [ "$broken" -gt 0 ]; then
  echo "${red}$broken promises did not hold.${plain}"
  exit 1
fi
echo "${green}${bold}Everything held.${plain} Your own: memoryvault init, memoryvault deck add, memoryvault study. The server: see README.md."
