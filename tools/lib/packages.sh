# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts in tools/: makes sure that Debian packages are there.
#
#   need_packages WHAT_FOR PACKAGE...
#
# Installs what is missing, saying so, when it may (root, on Debian or a relative of it).  Otherwise
# it says what to install and returns 69 (EX_UNAVAILABLE).  All words go to stderr.

BUILD_PACKAGES="gcc libc6-dev cmake ninja-build libev-dev libssl-dev uthash-dev libxxhash-dev libpcre2-dev libjansson-dev libmicrohttpd-dev"
TEST_PACKAGES="$BUILD_PACKAGES libcmocka-dev python3 strace openssl scdoc"
FUZZ_PACKAGES="$BUILD_PACKAGES clang libclang-rt-14-dev llvm"
LINT_PACKAGES="clang clang-format"

# Away from Debian a package name means nothing, so look for what the package is wanted for.
package_is_usable() {
    case "$1" in
    gcc | cmake | clang | python3 | strace | openssl | scdoc) command -v "$1" >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    llvm) command -v llvm-symbolizer >/dev/null ;;
    libc6-dev) has_header stdio.h ;;
    libev-dev) has_header ev.h ;;
    libssl-dev) has_header openssl/ssl.h ;;
    libmicrohttpd-dev) has_header microhttpd.h ;;
    uthash-dev) has_header uthash.h ;;
    libxxhash-dev) has_header xxhash.h ;;
    libpcre2-dev) echo '#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>' | cc -E - >/dev/null 2>&1 ;;
    libjansson-dev) has_header jansson.h ;;
    libcmocka-dev) echo '#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>' | cc -E - >/dev/null 2>&1 ;;
    *) true ;;
    esac
}

has_header() {
    echo "#include <$1>" | cc -E - >/dev/null 2>&1
}

package_is_installed() {
    if command -v dpkg-query >/dev/null; then
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
    else
        package_is_usable "$1"
    fi
}

missing_packages() {
    for package in "$@"; do
        package_is_installed "$package" || printf '%s ' "$package"
    done
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 \
        install --no-install-recommends "$@"
}

may_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

need_packages() {
    what_for=$1
    shift
    missing=$(missing_packages "$@")
    missing=${missing% }
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "missing for $what_for, by their Debian names: $missing" >&2
        echo "install what your system calls them and start again" >&2
        return 69
    fi
    if ! may_install; then
        echo "missing for $what_for: $missing" >&2
        echo "install them and start again: sudo apt-get install $missing" >&2
        return 69
    fi
    echo "installing for $what_for: $missing" >&2
    install_started=$(date +%s)
    install_log=$(mktemp)
    # shellcheck disable=SC2086
    if apt_install $missing >"$install_log" 2>&1 ||
        { apt-get -q -o DPkg::Lock::Timeout=600 update >>"$install_log" 2>&1 &&
            apt_install $missing >>"$install_log" 2>&1; }; then
        rm -f "$install_log"
        echo "installed in $(($(date +%s) - install_started)) s" >&2
        return 0
    fi
    tail -n 20 "$install_log" >&2
    rm -f "$install_log"
    echo "could not install for $what_for: $missing" >&2
    return 69
}
