#!/usr/bin/env bash
# Builds the image where there is no Docker engine: with buildah, on a base made of Debian's packages.
#
#   deploy/build.sh [NAME]       NAME: what the image is called; batchgen
#   STORE=FOLDER                 where buildah keeps images; else its own place
#
# As root, with buildah and mmdebstrap (Debian: apt install --no-install-recommends buildah mmdebstrap).
# The packages are fetched beforehand, by the base's own pip, which asks as pip is configured here:
# nothing of that configuration comes into the build, which asks nobody.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-batchgen}
base=$(sed -n 's/^ARG PYTHON=//p' deploy/Dockerfile)
suite=${base##*-}
work=$(mktemp -d)
trap 'rm -rf "$work" deploy/wheels' EXIT

store=()
if [ -n "${STORE:-}" ]; then
	mkdir -p "$STORE"
	store=(--root "$(realpath "$STORE")/root" --runroot "$(realpath "$STORE")/run")
fi

# Under the name of the base, which has Python in another place and is alike for all that we do with it.
make_base() {
	mmdebstrap --quiet --variant=minbase --include=ca-certificates,netbase,python3,python3-venv,tzdata \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' "$suite" "$work/base.tar"
	local container
	container=$(buildah "${store[@]}" from scratch)
	buildah "${store[@]}" add --quiet "$container" "$work/base.tar" / >/dev/null
	buildah "${store[@]}" commit --quiet --rm "$container" "$base" >/dev/null
	rm "$work/base.tar"
}

# What pip's variables and files say together: variables are told first, and count.
configure_pip() {
	{
		echo '[global]'
		python3 -m pip config list 2>/dev/null | sed -n "s/^[^=]*\.\([a-z-]*\)='\(.*\)'$/\1 = \2/p" |
			awk '!seen[$1]++'
	} >"$work/pip.conf"
	lent=(--volume "$work/pip.conf:/etc/pip.conf:ro")
	local path
	# Files and folders that it names; an index's packages stand beside its folder.
	for path in $(grep -oE '(file://)?/[^ ]+' "$work/pip.conf" | sed 's#^file://##; s#/simple/*$##' | sort -u); do
		[ ! -e "$path" ] || lent+=(--volume "$path:$path:ro")
	done
}

fetch_packages() {
	mkdir -p deploy/wheels
	local container
	container=$(buildah "${store[@]}" from --pull=false "$base")
	buildah "${store[@]}" run --isolation=chroot "${lent[@]}" --volume "$PWD/requirements.txt:/requirements.txt:ro" \
		--volume "$PWD/deploy/wheels:/wheels" "$container" -- sh -c "python3 -m venv /venv && /venv/bin/pip download \
			-qq --require-hashes --only-binary=:all: --dest /wheels --requirement /requirements.txt"
	buildah "${store[@]}" rm "$container" >/dev/null
}

buildah "${store[@]}" inspect --type image "$base" >/dev/null 2>&1 || make_base
configure_pip
fetch_packages
buildah "${store[@]}" bud --isolation=chroot --network=host --pull=false --layers=false \
	--ignorefile deploy/Dockerfile.dockerignore --file deploy/Dockerfile --tag "$name" . >"$work/log" 2>&1 || {
	tail -n 50 "$work/log" >&2
	exit 1
}
