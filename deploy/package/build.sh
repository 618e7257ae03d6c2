#!/usr/bin/env bash
# Makes the Debian package of the agent from what was built; prints its path. `make package` calls it.
#
#   ARCH       Debian's name of the machine; this one's. Another needs AGENT and SIMULATOR of its own.
#   AGENT, SIMULATOR   the programs
#   VERSION    of the package; the release's
#   OUT        folder of the package; .build/package
#   XZ_LEVEL   how hard to compress, 0 to 9; 9
set -euo pipefail
cd "$(dirname "$0")/../.."
here=deploy/package
native=$(dpkg --print-architecture)
arch=${ARCH:-$native}
if [ "$arch" != "$native" ] && { [ -z "${AGENT:-}" ] || [ -z "${SIMULATOR:-}" ]; }; then
    echo "a package for $arch needs AGENT=… and SIMULATOR=…, built for it" >&2
    exit 1
fi
agent=${AGENT:-.build/release/cuelight-agent}
simulator=${SIMULATOR:-.build/firmware/cuelight-board-host}
version=${VERSION:-$(sed -n 's/.*version = "\(.*\)".*/\1/p' Sources/Platform/Platform/Release.swift)}
out=${OUT:-.build/package}
# The same sources make the same package.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH=$epoch

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
tree=$root/cuelight-agent
put() { install -D -m "$1" "$2" "$tree/$3"; }
strip_tool=strip
[ "$arch" = "$native" ] || strip_tool=$(command -v "$(dpkg-architecture -a"$arch" -qDEB_HOST_GNU_TYPE 2>/dev/null)-strip" || true)

put 755 "$agent" usr/bin/cuelight-agent
put 755 "$simulator" usr/libexec/cuelight/cuelight-board-host
if [ -n "$strip_tool" ]; then
    "$strip_tool" --strip-unneeded --remove-section=.comment "$tree/usr/bin/cuelight-agent" \
        "$tree/usr/libexec/cuelight/cuelight-board-host"
fi
put 644 $here/cuelight-agent.service lib/systemd/system/cuelight-agent.service
put 644 $here/60-cuelight-agent.rules lib/udev/rules.d/60-cuelight-agent.rules
put 644 $here/cuelight-agent.default etc/default/cuelight-agent
images=(.build/firmware/*.hex)
[ -e "${images[0]}" ] || { echo "no firmware in .build/firmware; run make firmware" >&2; exit 1; }
for image in "${images[@]}"; do
    put 644 "$image" "usr/share/cuelight/firmware/${image##*/}"
done
put 644 .build/firmware/index.json usr/share/cuelight/firmware/index.json

# From the program itself, or for a foreign machine from this one's.
talker=$agent
[ "$arch" = "$native" ] || talker=${NATIVE_AGENT:-.build/release/cuelight-agent}
documents=usr/share/doc/cuelight-agent
install -d "$tree/usr/share/man/man8" "$tree/$documents" \
    "$tree/usr/share/bash-completion/completions" "$tree/usr/share/zsh/vendor-completions" \
    "$tree/usr/share/fish/vendor_completions.d"
"$talker" manual --date "$(date -u -d "@$epoch" +%F)" | gzip -9n >"$tree/usr/share/man/man8/cuelight-agent.8.gz"
"$talker" completions bash >"$tree/usr/share/bash-completion/completions/cuelight-agent"
"$talker" completions zsh >"$tree/usr/share/zsh/vendor-completions/_cuelight-agent"
"$talker" completions fish >"$tree/usr/share/fish/vendor_completions.d/cuelight-agent.fish"
put 644 $here/copyright $documents/copyright
gzip -9n >"$tree/$documents/changelog.gz" <<END
cuelight-agent ($version) unstable; urgency=medium

  * What is new stands in CHANGELOG.md of the sources.

 -- Cuelight <maintainers@cuelight.example>  $(LC_ALL=C date -u -R -d "@$epoch")
END

install -d "$tree/DEBIAN"
install -m 755 $here/postinst $here/prerm $here/postrm "$tree/DEBIAN"
echo /etc/default/cuelight-agent >"$tree/DEBIAN/conffiles"
size=$(du -k -s --apparent-size "$tree" | cut -f1)
depends=$(paste -s -d, $here/depends | sed 's/,/, /g')
sed -e "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/; s/@DEPENDS@/$depends/" $here/control.in >"$tree/DEBIAN/control"
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod 644 "$tree/DEBIAN/control" "$tree/DEBIAN/conffiles" "$tree/DEBIAN/md5sums"
find "$tree" -type d -exec chmod 755 {} +
find "$tree" -newermt "@$epoch" -exec touch -h -d "@$epoch" {} +

mkdir -p "$out"
package=$out/cuelight-agent_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz -z"${XZ_LEVEL:-9}" --build "$tree" "$package" >&2
echo "$package"
