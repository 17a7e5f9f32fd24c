#!/bin/sh
# install-packages.sh PACKAGE...: installs the Debian packages that are missing. Where that can't be done it says so and
# succeeds: the tests that need a package say that they are skipped.
set -u
missing=
for p in "$@"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
	echo "not installed (needs apt-get and root):$missing" >&2
	exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# Packages must not start daemons: the tests start their own.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1
fi
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1 || echo "could not be installed:$missing" >&2
[ -z "$made" ] || rm -f "$policy"
exit 0
