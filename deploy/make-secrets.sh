#!/bin/sh
# Makes the files that docker-compose.yml gives its services, each where it is missing. None is shown.
#
#   deploy/make-secrets.sh [FOLDER]      FOLDER: secrets
#   ANTHROPIC_API_KEY=…                  the provider's key; else it is asked for
#   BATCHGEN_SECRET_KEY=… POSTGRES_PASSWORD=… FLOWER_BASIC_AUTH=…
#                                        of an installation that has them; else they are made up
set -eu
folder=${1:-secrets}
# The folder keeps others out. In a container the files are read by another user than ours.
mkdir -p "$folder"
chmod 700 "$folder"
umask 022

random() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"; }
keep() {
	[ -s "$folder/$1" ] && return
	printf '%s\n' "$2" >"$folder/$1"
	echo "made $folder/$1"
}

keep secret_key "${BATCHGEN_SECRET_KEY:-$(random 64)}"
keep postgres_password "${POSTGRES_PASSWORD:-$(random 40)}"
keep flower_basic_auth "${FLOWER_BASIC_AUTH:-flower:$(random 40)}"
keep grafana_password "$(random 40)"
[ -s "$folder/provider_key" ] && exit
if [ -z "${ANTHROPIC_API_KEY:-}" ]; then
	if [ ! -t 0 ]; then
		echo "Nobody is there to ask for the provider's key. Set ANTHROPIC_API_KEY." >&2
		exit 1
	fi
	printf "The provider's key (it is not shown): " >&2
	trap 'stty echo' EXIT
	trap 'exit 130' INT TERM
	stty -echo
	read -r ANTHROPIC_API_KEY
	echo >&2
fi
if [ -z "$ANTHROPIC_API_KEY" ]; then
	echo "No key was given, so $folder/provider_key was not made. Do this again." >&2
	exit 1
fi
keep provider_key "$ANTHROPIC_API_KEY"
